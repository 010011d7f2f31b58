"""One look at a time for all screens that show streams, consumers and verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from natsconsole.domain.triage import EMPTY_TRIAGE, TriageSnapshot
from natsconsole.gateway.interface import Gateway


class TriageFeed:
    """Shares looks: whoever asks while one is under way, or fresh, gets that one.

    So screens may ask as often as they draw, and the server is asked only as often as the
    snapshot's own interval allows.
    """

    def __init__(self, gateway: Gateway, clock: Callable[[], float]) -> None:
        self._gateway = gateway
        self._clock = clock
        self._under_way: asyncio.Task[TriageSnapshot] | None = None
        self._asked_at = float("-inf")
        self.latest: TriageSnapshot = EMPTY_TRIAGE
        """What was found last."""

    async def look(self) -> TriageSnapshot:
        """Return a look that is fresh enough.

        Raises:
            GatewayError: there is none, and none can be taken.
        """
        if self._under_way is None:
            waited = self._clock() - self._asked_at
            if self.latest.taken and 0 <= waited < self.latest.interval_seconds:
                return self.latest
            self._asked_at = self._clock()
            self._under_way = asyncio.create_task(self._gateway.triage.look(), name="triage")
            self._under_way.add_done_callback(self._finish)
        return await asyncio.shield(self._under_way)

    async def look_again(self) -> TriageSnapshot:
        """Return a look that begins now: something was changed."""
        if self._under_way is not None:
            await asyncio.wait({self._under_way})
        self.forget()
        return await self.look()

    def forget(self) -> None:
        """Let the next look begin at once: another moment is shown."""
        self._asked_at = float("-inf")

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._under_way is not None:
            self._under_way.cancel()

    def _finish(self, task: asyncio.Task[TriageSnapshot]) -> None:
        self._under_way = None
        if not task.cancelled() and task.exception() is None:
            self.latest = task.result()
