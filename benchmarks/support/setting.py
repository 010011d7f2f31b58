"""Where a benchmark runs: a real nats-server on loopback and a directory, both its own."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.fleet import STREAM, Fleet, fill
from natsconsole.gateway.jetstream import JetStream
from shipper.connection import Connection, ConnectionOptions
from tests.support.nats_server import NatsServer


@dataclass(frozen=True, slots=True)
class Setting:
    """A server whose stream is filled."""

    url: str
    connection: Connection
    jetstream: JetStream
    directory: Path

    async def forget_consumers(self) -> None:
        """Delete every consumer, so that rounds do not burden each other."""
        for consumer in await self.jetstream.consumers(STREAM.name):
            await self.jetstream.delete_consumer(STREAM.name, consumer.name)


@contextlib.asynccontextmanager
async def filled(fleet: Fleet) -> AsyncIterator[Setting]:
    """Start a server, fill its stream, and end it and remove everything afterwards."""
    with tempfile.TemporaryDirectory(prefix="natsconsole-benchmark-") as name:
        directory = Path(name)
        async with (
            NatsServer(directory / "server") as server,
            Connection(ConnectionOptions(servers=(server.url,))) as connection,
        ):
            await fill(connection, fleet)
            yield Setting(server.url, connection, JetStream(connection), directory)
