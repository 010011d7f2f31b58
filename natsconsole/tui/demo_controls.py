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

    async def start_second_receiver(self) -> None:
        """Start another receiver of the same group; returns once it runs. Twice does nothing."""

    async def stop_second_receiver(self) -> None:
        """End the other receiver in good order. Does nothing where there is none."""

    async def kill_receiver(self) -> None:
        """Kill the first receiver (SIGKILL); it stays down until it is revived."""

    async def revive_receiver(self) -> None:
        """Start the first receiver again. Does nothing where it runs."""
