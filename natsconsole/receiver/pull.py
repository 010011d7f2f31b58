"""Pulls from one consumer through one inbox, and notices when deliveries go missing.

Messages are taken straight off the connection's read loop. The sequence numbers of a consumer's
deliveries have no gaps: a gap means that a delivery went nowhere, and would come again only after
ack wait, behind newer lines. The owner then rewinds the consumer instead.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

import msgspec

from natsconsole.gateway.jetstream import API_PREFIX
from natsconsole.receiver.delivery import Delivery, place_of
from shipper.connection import Connection, Subscription
from shipper.headers import server_fields_of, status_of
from shipper.wire import SourceRange, source_range

PRIORITY_GROUP = "receiver"
EXPIRES = 2.0
"""Seconds a pull request stays open: the longest a pause or a drain waits for late deliveries."""
HEARTBEAT = 0.5
SILENCE = 3.0
"""Seconds without message or heartbeat after which an open request counts as forgotten."""

_HOSTS_KEPT = 10_000

HostOf = Callable[[str, SourceRange | None], str]
"""Tells the host from a stored subject and from whether there is a range: asked once for each."""


class Pull:
    """One inbox and the requests that are open on it."""

    def __init__(
        self,
        connection: Connection,
        stream: str,
        consumer: str,
        *,
        host_of: HostOf,
        batch: int,
        max_bytes: int,
        group: str | None = PRIORITY_GROUP,
        after: int | None = None,
    ) -> None:
        """Prepare.

        ``group`` is the consumer's priority group, None where it has none. ``after`` is the
        consumer's own number of its last delivery before, where known.
        """
        self._connection = connection
        self._next = f"{API_PREFIX}.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._host_of = host_of
        self._batch = batch
        self._max_bytes = max_bytes
        self._group = group
        self._inbox = connection.new_inbox()
        self._subscription: Subscription | None = None
        self._pin = ""
        self._headers_without_range = b""
        """As the last message without a range had them: mostly the pin, the same in all."""
        self._expected = 0
        self._last_consumer_sequence = after
        self._heard = time.monotonic()
        self._buffered_bytes = 0
        self._hosts: dict[str, str] = {}
        self._hosts_with_range: dict[str, str] = {}
        self._buffer: deque[Delivery] = deque()
        self.arrived = asyncio.Event()
        """Set when there is something to take, or a disturbance to look at."""
        self.disturbance = ""
        """Why this pull cannot go on, in plain words; empty while it can."""
        self.is_refused = False
        """Whether it is the consumer's doing, so that another consumer may be the cure."""
        self.delivered = 0
        """Messages that came."""
        self._unseen: list[Delivery] = []
        self._maybe_bare = False
        self.pending = 0
        """Messages the consumer has still to deliver, as of the last delivery."""

    async def open(self) -> None:
        """Listen for deliveries; nothing is asked for yet."""
        self._subscription = await self._connection.subscribe(self._inbox, self._receive)

    async def close(self) -> None:
        """Stop listening: the server drops the open requests, and what they were answered."""
        if self._subscription is not None:
            await self._subscription.unsubscribe()
            self._subscription = None

    @property
    def is_quiet(self) -> bool:
        """Whether no request is open and nothing is left to take."""
        return self._expected <= 0 and not self._buffer

    @property
    def buffered_count(self) -> int:
        return len(self._buffer)

    @property
    def is_full(self) -> bool:
        """Whether so much is buffered that no more is asked for."""
        return len(self._buffer) > self._batch // 2 or self._buffered_bytes > self._max_bytes // 2

    @property
    def buffered(self) -> tuple[Delivery, ...]:
        """Deliveries that came and were not taken yet."""
        return tuple(self._buffer)

    def arrivals(self) -> list[Delivery]:
        """Return what came since this was asked last, taken or not, in order."""
        arrivals, self._unseen = self._unseen, []
        return arrivals

    def doubts(self) -> bool:
        """Whether messages came, since this was asked last, that may have been robbed of payload.

        So a consumer marks them that delivers headers only; but so may any client, where there was
        no payload. Nothing of it may be taken before the consumer has been looked at.
        """
        came, self._maybe_bare = self._maybe_bare, False
        return came

    def leave_out_empty(self) -> None:
        """Forget what is buffered without a payload: the consumer has kept it."""
        self._buffer = deque(one for one in self._buffer if one.payload)

    def take(self, limit: int) -> list[Delivery]:
        """Take up to ``limit`` deliveries, in order."""
        self.arrived.clear()
        buffer = self._buffer
        if len(buffer) <= limit:
            taken = list(buffer)
            buffer.clear()
        else:
            taken = [buffer.popleft() for _ in range(limit)]
        self._buffered_bytes -= sum(len(delivery.payload) for delivery in taken)
        if self._buffer or self.disturbance:
            self.arrived.set()
        return taken

    async def ask(self) -> None:
        """Ask for another batch where the open requests leave room for one."""
        waiting = self._expected + len(self._buffer)
        if waiting > self._batch // 2 or self._buffered_bytes > self._max_bytes:
            return
        request: dict[str, object] = {
            "batch": self._batch,
            "max_bytes": self._max_bytes,
            "expires": int(EXPIRES * 1e9),
            "idle_heartbeat": int(HEARTBEAT * 1e9),
        }
        if self._group is not None:
            request["group"] = self._group
        if self._pin:
            request["id"] = self._pin
        elif self._expected > 0:
            return
        self._expected += self._batch
        self._heard = time.monotonic()
        await self._connection.publish(self._next, msgspec.json.encode(request), reply=self._inbox)

    def check_silence(self) -> None:
        """Call now and then: notices requests that the server has forgotten."""
        if self._expected > 0 and time.monotonic() - self._heard > SILENCE:
            self._disturb("the server is silent on an open pull request")

    def _receive(self, subject: str, reply: str, headers: bytes, payload: bytes) -> None:
        # Runs once a message: what it does not call, it does not pay for.
        self._heard = heard = time.monotonic()
        place = place_of(reply)
        if place is None:
            self._receive_status(headers)
            return
        if self.disturbance:
            return
        deliveries, sequence, consumer_sequence, self.pending = place
        if self._last_consumer_sequence not in (None, consumer_sequence - 1):
            self._disturb("a delivery went missing on the way")
            return
        self._last_consumer_sequence = consumer_sequence
        self.delivered += 1
        if not self._pin:
            self._pin = server_fields_of(headers).get("Nats-Pin-Id", "")
        source = None
        if headers and headers != self._headers_without_range:
            source = source_range(headers)
            if source is None:
                self._headers_without_range = headers
        hosts = self._hosts if source is None else self._hosts_with_range
        host = hosts.get(subject) or self._learn_host(hosts, subject, source)
        delivery = Delivery(
            sequence, consumer_sequence, deliveries, reply, host, source, payload, heard
        )
        if not payload and b"\nNats-Msg-Size:" in headers:
            self._maybe_bare = True
        self._expected -= 1
        self._buffered_bytes += len(payload)
        if not self._buffer:
            self.arrived.set()
        self._buffer.append(delivery)
        self._unseen.append(delivery)

    def _learn_host(self, hosts: dict[str, str], subject: str, source: SourceRange | None) -> str:
        if len(hosts) >= _HOSTS_KEPT:
            hosts.clear()
        host = hosts[subject] = self._host_of(subject, source)
        return host

    def _receive_status(self, headers: bytes) -> None:
        status = status_of(headers)
        if status is None:
            return
        fields = server_fields_of(headers)
        if status.code == 100:
            last = int(fields.get("Nats-Last-Consumer", "0"))
            if self._last_consumer_sequence is None or last <= self._last_consumer_sequence:
                return
            if self._last_consumer_sequence == 0:
                self._refuse("somebody else is served by it")
            else:
                self._disturb("a delivery went missing on the way")
            return
        pending = fields.get("Nats-Pending-Messages")
        self._expected = max(0, self._expected - int(pending)) if pending is not None else 0
        if status.code == 423:
            self._pin = ""
        elif status.code == 503 or (status.code == 409 and _is_passing(status.description)):
            self._disturb(f"the consumer cannot be pulled from: {status.description or 'gone'}")
        elif status.code not in (404, 408) and not _is_end_of(status.description):
            self._refuse(status.description or f"status {status.code}")
        self.arrived.set()

    def _refuse(self, reason: str) -> None:
        self.is_refused = True
        self._disturb(f"the consumer cannot be pulled from: {reason}")

    def _disturb(self, reason: str) -> None:
        self.disturbance = self.disturbance or reason
        self.arrived.set()


def _is_end_of(description: str) -> bool:
    """Whether a 409 only says that a request is used up."""
    return description.startswith(("Batch Completed", "Message Size Exceeds"))


def _is_passing(description: str) -> bool:
    """Whether a 409 says that consumer or server went away."""
    return description.startswith(("Consumer Deleted", "Leadership Change", "Server Shutdown"))
