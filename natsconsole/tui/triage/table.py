"""A table of any rows: which columns fit, in which order the rows stand, which are wanted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from rich.cells import cell_len

from natsconsole.domain.terminal_text import visible
from natsconsole.tui.drawing import Ink

Row = TypeVar("Row")
Cell = tuple[str, Ink]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[Row]):
    """One column: how it is drawn, sorted by and made room for."""

    name: str
    width: int
    draw: Callable[[Row], Cell]
    sort: Callable[[Row], Any]
    largest_first: bool = True
    is_number: bool = True
    room: int = 0
    """Cells that the table must have for this column to be shown."""
    widest: int = 0
    """How wide it may become where there is room, as names need."""


SENTENCE = 32
"""Cells that the last column, which takes what the others leave, is left before names grow."""


def fitted(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> tuple[Column[Row], ...]:
    """Return the columns that become no wider than the longest that these rows have in them."""
    return tuple(
        replace(column, widest=min(column.widest, _longest(column, rows)))
        if column.widest
        else column
        for column in columns
    )


def _longest(column: Column[Row], rows: Sequence[Row]) -> int:
    return max((cell_len(visible(column.draw(row)[0])) for row in rows), default=0)


def columns_for(columns: Sequence[Column[Row]], width: int) -> tuple[Column[Row], ...]:
    """Return the columns that are shown in so many cells, as wide as they become there."""
    shown = [column for column in columns if column.room <= width]
    spare = width - SENTENCE - sum(column.width + 1 for column in shown)
    for place, column in enumerate(shown):
        more = min(spare, column.widest - column.width)
        if more > 0:
            shown[place] = replace(column, width=column.width + more)
            spare -= more
    return tuple(shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOrder(Generic[Row]):
    """By what the rows are sorted, and which of them are wanted."""

    columns: tuple[Column[Row], ...]
    trouble: Callable[[Row], tuple[float, ...]]
    """How bad a row is, the worst first unless another order is asked for; 0 first for well."""
    words_of: Callable[[Row], str]
    """What a filter looks through, in lower case."""
    identity: Callable[[Row], Hashable]
    column: int | None = None
    """Place of the column that sorts; None for the worst first."""
    is_reversed: bool = False
    filter: str = ""
    only_trouble: bool = False

    @property
    def words(self) -> str:
        """The order in words."""
        name = "worst first" if self.column is None else f"by {self.columns[self.column].name}"
        return f"{name} reversed" if self.is_reversed else name

    @property
    def sorts_by(self) -> str:
        """The name of the column that sorts, empty for none."""
        return "" if self.column is None else self.columns[self.column].name

    @property
    def is_narrowed(self) -> bool:
        """Whether rows are left out."""
        return bool(self.filter) or self.only_trouble

    @property
    def is_descending(self) -> bool:
        """Whether the largest value stands first."""
        largest = True if self.column is None else self.columns[self.column].largest_first
        return largest is not self.is_reversed

    def next_column(self, width: int) -> TableOrder[Row]:
        """Return the order by the next column that is shown; behind the last, the worst first."""
        shown = [place for place, one in enumerate(self.columns) if one.room <= width]
        later = [place for place in shown if self.column is None or place > self.column]
        return replace(self, column=later[0] if later else None, is_reversed=False)

    def by(self, name: str) -> TableOrder[Row]:
        """Return the order by a column; by the one that sorts already, turned round."""
        place = next((at for at, one in enumerate(self.columns) if one.name == name), None)
        if place is None:
            return self
        turned = not self.is_reversed if place == self.column else False
        return replace(self, column=place, is_reversed=turned)

    def apply(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that are wanted, as they are wanted; equal ones by their names."""
        found = [row for row in rows if self._is_wanted(row)]
        found.sort(key=lambda row: str(self.identity(row)))
        key = self.trouble if self.column is None else self.columns[self.column].sort
        found.sort(key=key, reverse=self.is_descending)
        return found

    def _is_wanted(self, row: Row) -> bool:
        if self.only_trouble and not self.trouble(row)[0]:
            return False
        if not self.filter:
            return True
        words = self.words_of(row)
        for part in self.filter.casefold().split():
            text = part.removeprefix("!")
            if text and (text in words) is part.startswith("!"):
                return False
        return True
