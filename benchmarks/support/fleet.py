"""A fleet's lines in a stream: what a shipper, or any other producer, would have published."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.log_stream import LogStream, create_log_stream
from shipper.connection import Connection
from shipper.wire import SourceRange, publish_subject

STREAM = LogStream(partitions=10, max_age_seconds=86400, max_bytes=20 << 30)
_WINDOW = 2000
"""Messages on their way that the stream has not acknowledged yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Hosts that each write one log, and how their lines are packed into messages."""

    hosts: int = 500
    messages: int
    """Of all hosts together; they take turns."""
    lines_per_message: int = 1
    line_bytes: int = 200
    """Length of a line with its end."""
    with_ranges: bool = True
    """Whether the messages carry range headers, as the shipper's do."""

    @property
    def lines(self) -> int:
        """How many lines the whole fleet has published."""
        return self.messages * self.lines_per_message

    def published(self) -> Iterator[tuple[str, dict[str, str], bytes]]:
        """Yield subject, headers and payload of each message."""
        size = self.lines_per_message * self.line_bytes
        for number in range(self.messages):
            turn, place = divmod(number, self.hosts)
            host = f"web-{place:05d}.example.net"
            source = SourceRange(
                host=host,
                name="app.log",
                file=f"fd00-{place:x}",
                start=turn * size,
                end=(turn + 1) * size,
                line=turn * self.lines_per_message,
            )
            headers = source.headers() if self.with_ranges else {}
            yield publish_subject(STREAM.prefix, host), headers, self._payload(number)

    def _payload(self, number: int) -> bytes:
        line = b"%012d " % number
        line += b"GET /api/items 200 12ms "
        line = line.ljust(self.line_bytes - 1, b"x")[: self.line_bytes - 1] + b"\n"
        return line * self.lines_per_message


async def fill(connection: Connection, fleet: Fleet) -> None:
    """Make the stream and publish everything, until it is stored.

    Raises:
        RuntimeError: the stream has refused a message.
    """
    await create_log_stream(JetStream(connection), STREAM)
    acknowledged, refusals = 0, list[bytes]()
    moved = asyncio.Event()

    def take(_subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        nonlocal acknowledged
        acknowledged += 1
        if b'"error"' in payload:
            refusals.append(payload)
        moved.set()

    inbox = connection.new_inbox()
    subscription = await connection.subscribe(inbox, take)
    sent = 0
    for subject, headers, payload in fleet.published():
        await connection.publish(subject, payload, reply=inbox, headers=headers)
        sent += 1
        while sent - acknowledged > _WINDOW:
            moved.clear()
            await moved.wait()
    while acknowledged < sent:
        moved.clear()
        await asyncio.wait_for(moved.wait(), 10)
    subscription.cancel()
    if refusals:
        raise RuntimeError(f"the stream refused {len(refusals)} messages: {refusals[0]!r}")
