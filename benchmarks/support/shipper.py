"""A shipper under measurement: its process, its server, what they have used."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipper.connection import Connection, ConnectionOptions
from tests.support.nats_server import NatsServer

_LONGEST = 600.0
STREAM = {
    "name": "LOGS",
    "subjects": ["logs.>"],
    "storage": "file",
    "discard": "new",
    "max_bytes": 8 << 30,
    "duplicate_window": 120 * 10**9,
    "allow_direct": True,
}


@dataclass(frozen=True, slots=True)
class Bench:
    """A server with a stream, and a directory for logs."""

    url: str
    connection: Connection
    directory: Path

    async def api(self, call: str, request: Any = None) -> Any:
        """Ask JetStream."""
        payload = b"" if request is None else json.dumps(request).encode()
        reply = await self.connection.request(f"$JS.API.{call}", payload, timeout=10)
        answer = json.loads(reply.data)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    async def empty_stream(self) -> None:
        """Begin with a new stream."""
        with contextlib.suppress(RuntimeError):
            await self.api("STREAM.DELETE.LOGS")
        await self.api("STREAM.CREATE.LOGS", STREAM)


@contextlib.asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Start a server, and end it and remove everything afterwards."""
    with tempfile.TemporaryDirectory(prefix="natsconsole-benchmark-") as name:
        directory = Path(name)
        async with (
            NatsServer(directory / "server") as server,
            Connection(ConnectionOptions(servers=(server.url,))) as connection,
        ):
            found = Bench(server.url, connection, directory)
            await found.empty_stream()
            yield found


@dataclass(frozen=True, slots=True)
class Running:
    """A ``shipper`` that was started."""

    process: asyncio.subprocess.Process

    @property
    def resident_bytes(self) -> int:
        """Its resident set, as Linux counts it."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    @property
    def cpu_seconds(self) -> float:
        """What it has used of a core, by itself and in the kernel."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def shipper(where: Bench, state: str, *arguments: str) -> AsyncIterator[Running]:
    """Run ``shipper`` until the block ends."""
    command = (sys.executable, "-m", "shipper", "-s", where.url,
               "--state", str(where.directory / state), *arguments)  # fmt: skip
    with (where.directory / f"{state}.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stderr=output
        )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(15):
            await process.wait()


async def stored_messages(where: Bench) -> int:
    """How many messages the stream has."""
    return int((await where.api("STREAM.INFO.LOGS"))["state"]["messages"])


async def wait_for_messages(where: Bench, count: int, *, look: float = 0.1) -> None:
    """Wait until the stream has so many."""
    async with asyncio.timeout(_LONGEST):
        while await stored_messages(where) < count:
            await asyncio.sleep(look)
