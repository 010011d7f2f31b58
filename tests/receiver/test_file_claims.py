"""Two receivers that share a directory never write to one file at once, whoever is killed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from natsconsole.gateway.log_stream import LogStream, create_log_stream
from natsconsole.receiver import file_claims
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.ledger import Ledger, PartitionCommit
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.disk_side import CrashError, DiskSide
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.programs import Program
from tests.support.waiting import until


class Meanwhile:
    """Does something between a sync and its commit, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.act: Callable[[], object] | None = None
        commit = Ledger.commit

        def interrupted(
            ledger: Ledger, commits: Iterable[PartitionCommit]
        ) -> dict[tuple[int, str, str], int]:
            act, self.act = self.act, None
            if act is not None:
                act()
            return commit(ledger, commits)

        monkeypatch.setattr(Ledger, "commit", interrupted)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


def two(directory: Path) -> tuple[DiskSide, DiskSide]:
    """Two receivers' disk sides with a partition each; both have lines of web1."""
    return DiskSide(directory), DiskSide(directory, partition=1)


def test_what_is_not_committed_yet_is_not_cut_by_another(
    tmp_path: Path, meanwhile: Meanwhile
) -> None:
    one, other = two(tmp_path / "out")
    other.write(b"x\n")
    other.committer.let_go(1)
    one.ends = {"web1": 100}
    one.write(b"a\n")
    meanwhile.act = lambda: other.committer.take_over(1)
    one.write(b"b\n")

    assert one.content() == b"x\na\nb\n"
    one.crash()
    assert one.content() == b"x\na\nb\n"


def test_a_host_that_another_writes_is_held_until_it_has_done(
    tmp_path: Path, meanwhile: Meanwhile
) -> None:
    one, other = two(tmp_path / "out")
    one.write(b"a\n")
    other.ends = {"web1": 100}
    message, elsewhere = other.message(b"x\n"), other.message(b"y\n", "web2")
    outcomes = []
    meanwhile.act = lambda: outcomes.append(other.give(message, elsewhere))
    one.write(b"b\n")

    (outcome,) = outcomes
    assert outcome.failure is None
    ((key, error),) = outcome.broken.items()
    assert (key, error.errno) == (("web1", "app.log"), errno.EBUSY)
    assert other.content("web2") == b"y\n"
    one.committer.let_go(0)
    assert other.give(message).broken == {}
    assert one.content() == b"a\nb\nx\n"
    other.committer.let_go(1)
    one.write(b"c\n")
    one.crash()
    other.crash()
    assert one.content() == b"a\nb\nx\nc\n"


def test_what_a_crash_has_left_is_cut_before_another_appends(
    tmp_path: Path, meanwhile: Meanwhile
) -> None:
    """The other has written to the file before, and remembers how long it was."""
    one, other = two(tmp_path / "out")
    other.write(b"a\n")
    other.committer.let_go(1)

    def crash() -> None:
        one.archive.close()
        raise CrashError

    one.ends = {"web1": 100}
    message = one.message(b"half-written\n")
    meanwhile.act = crash
    with pytest.raises(CrashError):
        one.give(message)
    assert other.content() == b"a\nhalf-written\n"
    other.write(b"b\n")
    assert other.content() == b"a\nb\n"
    other.committer.let_go(1)

    one.begin()
    assert one.give(message).broken == {}
    assert one.content() == b"a\nb\nhalf-written\n"


def test_an_idle_file_is_given_up_and_one_that_is_left_over_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two(tmp_path / "out")
    one.write(b"a\n")
    other.ends = {"web1": 100}
    message = other.message(b"x\n")
    one.committer.give_up_unused()
    assert other.give(message).broken
    cut = Archive.cut

    def refuse(self: Archive, path: str, length: int) -> None:
        raise PermissionError(errno.EPERM, "no", path)

    monkeypatch.setattr(file_claims, "IDLE", -1.0)
    monkeypatch.setattr(Archive, "cut", refuse)
    one.archive.write_fault = lambda _: 1
    assert one.give(one.message(b"b\n")).failure is not None
    one.committer.give_up_unused()
    assert other.give(message).broken, "a byte of it is still to be cut off"
    monkeypatch.setattr(Archive, "cut", cut)
    one.archive.write_fault = None
    assert one.committer.commit([]) == []
    one.write(b"c\n", "web2")
    assert other.give(message).broken == {}
    assert other.content() == b"a\nx\n"


