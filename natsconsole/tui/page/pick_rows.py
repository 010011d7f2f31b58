"""Rows with a cursor that stays on its row when others come and go."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual import events
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip

from natsconsole.tui.drawing import Line
from natsconsole.tui.virtual_rows import VirtualRows

Row = TypeVar("Row")


class PickRows(VirtualRows, Generic[Row]):
    """A list of values, one of which is chosen."""

    @dataclass
    class Opened(Message):
        """The user wants more of the chosen row."""

    @dataclass
    class Moved(Message):
        """Other rows are seen, or another is chosen."""

        rows: object

    has_divider = False
    empty_text: var[str] = var("")
    cursor: var[int] = var(0)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.rows: Sequence[Row] = ()

    @abstractmethod
    def identity(self, row: Row) -> Hashable:
        """Return what a row is recognised by. Each list has its own."""

    @abstractmethod
    def draw_one(self, row: Row, *, is_chosen: bool) -> Line:
        """Draw a row. Each list has its own way."""

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    @property
    def chosen(self) -> Row | None:
        """The row under the cursor, or None."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def seen(self) -> Sequence[Row]:
        """The rows on the page."""
        return self.rows[self.top : self.top + max(1, self.size.height)]

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; the cursor stays on its row, or near where it was."""
        chosen = self.chosen
        wanted = self.identity(chosen) if chosen is not None else None
        self.rows = rows
        place = None
        if wanted is not None:
            place = next((at for at, row in enumerate(rows) if self.identity(row) == wanted), None)
        if place is None:
            place = min(self.cursor, max(0, len(rows) - 1))
        self.top += place - self.cursor
        self.set_reactive(PickRows.cursor, place)
        self._reveal()

    def watch_cursor(self) -> None:
        """Bring the cursor into view."""
        self._reveal()

    def watch_empty_text(self) -> None:
        """Say why there is nothing."""
        self.repaint()

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self._reveal()

    def _reveal(self) -> None:
        height = max(1, self.size.height)
        self.top = max(self.cursor - height + 1, min(self.top, self.cursor))
        self.top = max(0, min(self.top, self.last_top))
        self.repaint()
        if self.is_mounted:
            self.post_message(self.Moved(self))

    def draw_row(self, number: int, y: int) -> Strip:
        """Draw a row, or why there is none."""
        if number >= len(self.rows):
            words = self.empty_text.split("\n") if not self.rows else []
            text = words[y - 1] if 1 <= y <= len(words) else ""
            return self.finish(self.line().space(3).put(text, "muted"))
        is_chosen = number == self.cursor
        base = self.base + self.ink("cursor") if is_chosen else self.base
        line = self.line().put("▌" if is_chosen else " ", "accent" if self.has_focus else "muted")
        return line.join(self.draw_one(self.rows[number], is_chosen=is_chosen)).strip(
            self.row_width, base
        )

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row; a second click opens it."""
        place = self.top + event.y
        if place < len(self.rows):
            self.cursor = place
            if event.chain > 1:
                self.post_message(self.Opened())

    def move(self, rows: int) -> None:
        """Move the cursor."""
        self.cursor = max(0, min(self.cursor + rows, len(self.rows) - 1))
