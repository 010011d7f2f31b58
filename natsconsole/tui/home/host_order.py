"""Which hosts the table shows, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from natsconsole.domain.snapshots import HostRow

BEHIND_SECONDS = 5.0
"""A host with lines older than this, not written yet, is in trouble."""


def is_in_trouble(row: HostRow) -> bool:
    """Whether a person should look at the host."""
    return row.state in {"held", "paused", "silent"} or row.lag_seconds >= BEHIND_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey:
    """One way to order hosts."""

    name: str
    of: Callable[[HostRow], Any]
    column: str = ""
    largest_first: bool = True


SORT_KEYS: tuple[SortKey, ...] = (
    SortKey(name="trouble first", of=is_in_trouble),
    SortKey(name="by host", of=lambda row: row.host, column="host", largest_first=False),
    SortKey(name="by lines/s", of=lambda row: row.lines_per_second, column="lines/s"),
    SortKey(
        name="by lag",
        of=lambda row: 1 if row.lag_messages is None else row.lag_messages,
        column="lag",
    ),
    SortKey(name="by age", of=lambda row: row.lag_seconds, column="age"),
    SortKey(name="by unacked", of=lambda row: row.unacked, column="una"),
    SortKey(name="by redelivered", of=lambda row: row.redelivered, column="↻"),
    SortKey(name="by last seen", of=lambda row: -(row.last_seen or inf), column="seen"),
)


def is_wanted(filter: str, host: str) -> bool:  # noqa: A002 - what it is called on the screen
    """Whether a host passes a filter: words that all must hold.

    ``web`` is a part of the name, ``~wb1`` these letters in this order, ``!`` before either turns
    it round. A word that is only its sign is not finished yet, and says nothing.
    """
    name = host.casefold()
    for word in filter.casefold().split():
        text = word.removeprefix("!")
        pattern = text.removeprefix("~")
        if not pattern:
            continue
        holds = _in_order(pattern, name) if pattern != text else pattern in name
        if holds is word.startswith("!"):
            return False
    return True


def _in_order(letters: str, name: str) -> bool:
    rest = iter(name)
    return all(letter in rest for letter in letters)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOrder:
    """The user's choice of hosts and their order."""

    key: SortKey = SORT_KEYS[0]
    is_reversed: bool = False
    filter: str = ""

    def by(self, column: str) -> HostOrder:
        """Return the order by a column; by the one that orders already, turned round."""
        key = next((one for one in SORT_KEYS if one.column == column), None)
        if key is None:
            return self
        turned = not self.is_reversed if key is self.key else False
        return replace(self, key=key, is_reversed=turned)

    def next_key(self) -> HostOrder:
        """Return the order by the next key."""
        place = (SORT_KEYS.index(self.key) + 1) % len(SORT_KEYS)
        return replace(self, key=SORT_KEYS[place], is_reversed=False)

    @property
    def is_descending(self) -> bool:
        """Whether the largest value comes first."""
        return self.key.largest_first is not self.is_reversed

    def apply(self, rows: Iterable[HostRow]) -> tuple[HostRow, ...]:
        """Return the rows to show. Equal ones stand in the order of their names."""
        filter_ = self.filter
        shown = [row for row in rows if is_wanted(filter_, row.host)] if filter_ else list(rows)
        shown.sort(key=lambda row: row.host)
        if self.key.column != "host":
            shown.sort(key=self.key.of, reverse=self.is_descending)
        elif self.is_descending:
            shown.reverse()
        return tuple(shown)


def busiest(rows: Iterable[HostRow], number: int) -> list[str]:
    """Return the hosts with most lines per second, for panes that show nothing yet.

    A first look knows no rates; then those count that have sent most.
    """
    ranked = sorted(rows, key=lambda row: (-row.lines_per_second, -row.messages, row.host))
    return [row.host for row in ranked[:number]]
