"""kill -9 of a real receiver between pull, write, sync, commit and ack: each point, one by one."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.programs import Program
from tests.support.receiver_with_kill_point import POINTS, VARIABLE

TIMES = (1, 2)
"""The first passing makes files and rows, the second adds to them."""


class Collector:
    """A receiver's directory, and the runs that use it."""

    def __init__(self, server: NatsServer, directory: Path, policy: str) -> None:
        self.directory = directory
        self._arguments = (
            "-s", server.url, "--dir", str(directory), "--ack-policy", policy,
            "--ack-wait", "2s", "--max-ack-pending", "50",
        )  # fmt: skip

    async def run_until_killed(self, point: str, times: int) -> None:
        program = Program(
            "tests.support.receiver_with_kill_point",
            *self._arguments, "--exit-when-idle", "5s",
            env={VARIABLE: f"{point}:{times}"},
        )  # fmt: skip
        async with program:
            code, _, errors = await program.finish(within=20)
        assert code == -signal.SIGKILL, f"{point}:{times} was not passed: {code} {errors}"

    async def run_to_the_end(self) -> None:
        program = Program("natsconsole", "receive", *self._arguments, "--exit-when-idle", "0.5s")
        async with program:
            code, _, errors = await program.finish(within=20)
        assert code == 0, errors
        assert "Traceback" not in errors

    def content(self, source: Source) -> bytes:
        path = self.directory / source.host / source.name
        return path.read_bytes() if path.exists() else b""

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


@pytest.mark.parametrize("policy", ["explicit", "all"])
@pytest.mark.parametrize("point", POINTS)
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
        if point == "adopt":
            break  # a file is adopted once
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
    if point in {"half", "write", "sync"}:
        assert uncommitted > 0
    elif point == "adopt":
        assert uncommitted == 0
        assert not has_grown
    elif point == "commit":
        assert uncommitted == 0
        assert has_grown
    elif point == "ack":
        assert has_grown
