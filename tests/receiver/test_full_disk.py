"""A disk that is really full: everything waits, in order, and goes on by itself."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from benchmarks.chaos.small_disk import SmallDisk
from natsconsole.domain.receivers import ReceiverStatus, control_subject
from natsconsole.gateway.jetstream import JetStream
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.ledger import Ledger
from natsconsole.receiver.receiver import Receiver
from natsconsole.receiver.reserve import Reserve
from natsconsole.receiver.rotated_names import read_rotated
from natsconsole.receiver.rotation import Rotation
from shipper.connection import Connection, NoRespondersError, RequestFailedError
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.programs import Program
from tests.support.small_disks import small_disk
from tests.support.waiting import until

SIZE = 8 << 20
SETTINGS = ConsumerSettings(ack_wait_seconds=6.0, max_ack_pending=200)
LONGER_THAN_ACK_WAIT = 8.0
"""Seconds. Ack wait itself is longer than a busy machine stops us for."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", SIZE) as mounted:
        yield mounted


def written(out: Path, source: Source) -> bytes:
    """The log's lines in all its files, in order."""
    directory = out / source.host
    if not directory.exists():
        return b""
    rotated = sorted(
        (found, path) for path in directory.iterdir() if (found := read_rotated(path.name))
    )
    paths = [path for _, path in rotated] + [directory / source.name]
    return b"".join(path.read_bytes() for path in paths if path.exists())


async def until_written(out: Path, *sources: Source) -> None:
    for source in sources:
        await until(
            lambda one=source: written(out, one) == one.content,  # type: ignore[misc]
            within=30,
            why=f"{source.host} is written",
        )


async def until_held(receiver: Receiver, *, seconds: float = 0.0) -> ReceiverStatus:
    def is_held() -> bool:
        since = receiver.status("").held_since
        return since is not None and time.time() - since > seconds

    await until(is_held, within=30)
    return receiver.status("")


async def redelivered(jetstream: JetStream) -> int:
    return sum(found.num_redelivered for found in await jetstream.consumers("LOGS"))


async def publish_large(source: Source, count: int) -> None:
    for number in range(count):
        await source.publish(f"{number} {'x' * 10_000}\n".encode())


def fill_first(
    monkeypatch: pytest.MonkeyPatch, disk: SmallDisk, owner: type, name: str
) -> Callable[[], bool]:
    """Fill the disk right before the next call of a method; returns whether that was called."""
    method = getattr(owner, name)
    called: list[bool] = []

    def filling(*arguments: object, **named: object) -> object:
        if not called:
            called.append(True)
            disk.fill(0)
        return method(*arguments, **named)

    monkeypatch.setattr(owner, name, filling)
    return lambda: bool(called)


@pytest.mark.parametrize("policy", ["explicit", "all"])
async def test_full_in_the_middle_of_a_line(
    nats_server: NatsServer, connection: Connection, disk: SmallDisk, policy: str
) -> None:
    jetstream = await make_stream(connection)
    out = disk.path / "out"
    sources = [Source(connection, f"web{number}") for number in range(3)]
    config = receiver_config(out, ack_policy=policy, settings=SETTINGS)
    async with running(nats_server, config) as receiver:
        for source in sources:
            await source.publish_lines(5)
        await until_written(out, *sources)
        before = {source.host: source.content for source in sources}
        disk.fill(8192)
        for source in sources:
            await publish_large(source, 10)
        status = await until_held(receiver, seconds=LONGER_THAN_ACK_WAIT)

        assert "no space left" in status.reason
        assert status.held_messages > 0
        assert await redelivered(jetstream) == 0, "in progress was said for all unacked"
        # In the disk thread, which tries again now and then.
        contents = await receiver._around.disk.call(lambda: [written(out, one) for one in sources])
        for source, content in zip(sources, contents, strict=True):
            assert source.content.startswith(content)
            assert content.endswith(b"\n"), "half a line was taken back"
            assert len(content) >= len(before[source.host])
        disk.free()
        await until_written(out, *sources)
        await until(lambda: receiver.status("").held_since is None)
        status = receiver.status("")
        assert (status.lost, status.doubled, status.out_of_order, status.redelivered) == (0,) * 4


