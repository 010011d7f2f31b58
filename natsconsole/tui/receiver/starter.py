"""What the screen may ask of whoever can start a receiver from here."""

from __future__ import annotations

from typing import Protocol


class ReceiverStarter(Protocol):
    """Starts receivers as children of this console. Each may raise ``GatewayError``."""

    async def start_receiver(self, stream: str, directory: str, name: str, *, stays: bool) -> str:
        """Start one of a stream; return in one line what was started and when it ends."""
