"""Log lines as a pane shows them, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from natsconsole.domain.receivers import UnackedMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a stored message."""

    sequence: int
    """Stream sequence of the message that holds it."""
    index: int
    """Place of the line within its message, from 0."""
    time: float
    """When the stream stored the message, in seconds since the epoch."""
    text: str
    """The line without its end. Untrusted: bytes that are not UTF-8 are surrogate escapes."""


class Fate(Enum):
    """What became of a line."""

    STORED = "stored"
    """In the stream, not delivered yet."""
    DELIVERED = "delivered"
    """Delivered, not acknowledged."""
    REDELIVERED = "redelivered"
    """Delivered more than once, not acknowledged."""
    ACKED = "acked"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMarks:
    """How far one host's lines have come, in stream sequences."""

    delivered: int = 0
    ack_floor: int = 0
    unacked: Mapping[int, UnackedMessage] = field(default_factory=dict)
    unacked_until: int | None = None
    """The sequence up to which ``unacked`` is whole, where so many are in flight that it ends."""
    knows_unacked: bool = True
    """Whether a receiver of ours told; else only the consumer's two marks are known."""
    read_at: float = 0.0
    """When these were read, by the console's clock: countdowns run on from here."""

    def fate_of(self, sequence: int) -> Fate:
        """Return what became of the message with this stream sequence."""
        message = self.unacked.get(sequence)
        if message is not None:
            return Fate.REDELIVERED if message.deliveries > 1 else Fate.DELIVERED
        if sequence <= self.ack_floor:
            return Fate.ACKED
        if sequence <= self.delivered:
            is_read = self.unacked_until is None or sequence <= self.unacked_until
            return Fate.ACKED if self.knows_unacked and is_read else Fate.DELIVERED
        return Fate.STORED

    def countdown(self, sequence: int, now: float) -> float | None:
        """Return the seconds until the message is delivered again, or None where it is settled."""
        message = self.unacked.get(sequence)
        if message is None:
            return None
        return max(0.0, message.remaining - (now - self.read_at))