async def test_full_at_the_commit_the_reserve_takes_the_ledger(
    nats_server: NatsServer,
    connection: Connection,
    disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jetstream = await make_stream(connection)
    out = disk.path / "out"
    source = Source(connection, "web1")
    reserve = out / ".natsconsole/reserve-receiver-1"
    async with running(nats_server, receiver_config(out, settings=SETTINGS)) as receiver:
        await source.publish_lines(1)
        await until(lambda: receiver.status("").written_lines == 1)
        assert reserve.stat().st_size > 0
        is_filled = fill_first(monkeypatch, disk, Ledger, "commit")
        await publish_large(source, 3)
        await until(lambda: is_filled() and receiver.status("").written_lines > 1)
        assert reserve.stat().st_size == 0, "the ledger used it"
        lines = receiver.status("").written_lines

        await publish_large(source, 5)
        await until_held(receiver)
        committed = written(out, source)
        assert committed.count(b"\n") == lines, "no line may use what the reserve had"
        disk.free()
        await until_written(out, source)
        assert Reserve(reserve).is_whole
        assert receiver.status("").lost == 0
        assert await redelivered(jetstream) == 0


async def test_the_reserve_is_whole_before_lines_are_written(
    nats_server: NatsServer,
    connection: Connection,
    disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await make_stream(connection)
    out = disk.path / "out"
    source = Source(connection, "web1")
    path = out / ".natsconsole/reserve-receiver-1"
    append = Archive.append
    sizes: list[int] = []

    def watched(self: Archive, name: str, pieces: Sequence[bytes]) -> None:
        sizes.append(path.stat().st_size)
        append(self, name, pieces)

    monkeypatch.setattr(Archive, "append", watched)
    async with running(nats_server, receiver_config(out)) as receiver:
        await source.publish_lines(1)
        await until_written(out, source)
        whole = path.stat().st_size
        fill_first(monkeypatch, disk, Ledger, "commit")
        await publish_large(source, 2)
        await until(lambda: path.stat().st_size == 0)
        await publish_large(source, 2)
        await until_held(receiver)
        disk.free()
        disk.fill(whole // 2)
        await until_held(receiver, seconds=1)
        disk.free()
        await until_written(out, source)

    assert set(sizes) == {whole}


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Archive, "rename"), (Ledger, "adopt")],
    ids=["at the rename", "at the adoption of the new file"],
)
async def test_full_at_rotation(
    nats_server: NatsServer,
    connection: Connection,
    disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
) -> None:
    jetstream = await make_stream(connection)
    out = disk.path / "out"
    source = Source(connection, "web1")
    config = receiver_config(out, rotation=Rotation(size=15_000), settings=SETTINGS)
    async with running(nats_server, config) as receiver:
        await publish_large(source, 1)
        await until_written(out, source)
        fill_first(monkeypatch, disk, owner, name)
        await publish_large(source, 5)
        await until_held(receiver, seconds=LONGER_THAN_ACK_WAIT)
        assert await redelivered(jetstream) == 0
        disk.free()
        await until_written(out, source)
        status = receiver.status("")

    assert (status.lost, status.doubled, status.out_of_order) == (0, 0, 0)
    assert all(path.stat().st_size for path in (out / "web1").iterdir()), "an empty rotated file"


