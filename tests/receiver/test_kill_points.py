"""kill -9 of a real receiver between pull, write, sync, commit and ack: each point, one by one."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from natsconsole.receiver.rotated_names import read_rotated
from shipper.connection import Connection
from shipper.wire import SourceRange
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.programs import Program
from tests.support.receiver_with_kill_point import VARIABLE

TIMES = (1, 2)
"""The first passing makes files and rows, the second adds to them."""
ONCE = ("adopt", "reserve", "release")
"""Points that are passed once."""
POLICIES = ["explicit", pytest.param("all", marks=pytest.mark.long)]
ON_THE_WAY = ("pull", "adopt", "half", "write", "sync", "commit", "ack", "reserve", "release")
"""Points that any line passes; the others need a rotation or trouble."""


class Collector:
    """A receiver's directory, and the runs that use it."""

    def __init__(self, server: NatsServer, directory: Path, policy: str) -> None:
        self.directory = directory
        self._arguments = (
            "-s", server.url, "--dir", str(directory), "--ack-policy", policy,
            "--ack-wait", "2s", "--max-ack-pending", "50",
        )  # fmt: skip

    async def run_until_killed(self, point: str, times: int = 1, *more: str) -> None:
        program = Program(
            "tests.support.receiver_with_kill_point",
            *self._arguments, *more, "--exit-when-idle", "5s",
            env={VARIABLE: f"{point}:{times}"},
        )  # fmt: skip
        async with program:
            code, _, errors = await program.finish_served()
        assert code == -signal.SIGKILL, f"{point}:{times} was not passed: {code} {errors}"

    async def run_to_the_end(self, *more: str) -> None:
        program = Program(
            "natsconsole", "receive", *self._arguments, *more, "--exit-when-idle", "0.3s"
        )
        async with program:
            code, _, errors = await program.finish_served()
        assert code == 0, errors
        assert "Traceback" not in errors

    def files(self, source: Source) -> list[Path]:
        """The log's files in the order of their lines."""
        path = self.directory / source.host / source.name
        found = ((read_rotated(other.name), other) for other in path.parent.glob("*"))
        rotated = [other for _, other in sorted((name, other) for name, other in found if name)]
        return rotated + ([path] if path.is_file() else [])

    def content(self, source: Source) -> bytes:
        return b"".join(path.read_bytes() for path in self.files(source))

    def quarantine(self) -> list[int]:
        """The sequences that are in quarantine."""
        lines = b"".join(
            path.read_bytes() for path in self.directory.glob(".natsconsole/quarantine-*.jsonl")
        )
        return [json.loads(line)["sequence"] for line in lines.splitlines()]

    def committed_length(self, source: Source) -> int:
        """Look into a copy of the ledger: to open it would mend what the crash has left."""
        copy = self.directory.with_name("copy")
        shutil.copytree(self.directory / ".natsconsole", copy)
        db = sqlite3.connect(copy / "ledger.db")
        try:
            path = f"{source.host}/{source.name}"
            row = db.execute("SELECT length FROM file WHERE path = ?", (path,)).fetchone()
        finally:
            db.close()
            shutil.rmtree(copy)
        return row[0] if row else 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("point", ON_THE_WAY)
async def test_killed_at_the_point_and_nothing_is_lost_or_doubled(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, point: str, policy: str
) -> None:
    await make_stream(connection)
    collector = Collector(nats_server, tmp_path / "out", policy)
    sources = [Source(connection, f"web{number}") for number in range(4)]
    for times in TIMES:
        for source in sources:
            await source.publish_lines(30)
        before = {source.host: collector.content(source) for source in sources}

        await collector.run_until_killed(point, times)

        assert_is_where_it_died(collector, sources, point, before)
        if point in ONCE:
            break
    for source in sources:
        await source.publish_lines(30)
    await collector.run_to_the_end()

    for source in sources:
        assert collector.content(source) == source.content, source.host


def assert_is_where_it_died(
    collector: Collector, sources: list[Source], point: str, before: dict[str, bytes]
) -> None:
    """Look at what the crash has left: the point was hit, and no other."""
    uncommitted = sum(
        len(collector.content(source)) - collector.committed_length(source) for source in sources
    )
    has_grown = any(collector.content(source) != before[source.host] for source in sources)
    if point in {"half", "write", "sync", "release"}:
        assert uncommitted > 0
    elif point in {"adopt", "reserve"}:
        assert uncommitted == 0
        assert not has_grown
    elif point == "commit":
        assert uncommitted == 0
        assert has_grown
    elif point == "ack":
        assert has_grown


async def test_killed_in_a_rotation(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    collector = Collector(nats_server, tmp_path / "out", "explicit")
    source = Source(connection, "web1")
    limit = ("--rotate-size", "64KiB")
    await source.publish(b"a" * 39_999 + b"\n")
    await collector.run_to_the_end(*limit)
    for point, sizes in (("rename", [40_000]), ("rotated", [40_000, 40_000, 0])):
        await source.publish(b"b" * 39_999 + b"\n")
        await collector.run_until_killed(point, 1, *limit)
        assert [path.stat().st_size for path in collector.files(source)] == sizes
        await collector.run_to_the_end(*limit)
        assert collector.content(source) == source.content

    assert [path.stat().st_size for path in collector.files(source)] == [40_000] * 3


async def test_killed_while_a_message_goes_to_quarantine(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    collector = Collector(nats_server, tmp_path / "out", "explicit")
    source = Source(connection, "web1")
    for number, point in enumerate(("quarantine", "terminate"), 1):
        await source.publish_lines(5)
        wrong = SourceRange(host="web1", name="app.log", file="bad", start=0, end=9, line=number)
        headers = {**wrong.headers(), "Nats-Msg-Id": f"bad-{number}"}
        await connection.request("logs.web1", b"not nine bytes\n", headers=headers)
        await source.publish_lines(5)
        await collector.run_until_killed(point)
        # The second kill may be at the first one's termination, before the next is looked at.
        assert collector.quarantine() in ([6], [6, 17])
    await collector.run_to_the_end()

    assert collector.quarantine() == [6, 17], "each once"
    assert collector.content(source) == source.content


@pytest.mark.parametrize("policy", POLICIES)
async def test_killed_while_a_log_is_parked_and_filled_up(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    await make_stream(connection)
    collector = Collector(nats_server, tmp_path / "out", policy)
    broken, well = Source(connection, "broken"), Source(connection, "well")
    obstacle = tmp_path / "out/broken/app.log"
    obstacle.mkdir(parents=True)

    async def publish() -> None:
        for _ in range(5):
            await broken.publish_lines(10)
            await well.publish_lines(2)

    await publish()
    await collector.run_until_killed("park")
    await publish()
    obstacle.rmdir()
    await collector.run_until_killed("backfill-write")
    assert collector.committed_length(broken) < len(collector.content(broken))
    await collector.run_until_killed("backfill")
    assert broken.content.startswith(collector.content(broken))
    assert collector.committed_length(broken) == len(collector.content(broken)) > 0
    await publish()
    await collector.run_until_killed("unpark")
    await publish()
    await collector.run_to_the_end()

    for source in (broken, well):
        assert collector.content(source) == source.content, source.host
