"""The part of one host's log that is in memory: bounded, safe to draw, movable either way.

It holds lines that follow each other in the stream. Lines may be added at both ends; those at the
other end go when there are too many. A row is a line, or the rule that stands where the ack floor
is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from natsconsole.domain.lines import LogLine
from natsconsole.domain.terminal_text import visible
from natsconsole.tui.drawing import LONGEST

CAPACITY = 5_000
Key = tuple[int, int]
"""Where a line is: its message's stream sequence, and its place in the message from 0."""
BEFORE_ALL: Key = (0, 0)
_GAP_INDEX = -1


class ShownLine(NamedTuple):
    """A line as it is drawn."""

    sequence: int
    place: int
    time: float
    text: str
    is_cut: bool = False
    """Whether the text is only the beginning."""

    @property
    def key(self) -> Key:
        """Where the line is."""
        return (self.sequence, self.place)

    @property
    def is_first(self) -> bool:
        """Whether it is its message's first."""
        return self.place == 0

    @property
    def is_gap(self) -> bool:
        """Whether it stands for lines that were not read."""
        return self.place == _GAP_INDEX


@dataclass(frozen=True, slots=True)
class Rule:
    """The line between what is acknowledged and what is not."""

    sequence: int
    words: str = "ack floor"


def shown(line: LogLine) -> ShownLine:
    """Return the line as it is drawn."""
    text = visible(line.text, LONGEST)
    return ShownLine(line.sequence, line.index, line.time, text, len(line.text) > LONGEST)


class LineWindow:
    """Lines in stream order.

    ``at_start``: the stream has none before them. ``at_end``: it had none behind them when it was
    asked last, so that what comes now belongs to them.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.at_start = False
        self.at_end = True
        self._capacity = capacity
        self._lines: list[ShownLine] = []

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def lines(self) -> Sequence[ShownLine]:
        """The lines, oldest first."""
        return self._lines

    @property
    def first_key(self) -> Key:
        """The oldest line's key."""
        return self._lines[0].key if self._lines else BEFORE_ALL

    @property
    def last_key(self) -> Key:
        """The newest line's key."""
        return self._lines[-1].key if self._lines else BEFORE_ALL

    @property
    def room(self) -> int:
        """How many lines can come without one's going."""
        return self._capacity - len(self._lines)

    def append(self, lines: Iterable[LogLine], *, is_gap: bool = False) -> tuple[int, int]:
        """Add lines that are newer; return how many were added and how many dropped for them.

        ``is_gap`` says that lines between the last one and these were not read.
        """
        after = self.last_key
        fresh = [shown(line) for line in lines if (line.sequence, line.index) > after]
        if is_gap and fresh:
            words = "lines skipped to keep up"
            fresh.insert(0, ShownLine(fresh[0].sequence, _GAP_INDEX, fresh[0].time, words))
        if len(fresh) > self._capacity:
            del fresh[: -self._capacity]
        surplus = max(0, len(self._lines) + len(fresh) - self._capacity)
        if surplus:
            del self._lines[:surplus]
            self.at_start = False
        self._lines += fresh
        return len(fresh), surplus

    def prepend(self, lines: Iterable[LogLine]) -> tuple[int, int]:
        """Add lines that are older; return how many were added and how many dropped for them."""
        before = self.first_key
        fresh = [shown(line) for line in lines if (line.sequence, line.index) < before]
        del fresh[: -max(1, self._capacity // 2)]
        surplus = max(0, len(self._lines) + len(fresh) - self._capacity)
        if surplus:
            del self._lines[-surplus:]
            self.at_end = False
        self._lines[:0] = fresh
        return len(fresh), surplus

    def place_of(self, key: Key) -> int:
        """Return the place of the first line at or behind a key, the last one where none is."""
        place = bisect_right(self._lines, (key[0], key[1] - 0.5), key=lambda line: line.key)
        return max(0, min(place, len(self._lines) - 1))

    def floor_row(self, ack_floor: int) -> int | None:
        """Return the row of the rule, or None where all lines are on one side of the floor."""
        place = bisect_right(self._lines, ack_floor, key=lambda line: line.sequence)
        return place if 0 < place < len(self._lines) else None

    def row(self, number: int, ack_floor: int, floor_row: int | None) -> ShownLine | Rule | None:
        """Return what stands in a row, counted from the oldest line."""
        if floor_row is not None:
            if number == floor_row:
                return Rule(ack_floor)
            number -= number > floor_row
        return self._lines[number] if 0 <= number < len(self._lines) else None
