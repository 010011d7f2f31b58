"""Standard input as a source: of any kind, and obedient like every other."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shipper.connection import Connection
from tests.shipper.shipping import arrives, content, make_stream
from tests.support.nats_server import NatsServer


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