def test_more_files_in_a_batch_than_are_kept_claimed(
    tmp_path: Path, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the limit of claims nor that of open files lets another in before the commit."""
    monkeypatch.setattr(file_claims, "CLAIMS_KEPT", 3)
    one = DiskSide(tmp_path / "out", open_files=2)
    other = DiskSide(tmp_path / "out", partition=1)
    hosts = [f"web{number}" for number in range(8)]
    other.ends = dict.fromkeys(hosts, 100)
    messages = [other.message(b"x\n", host) for host in hosts]
    outcomes = []
    meanwhile.act = lambda: outcomes.append(other.give(*messages))
    outcome = one.give(*(one.message(b"a\n", host) for host in hosts))

    assert outcome.broken == {}
    assert len(outcomes[0].broken) == 8
    assert len(other.give(*messages).broken) == 3, "as many as are kept"
    one.committer.let_go(0)
    assert other.give(*messages[-3:]).broken == {}
    assert {one.content(host) for host in hosts} == {b"a\nx\n"}


async def test_after_a_change_of_partitions_two_receivers_take_turns(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_claims, "IDLE", 3600.0)  # until the other has found it so
    jetstream = await make_stream(connection, spec(1))
    sources = [Source(connection, f"web{number}") for number in range(12)]
    for source in sources:
        await source.publish_lines(3)
    await create_log_stream(jetstream, spec(2))
    for source in sources:
        await source.publish_lines(3)
    out = tmp_path / "out"
    one = receiver_config(out, partitions=frozenset({0}))
    other = receiver_config(out, name="receiver-2", partitions=frozenset({1}))
    async with running(nats_server, one) as first:
        await until(lambda: first.status("").written_lines >= 36, why="the old lines are written")
        async with running(nats_server, other) as second:
            await until(lambda: held_reasons(second) != set())
            assert held_reasons(second) == {"another receiver that shares this directory"}
            monkeypatch.setattr(file_claims, "IDLE", 2.0)
            await until(
                lambda: first.status("").written_lines + second.status("").written_lines == 72,
                within=40,
            )
    for source in sources:
        assert (out / source.host / source.name).read_bytes() == source.content, source.host


def spec(partitions: int) -> LogStream:
    return LogStream(partitions=partitions, max_age_seconds=3600, max_bytes=64 << 20)


def held_reasons(receiver: Receiver) -> set[str]:
    """Return how the reasons of held hosts begin."""
    worker = receiver._workers[1]
    return {
        held.reason.partition(" writes to it")[0]
        for held in worker.partition.held_logs.logs.values()
    }


async def test_a_directory_of_another_stream_is_refused(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection)
    await create_log_stream(
        jetstream,
        LogStream(
            name="OTHER", prefix="other", partitions=1, max_age_seconds=3600, max_bytes=1 << 20
        ),
    )
    out = tmp_path / "out"
    arguments = ("receive", "-s", nats_server.url, "--dir", out, "--exit-when-idle", "0.2s")
    async with Program("natsconsole", *arguments) as program:
        code, _, errors = await program.finish_served()
    assert code == 0, errors
    async with Program("natsconsole", *arguments, "--stream", "OTHER") as program:
        code, _, errors = await program.finish_served()

    assert code == 2
    (line,) = [line for line in errors.splitlines() if "ledger" in line]
    assert "belongs to stream 'LOGS': give stream 'OTHER' a --dir of its own" in line
    assert "Traceback" not in errors
