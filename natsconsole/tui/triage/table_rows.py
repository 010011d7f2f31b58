"""A table on the screen: names over columns, and only the rows that are seen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from textual import events
from textual.message import Message
from textual.reactive import var

from natsconsole.tui.drawing import Line, OneLine
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.triage.table import Column, TableOrder, columns_for

Row = TypeVar("Row")
SIGN = 2
"""Cells before the first column: the cursor and the row's sign."""


class TableHeader(OneLine):
    """The columns' names; a click sorts by one."""

    order: var[TableOrder[Any] | None] = var(None)
    columns: var[tuple[Column[Any], ...]] = var(())
    """As wide as they may become."""

    @dataclass
    class Sorted(Message):
        """A column was clicked."""

        column: str

    def __init__(self, columns: tuple[Column[Any], ...]) -> None:
        super().__init__()
        self.set_reactive(TableHeader.columns, columns)

    def watch_order(self) -> None:
        """Draw the mark where it belongs now."""
        self.repaint()

    def watch_columns(self) -> None:
        """Draw them as wide as they are now."""
        self.repaint()

    def _columns(self) -> tuple[Column[Any], ...]:
        return columns_for(self.columns, self.size.width - 1)

    def draw_line(self) -> Line:
        """Draw the names over their columns."""
        line = self.line().space(SIGN + 1)
        for column in self._columns():
            sorts = self.order is not None and column.name == self.order.sorts_by
            arrow = "▼" if self.order is not None and self.order.is_descending else "▲"
            text = f"{column.name}{arrow}" if sorts else column.name
            if column.width:
                line.put(
                    text, "accent" if sorts else "muted", width=column.width, right=column.is_number
                ).space()
            else:
                line.put(text, "accent" if sorts else "muted")
        return line

    def on_click(self, event: events.Click) -> None:
        """Sort by the column."""
        start = SIGN + 1
        for column in self._columns():
            if start <= event.x < start + (column.width or self.size.width):
                self.post_message(self.Sorted(column.name))
                return
            start += column.width + 1


class TableRows(PickRows[Row], Generic[Row]):
    """The rows of a table."""

    def __init__(self, order: TableOrder[Row], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._order = order
        self.columns = order.columns
        """As wide as they may become."""

    def identity(self, row: Row) -> Hashable:
        """A row is what its order says it is."""
        return self._order.identity(row)

    @abstractmethod
    def sign(self, row: Row) -> tuple[str, Any]:
        """Return what stands before a row, and its ink. Each table has its own."""

    def draw_one(self, row: Row, *, is_chosen: bool) -> Line:
        """Draw a row."""
        text, ink = self.sign(row)
        line = self.line().put(f"{text} ", ink)
        for place, column in enumerate(columns_for(self.columns, self.row_width)):
            words, cell_ink = column.draw(row)
            if place == 0 and is_chosen and cell_ink == "plain":
                cell_ink = "strong"
            if column.width:
                line.put(words, cell_ink, width=column.width, right=column.is_number).space()
            else:
                line.put(words, cell_ink)
        return line