async def test_full_at_the_adoption_of_a_new_host(
    nats_server: NatsServer,
    connection: Connection,
    disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await make_stream(connection)
    out = disk.path / "out"
    old, new = Source(connection, "old"), Source(connection, "new")
    async with running(nats_server, receiver_config(out)) as receiver:
        await old.publish_lines(1)
        await until_written(out, old)
        fill_first(monkeypatch, disk, Ledger, "adopt")
        await new.publish_lines(5)
        await until_held(receiver)
        assert written(out, new) == b""
        disk.free()
        await old.publish_lines(5)
        await until_written(out, old, new)
        assert receiver.status("").lost == 0


def receive(server: NatsServer, out: Path, *more: str) -> Program:
    return Program(
        "natsconsole", "receive", "-s", server.url, "--dir", out, "--name", "receiver-1",
        "--ack-wait", "1s", *more,
    )  # fmt: skip


async def status_of(connection: Connection, name: str = "receiver-1") -> ReceiverStatus | None:
    subject = f"{control_subject('archive', name)}.status"
    try:
        reply = await connection.request(subject)
    except (NoRespondersError, RequestFailedError):
        return None
    return msgspec.json.decode(reply.data, type=ReceiverStatus)


async def test_sigterm_while_holding_and_a_start_on_the_full_disk(
    nats_server: NatsServer, connection: Connection, disk: SmallDisk
) -> None:
    await make_stream(connection)
    out = disk.path / "out"
    source = Source(connection, "web1")

    async def is_held() -> bool:
        status = await status_of(connection)
        return status is not None and status.state == "held"

    async with receive(nats_server, out) as first:
        await source.publish_lines(5)
        await until_written(out, source)
        disk.fill(0)
        await publish_large(source, 10)
        await until(is_held, within=30)
        code, _, errors = await first.terminate()
        assert (code, "Traceback" in errors) == (0, False), errors
    disk.fill(0)  # what it gave back when it ended, too
    async with receive(nats_server, out) as second:
        await until(is_held, within=30, why="held from the start")
        disk.free()
        await until_written(out, source)
        code, _, errors = await second.terminate()
    assert (code, "Traceback" in errors) == (0, False), errors


async def test_the_very_first_start_on_a_full_disk(
    nats_server: NatsServer, connection: Connection, disk: SmallDisk
) -> None:
    await make_stream(connection)
    out = disk.path / "out"
    source = Source(connection, "web1")
    await source.publish_lines(5)
    disk.fill(0)
    async with receive(nats_server, out, "--exit-when-idle", "0.5s") as program:
        code, _, errors = await program.finish_served()

    assert code == 2
    assert "no space left" in errors.lower() or "is full" in errors, errors
    assert "Traceback" not in errors
    disk.free()
    async with receive(nats_server, out, "--exit-when-idle", "0.5s") as program:
        code, _, errors = await program.finish_served()
    assert code == 0, errors
    assert written(out, source) == source.content


async def test_the_reserves_of_two_receivers_take_less_than_5_percent(
    nats_server: NatsServer, connection: Connection, disk: SmallDisk
) -> None:
    await make_stream(connection)
    out = disk.path / "out"
    sources = [Source(connection, f"web{number}") for number in range(8)]
    one, two = receiver_config(out), receiver_config(out, name="receiver-2")
    async with running(nats_server, one), running(nats_server, two):
        reserves = [out / f".natsconsole/reserve-receiver-{number}" for number in (1, 2)]

        async def are_whole() -> bool:
            for source in sources:
                await source.publish_lines(1)
            return all(Reserve(path).is_whole for path in reserves)

        await until(are_whole, within=30, why="each has a partition")
        assert 0 < sum(path.stat().st_size for path in reserves) <= SIZE * 0.05


def test_a_reserve_that_gets_only_a_part_is_not_whole(disk: SmallDisk) -> None:
    reserve = Reserve(disk.path / "reserve", 1 << 20)
    disk.fill(1 << 19)

    with pytest.raises(OSError, match="No space left") as caught:
        reserve.keep()
    assert caught.value.errno == errno.ENOSPC
    assert not reserve.is_whole
    assert (disk.path / "reserve").stat().st_size == 0, "what it got is given back"
