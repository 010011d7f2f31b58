"""What shippers say of their publishing: what is not stored leaves no trace in the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from natsconsole.domain.triage import PublishTrouble
from natsconsole.gateway.heartbeats import read_heartbeat
from shipper.connection import Connection, Subscription
from shipper.wire import HEARTBEAT_SUBJECT, PING_SUBJECT, Heartbeat

HEARD = 2_000
"""Heartbeats read in one look at most."""
SHIPPERS = 10_000
STALE = 3
"""Intervals after which what a shipper said no longer counts."""

_Kind = Literal["no-answer", "no-room", "stream-full", "other"]
_KINDS: dict[str, _Kind] = {"no-answer": "no-answer", "storage": "no-room", "full": "stream-full"}


class Publishers:
    """The shippers that have trouble now."""

    def __init__(
        self, connection: Connection, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._subscription: Subscription | None = None
        self._said: dict[tuple[str, str], tuple[float, Heartbeat]] = {}
        self._heard = 0

    async def listen(self) -> None:
        """Listen for heartbeats; called before each look, which gives leave to read more."""
        self._heard = 0
        if self._subscription is None:
            subject = f"{HEARTBEAT_SUBJECT}.>"
            self._subscription = await self._connection.subscribe(subject, self._take)

    async def ask(self) -> None:
        """Let every shipper say how it is, within two seconds."""
        await self._connection.publish(PING_SUBJECT)

    def close(self) -> None:
        """Listen no more."""
        if self._subscription is not None:
            self._subscription.cancel()
            self._subscription = None

    def troubles(self) -> tuple[PublishTrouble, ...]:
        """Return what goes wrong now, by shipper."""
        now = self._clock()
        for key, (heard, beat) in list(self._said.items()):
            if now - heard > STALE * max(1.0, beat.interval_seconds):
                del self._said[key]
        return tuple(
            PublishTrouble(
                who=beat.name,
                kind=_KINDS.get(kind, "other"),
                sentence=sentence,
                heard_seconds=now - heard,
            )
            for _, (heard, beat) in sorted(self._said.items())
            for sentence, kind in zip(beat.problems, beat.problem_kinds, strict=False)
        )

    def _take(self, _subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        self._heard += 1
        if self._heard > HEARD:
            return
        beat = read_heartbeat(payload)
        if beat is None:
            return
        key = (beat.name, beat.instance)
        if not beat.problems:
            self._said.pop(key, None)
        elif key in self._said or len(self._said) < SHIPPERS:
            self._said[key] = (self._clock(), beat)
