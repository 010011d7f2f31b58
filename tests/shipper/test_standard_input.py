"""Standard input as a source: of any kind, and obedient like every other."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from shipper.connection import Connection
from shipper.wire import HEARTBEAT_SUBJECT, PING_SUBJECT, Heartbeat
from tests.shipper.shipping import arrives, content, make_bucket, make_stream, press, release
from tests.support.nats_server import NatsServer
from tests.support.waiting import until


@pytest.fixture
def flags(nats_server: NatsServer) -> list[str]:
    return ["-s", nats_server.url, "--host", "web1"]


@asynccontextmanager
async def fed(flags: list[str], stdin: int) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "shipper", "-", *flags)
    process = await asyncio.create_subprocess_exec(*command, stdin=stdin, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def end_of(process: Process) -> tuple[int | None, str]:
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    return process.returncode, said.decode()


async def test_a_pipe_that_does_not_block(connection: Connection, flags: list[str]) -> None:
    await make_stream(connection)
    read, write = os.pipe()
    os.set_blocking(read, False)
    async with fed(flags, read) as process:
        os.close(read)
        os.write(write, b"one\n")
        await arrives(connection, b"one\n")
        os.write(write, b"two")
        os.close(write)
        assert (await end_of(process))[0] == 0
    assert await content(connection) == b"one\ntwo"


async def test_what_cannot_be_read(
    connection: Connection, flags: list[str], tmp_path: Path
) -> None:
    await make_stream(connection)
    only_to_write = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    async with fed(flags, only_to_write) as process:
        os.close(only_to_write)
        code, said = await end_of(process)
    assert code == 1
    assert "cannot read standard input: bad file descriptor" in said
    assert "Traceback" not in said


async def test_the_red_button_holds_it_up(connection: Connection, flags: list[str]) -> None:
    await make_stream(connection)
    await make_bucket(connection)
    heard: list[Heartbeat] = []

    def hear(_subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        heard.append(msgspec.json.decode(payload, type=Heartbeat))

    await connection.subscribe(f"{HEARTBEAT_SUBJECT}.>", hear)
    await press(connection, "all", pause=True)
    read, write = os.pipe()
    async with fed(flags, read) as process:
        os.close(read)
        os.write(write, b"one\n")
        await until(lambda: heard and heard[-1].hosts[0].paused)
        assert (heard[-1].hosts[0].host, heard[-1].hosts[0].logs) == ("web1", 1)
        assert await content(connection) == b""
        await release(connection, "all")
        await arrives(connection, b"one\n")
        await until(lambda: not heard[-1].hosts[0].paused)
        await press(connection, "all", pause=True)
        await until(lambda: heard[-1].hosts[0].paused)
        os.write(write, b"two\n")
        os.close(write)
        await until(lambda: heard[-1].hosts[0].backlog_bytes or ping(connection))
        assert await content(connection) == b"one\n"
        process.terminate()
        assert (await end_of(process))[0] == 1, "what was read is not in the stream"


async def ping(connection: Connection) -> bool:
    await connection.publish(PING_SUBJECT)
    return False
