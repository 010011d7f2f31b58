"""A stream and a receiver for one test, both real."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.log_stream import LogStream, create_log_stream
from natsconsole.receiver.config import ReceiverConfig
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.opening import open_receiver
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection, ConnectionOptions
from shipper.wire import SourceRange, publish_subject
from tests.support.nats_server import NatsServer
from tests.support.patience import patient_options

STREAM = LogStream(partitions=2, max_age_seconds=3600, max_bytes=256 << 20)
QUICK = ConsumerSettings(ack_wait_seconds=1.0, max_ack_pending=200)
PATIENT = ConsumerSettings(ack_wait_seconds=60.0, max_ack_pending=200)
"""Nothing comes again while a test looks at it, however long the machine holds it up."""


async def make_stream(connection: Connection, spec: LogStream = STREAM) -> JetStream:
    """Make the log stream and return its API."""
    jetstream = JetStream(connection)
    await create_log_stream(jetstream, spec)
    return jetstream


def receiver_config(directory: Path, **changes: Any) -> ReceiverConfig:
    """A lab receiver with short times."""
    values: dict[str, Any] = {
        "stream": "LOGS",
        "directory": directory,
        "group": "archive",
        "name": "receiver-1",
        "settings": QUICK,
        "lab": True,
    }
    return ReceiverConfig(**(values | changes))


@contextlib.asynccontextmanager
async def running(
    server: NatsServer, config: ReceiverConfig, *, options: ConnectionOptions | None = None
) -> AsyncIterator[Receiver]:
    """Run a receiver in this process until the block ends; then it drains."""
    options = options or patient_options(server.url)
    async with (
        Connection(options) as connection,
        Connection(options) as control,
        open_receiver(config, connection, control) as receiver,
    ):
        task = asyncio.create_task(receiver.run())
        try:
            yield receiver
        finally:
            receiver.drain()
            await task


class Source:
    """A log on some host, published as the shipper does."""

    def __init__(self, connection: Connection, host: str, *, name: str = "app.log") -> None:
        self.host = host
        self.name = name
        self.file = "f1"
        self.content = b""
        """Everything published, which is what the receiver must have written."""
        self._connection = connection
        self._offset = 0
        self._lines = 0

    async def publish(self, payload: bytes) -> SourceRange:
        """Publish the next bytes of the log and wait for the stream to have them."""
        source = SourceRange(
            host=self.host,
            name=self.name,
            file=self.file,
            start=self._offset,
            end=self._offset + len(payload),
            line=self._lines,
        )
        await self._connection.request(
            publish_subject("logs", self.host), payload, headers=source.headers()
        )
        self._offset = source.end
        self._lines += payload.count(b"\n")
        self.content += payload
        return source

    async def publish_lines(self, count: int) -> None:
        """Publish so many messages of one line each."""
        for _ in range(count):
            await self.publish(f"{self.host} line {self._lines:06d}\n".encode())

    def rotate(self) -> None:
        """Begin the log's next file."""
        self.file = f"f{int(self.file[1:]) + 1}"
        self._offset = self._lines = 0
