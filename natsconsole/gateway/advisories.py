"""Listens to a stream's advisories, and reads older ones where a stream keeps them.

API audit events are left out by subject: they would come for every request of ours.
"""

from __future__ import annotations

import time

from natsconsole.domain.advisories import EventRing, EventsSeen, read_advisory
from natsconsole.gateway.jetstream import STREAM_NOT_FOUND, ApiError, JetStream
from natsconsole.gateway.log_stream import EVENTS_SUFFIX
from natsconsole.gateway.stream_reader import StreamReader
from shipper.connection import Connection, PermissionDeniedError, Subscription
from shipper.connection_options import DEFAULT_EVENT_PREFIX

CONSUMERS = "ADVISORY.CONSUMER.*"
STREAMS = "ADVISORY.STREAM.*"
PAST = 1_000
"""Events of the past that are read at most."""


class Advisories:
    """The events of one stream."""

    def __init__(self, connection: Connection, jetstream: JetStream, stream: str) -> None:
        self._connection = connection
        self._jetstream = jetstream
        self._stream = stream
        self._ring = EventRing()
        self._subscriptions: list[Subscription] = []
        self._since = 0.0
        self._history = ""
        self._not_permitted = ""

    async def listen(self) -> None:
        """Begin to listen; does nothing the second time."""
        if self._subscriptions:
            return
        self._since = time.time()
        prefix = self._connection.options.event_prefix
        for what in (f"{CONSUMERS}.{self._stream}.>", f"{STREAMS}.{self._stream}"):
            subject = f"{prefix}.{what}"
            self._subscriptions.append(await self._connection.subscribe(subject, self._take))
            if subject in self._connection.denied:
                self._not_permitted = f"this login may not hear {subject}: events are missing"

    def close(self) -> None:
        """Listen no more."""
        for subscription in self._subscriptions:
            subscription.cancel()

    async def read_past(self) -> None:
        """Read what the stream that keeps advisories has, where there is one; only once."""
        if self._history:
            return
        name = f"{self._stream}{EVENTS_SUFFIX}"
        try:
            info = await self._jetstream.stream_info(name)
        except PermissionDeniedError:
            self._history = f"older ones would be in stream {name}: this login may not read it"
            return
        except ApiError as error:
            if error.err_code != STREAM_NOT_FOUND:
                raise
            self._history = "older ones were not kept: `setup --events` keeps them"
            return
        reader = StreamReader(self._connection, self._jetstream, name)
        found = await reader.before(
            f"{DEFAULT_EVENT_PREFIX}.{CONSUMERS}.{self._stream}.>",
            info.state.last_seq + 1,
            PAST,
            first=info.state.first_seq,
        )
        advisories = (read_advisory(one.subject, one.payload) for one in found)
        self._ring.add(one for one in advisories if one is not None)
        self._history = f"older ones come from stream {name}"

    def seen(self) -> EventsSeen:
        """Return what there is, newest first."""
        return EventsSeen(
            events=self._ring.newest(),
            counts=self._ring.counts(),
            forgotten=self._ring.forgotten,
            listening_since=self._since,
            history="; ".join(filter(None, (self._not_permitted, self._history))),
            revision=self._ring.revision,
        )

    def _take(self, subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        what = subject.removeprefix(self._connection.options.event_prefix)
        subject = f"{DEFAULT_EVENT_PREFIX}{what}"
        advisory = read_advisory(subject, payload)
        if advisory is not None:
            self._ring.add([advisory])
