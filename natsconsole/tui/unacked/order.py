"""In which order messages in flight stand, and which of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from natsconsole.domain.messages import InFlightMessage


@dataclass(frozen=True, slots=True)
class SortKey:
    """One way to sort."""

    column: str
    name: str
    of: Callable[[InFlightMessage], Any]


KEYS = (
    SortKey("sequence", "oldest first", lambda one: one.sequence),
    SortKey("due", "soonest to come again", lambda one: one.message.remaining),
    SortKey("↻", "delivered most often", lambda one: -one.message.deliveries),
    SortKey("age", "longest since delivery", lambda one: -one.message.age),
    SortKey("host", "by host", lambda one: one.message.host),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOrder:
    """Order and filter."""

    place: int = 0
    is_reversed: bool = False
    filter: str = ""

    @property
    def key(self) -> SortKey:
        """The way it sorts."""
        return KEYS[self.place]

    @property
    def words(self) -> str:
        """The order in words."""
        return f"{self.key.name}{' reversed' if self.is_reversed else ''}"

    def next_key(self) -> MessageOrder:
        """Sort by the next column."""
        return replace(self, place=(self.place + 1) % len(KEYS), is_reversed=False)

    def apply(self, messages: Sequence[InFlightMessage]) -> Sequence[InFlightMessage]:
        """Return the messages that are wanted, as they are wanted."""
        wanted = self.filter.casefold()
        found = [one for one in messages if not wanted or wanted in one.message.host.casefold()]
        found.sort(key=lambda one: (self.key.of(one), one.sequence), reverse=self.is_reversed)
        return found
