"""kill -9 of a real receiver, again and again: nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import contextlib
import random
from functools import partial
from pathlib import Path

import pytest

from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.programs import Program
from tests.support.waiting import until


@pytest.mark.parametrize("policy", ["explicit", pytest.param("all", marks=pytest.mark.long)])
async def test_killed_receiver_leaves_identical_files(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    sources = [Source(connection, f"web{number}") for number in range(5)]
    stop = asyncio.Event()

    async def publish_all() -> None:
        while not stop.is_set():
            for source in sources:
                await source.publish_lines(3)

    publishing = asyncio.create_task(publish_all())
    chance = random.Random(7)
    program = Program(
        "natsconsole", "receive", "-s", nats_server.url, "--dir", out,
        "--ack-policy", policy, "--ack-wait", "2s", "--max-ack-pending", "100",
    )  # fmt: skip
    for _ in range(5):
        await program.start()
        before = _size(out)
        await until(partial(_has_grown, out, before), within=30, why="lines are written")
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        await program.kill()
    stop.set()
    await publishing
    async with program:
        for source in sources:
            path = out / source.host / source.name
            await until(partial(_holds, path, source), within=30, why=f"{source.host} is identical")


async def test_sigterm_drains_and_exits_0(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    async with Program(
        "natsconsole", "receive", "-s", nats_server.url, "--dir", tmp_path
    ) as program:
        await source.publish_lines(10)
        path = tmp_path / "web1/app.log"
        await until(path.exists, within=30)
        code, _, errors = await program.terminate()

    assert code == 0, errors
    assert "Traceback" not in errors


async def test_exits_when_idle(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    await source.publish_lines(10)
    async with Program(
        "natsconsole",
        "receive",
        "-s",
        nats_server.url,
        "--dir",
        tmp_path,
        "--exit-when-idle",
        "0.5s",
    ) as program:
        code, _, errors = await program.finish_served()

    assert code == 0, errors
    assert (tmp_path / "web1/app.log").read_bytes() == source.content


def _holds(path: Path, source: Source) -> bool:
    return path.exists() and path.read_bytes() == source.content


def _has_grown(directory: Path, before: int) -> bool:
    return _size(directory) > before


def _size(directory: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return sum(path.stat().st_size for path in directory.glob("web*/*"))
    return 0
