"""The newest lines of one host, bounded and safe to draw, with the ack floor's place among them.

A row is a line, or the rule that stands where the ack floor is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from natsconsole.domain.lines import LogLine
from natsconsole.domain.terminal_text import visible
from natsconsole.tui.drawing import LONGEST

CAPACITY = 5_000


class ShownLine(NamedTuple):
    """A line as it is drawn."""

    sequence: int
    time: float
    text: str
    is_first: bool
    """Whether it is its message's first."""
    is_gap: bool = False
    """Whether it stands for lines that were not read."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The line between what is acknowledged and what is not."""

    sequence: int
    words: str = "ack floor"


class LineRing:
    """Lines in stream order, the oldest dropped when there are too many."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._lines: list[ShownLine] = []

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def last_sequence(self) -> int:
        """The newest message's stream sequence, 0 where there is none."""
        return self._lines[-1].sequence if self._lines else 0

    def append(self, lines: Iterable[LogLine], *, is_gap: bool = False) -> tuple[int, int]:
        """Add lines that are newer; return how many were added and how many dropped for them.

        ``is_gap`` says that lines between the last one and these were not read.
        """
        after = self.last_sequence
        fresh = [
            ShownLine(line.sequence, line.time, visible(line.text, LONGEST), line.index == 0)
            for line in lines
            if line.sequence > after
        ]
        if is_gap and fresh:
            words = "lines skipped to keep up"
            fresh.insert(0, ShownLine(fresh[0].sequence, fresh[0].time, words, False, True))
        self._lines += fresh
        surplus = max(0, len(self._lines) - self._capacity)
        if surplus:
            del self._lines[:surplus]
        return len(fresh), surplus

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
