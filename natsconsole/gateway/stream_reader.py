"""Reads messages from a stream itself, by direct get, never through a consumer.

So looking disturbs nothing: no consumer is made, nothing is delivered, nothing acknowledged.
"""

from __future__ import annotations

import asyncio

import msgspec

from natsconsole.gateway.jetstream import (
    API_PREFIX,
    ApiError,
    JetStream,
    StoredMessage,
    stored_message,
)
from shipper.connection import Connection, RequestFailedError, Subscription

_TIMEOUT = 3.0
MAX_BYTES = 1 << 20


class StreamReader:
    """Batches of stored messages of one stream."""

    def __init__(self, connection: Connection, jetstream: JetStream, stream: str) -> None:
        self._connection = connection
        self._jetstream = jetstream
        self._stream = stream

    async def messages_from(
        self, subject: str, sequence: int, *, batch: int, max_bytes: int = MAX_BYTES
    ) -> list[StoredMessage]:
        """Return messages of a subject filter from a stream sequence on, in order."""
        body = {
            "seq": max(1, sequence),
            "next_by_subj": subject,
            "batch": batch,
            "max_bytes": max_bytes,
        }
        return await _Answers(self._connection).ask(
            f"{API_PREFIX}.DIRECT.GET.{self._stream}", msgspec.json.encode(body)
        )

    async def newest(
        self, subject: str, count: int, *, first: int, last: int
    ) -> list[StoredMessage]:
        """Return about the last ``count`` messages of a filter between two stream sequences.

        Direct get cannot read backwards, but tells how many matching messages follow: the place
        to begin at is found by bisection.
        """
        low, high = max(1, first), max(1, last)
        while low < high:
            middle = (low + high) // 2
            found = await self._jetstream.message_after(self._stream, subject, middle)
            if found is None or found.pending < count:
                high = middle
            else:
                low = max(middle + 1, found.sequence + 1)
                if found.pending < 2 * count:
                    break
        return (await self.messages_from(subject, low, batch=2 * count))[-count:]


class _Answers:
    """The answers to one batch request, until the server says that it is complete."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: list[StoredMessage] = []
        self._complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def ask(self, subject: str, payload: bytes) -> list[StoredMessage]:
        inbox = self._connection.new_inbox()
        subscription: Subscription = await self._connection.subscribe(inbox, self._take)
        try:
            await self._connection.publish(subject, payload, reply=inbox)
            async with asyncio.timeout(_TIMEOUT):
                await self._complete
        except TimeoutError:
            raise RequestFailedError(f"no complete answer to {subject}") from None
        finally:
            subscription.cancel()
        return self._found

    def _take(self, _subject: str, _reply: str, headers: bytes, payload: bytes) -> None:
        try:
            message = stored_message(headers, payload)
        except ApiError as error:
            if not self._complete.done():
                self._complete.set_exception(error)
            return
        if message is not None:
            self._found.append(message)
        elif not self._complete.done():
            self._complete.set_result(None)
