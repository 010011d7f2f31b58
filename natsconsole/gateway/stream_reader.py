"""Reads messages from a stream itself, by direct get, never through a consumer.

So looking disturbs nothing: no consumer is made, nothing is delivered, nothing acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime

import msgspec

from natsconsole.gateway.jetstream import (
    API_PREFIX,
    ApiError,
    JetStream,
    StoredMessage,
    stored_message,
)
from shipper.connection import (
    Connection,
    NoRespondersError,
    RequestFailedError,
    Subscription,
)

_TIMEOUT = 3.0
MAX_BYTES = 1 << 20
MAX_BATCH = 256
NOBODY_ANSWERS = 503
"""What the server says where direct get is not allowed, or nobody leads."""
KEPT_BYTES = 4 << 20
"""Payload bytes that one reading backwards keeps: memory is bounded whatever a message weighs."""


class StreamReader:
    """Batches of stored messages of one stream.

    ``asks_leader``: read message by message where the stream does not allow direct get.
    """

    def __init__(
        self,
        connection: Connection,
        jetstream: JetStream,
        stream: str,
        *,
        asks_leader: bool = False,
    ) -> None:
        self._asks_leader = asks_leader
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
        try:
            return await _Answers(self._connection).ask(
                f"{API_PREFIX}.DIRECT.GET.{self._stream}", msgspec.json.encode(body)
            )
        except ApiError as error:
            if error.code != NOBODY_ANSWERS or not self._asks_leader:
                raise
        return await self._one_by_one(subject, sequence, min(batch, MAX_BATCH), max_bytes)

    async def first_after(self, subject: str, sequence: int) -> StoredMessage | None:
        """Return the first message of a filter at or behind a sequence.

        How many follow it is known by direct get only; else 0 is said.
        """
        try:
            return await self._jetstream.message_after(self._stream, subject, sequence)
        except NoRespondersError:
            if not self._asks_leader:
                raise
        body = {"seq": max(1, sequence), "next_by_subj": subject}
        return await self._jetstream.leaders_message(self._stream, body)

    async def before(
        self, subject: str, sequence: int, count: int, *, first: int = 1
    ) -> list[StoredMessage]:
        """Return the last ``count`` messages of a filter before a stream sequence, in order.

        ``first`` is where the stream begins. Direct get cannot read backwards, but tells how many
        matching messages follow: the place to begin at is found by growing strides, then halving.
        What is kept of them is at most ``KEPT_BYTES``, or one message.
        """
        try:
            low, number = await self._reach_back(subject, sequence, count, max(1, first))
        except NoRespondersError:
            if not self._asks_leader:
                raise
            return await self._leaders_before(subject, sequence, count, max(1, first))
        found: deque[StoredMessage] = deque()
        kept = 0
        low = low if number else sequence
        while low < sequence:
            # One more than were counted: what lies at the sequence or behind ends the reading.
            batch = min(number + 1 if number > 0 else count, MAX_BATCH)
            page = await self.messages_from(subject, low, batch=batch)
            for message in page:
                if message.sequence < sequence:
                    found.append(message)
                    kept += len(message.payload)
            while len(found) > count or (len(found) > 1 and kept > KEPT_BYTES):
                kept -= len(found.popleft().payload)
            if not page:
                break
            number -= len(page)
            low = page[-1].sequence + 1
        return list(found)

    async def sequence_at(self, subject: str, moment: float) -> int | None:
        """Return the sequence of the first message of a filter stored at or after a moment.

        The moment is in seconds since the epoch; None where there is no such message.
        """
        # Seconds in a float are good to a microsecond: rounded up, they would miss the message.
        start = datetime.fromtimestamp(moment - 1e-6, UTC).isoformat().replace("+00:00", "Z")
        body = {"start_time": start, "next_by_subj": subject}
        try:
            found = await _Answers(self._connection).ask(
                f"{API_PREFIX}.DIRECT.GET.{self._stream}", msgspec.json.encode(body | {"batch": 1})
            )
        except ApiError as error:
            if error.code != NOBODY_ANSWERS or not self._asks_leader:
                raise
            one = await self._jetstream.leaders_message(self._stream, body)
            return one.sequence if one else None
        return found[0].sequence if found else None

    async def _one_by_one(
        self, subject: str, sequence: int, batch: int, max_bytes: int
    ) -> list[StoredMessage]:
        found: list[StoredMessage] = []
        while len(found) < batch and max_bytes > 0:
            body = {"seq": max(1, sequence), "next_by_subj": subject}
            message = await self._jetstream.leaders_message(self._stream, body)
            if message is None:
                break
            found.append(message)
            sequence = message.sequence + 1
            max_bytes -= len(message.payload)
        return found

    async def _leaders_before(
        self, subject: str, sequence: int, count: int, first: int
    ) -> list[StoredMessage]:
        """Read backwards without knowing how many match: stretch by stretch, each from its end."""
        found: deque[StoredMessage] = deque()
        end, stride = sequence, 4 * count
        while end > first and len(found) < count:
            start = max(first, end - stride)
            stretch: deque[StoredMessage] = deque(maxlen=count - len(found))
            while start < end:
                page = await self._one_by_one(subject, start, count, MAX_BYTES)
                stretch.extend(one for one in page if one.sequence < end)
                start = page[-1].sequence + 1 if page else end
            found.extendleft(reversed(stretch))
            end, stride = max(first, end - stride), 4 * stride
        return list(found)

    async def _reach_back(
        self, subject: str, sequence: int, count: int, first: int
    ) -> tuple[int, int]:
        """Return where at least ``count`` and not far more messages begin, and how many they are.

        They are fewer only where the stream has no more. Messages that are stored meanwhile make
        them seem fewer than they are, never more, and never none.
        """
        high, stride, number = sequence, 4 * count, 0
        low = sequence
        while low > first and number < count:
            high, low = low, max(first, low - stride)
            number = await self._count_between(subject, low, sequence)
            stride *= 4
        while number > 2 * count and high - low > 1:
            middle = (low + high) // 2
            fewer = await self._count_between(subject, middle, sequence)
            if fewer >= count:
                low, number = middle, fewer
            else:
                high = middle
        return low, number

    async def _count_between(self, subject: str, low: int, sequence: int) -> int:
        found = await self._jetstream.message_after(self._stream, subject, low)
        if found is None or found.sequence >= sequence:
            return 0
        behind = await self._jetstream.message_after(self._stream, subject, sequence)
        return max(1, found.pending - (behind.pending if behind else -1))


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
            refusal = self._connection.refusal_of(subject)
            if refusal is not None:
                raise refusal from None
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
