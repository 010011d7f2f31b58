"""What the screen may ask of a demo it runs in."""

from __future__ import annotations

from typing import Protocol


class DemoControls(Protocol):
    """The demo, as far as the keys reach it."""

    @property
    def receiver_restarts(self) -> int:
        """How often the receiver was started again after a crash."""

    async def crash_receiver(self) -> None:
        """Kill the receiver with no chance to tidy up; the demo starts it again."""
