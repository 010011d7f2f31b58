"""A page of rows out of any number, with its own scroll bar.

Textual's scroll view lays the screen out anew when its height changes, and sends the whole widget
when it scrolls. Rows that come all the time need neither: here only differing cells are sent.
"""

from __future__ import annotations

from abc import abstractmethod

from textual.strip import Strip

from natsconsole.tui.drawing import Drawn, Line
from natsconsole.tui.keymap import bindings


class VirtualRows(Drawn, can_focus=True):
    """Rows that are drawn only where they are seen."""

    BINDINGS = bindings("rows")

    top = 0
    """The row in the first line of the page."""

    has_divider = True
    """Whether the scroll bar's column divides the rows from what is beside them."""

    @property
    @abstractmethod
    def total(self) -> int:
        """How many rows there are."""

    @property
    def last_top(self) -> int:
        """The top of the last page."""
        return max(0, self.total - self.size.height)

    @abstractmethod
    def draw_row(self, number: int, y: int) -> Strip:
        """Return a row at the width of ``row_width``; rows beyond the last are asked for too."""

    @property
    def row_width(self) -> int:
        """The cells beside the scroll bar's column."""
        return self.size.width - 1

    def finish(self, line: Line) -> Strip:
        """Return the line at a row's width."""
        return line.strip(self.row_width, self.base)

    def draw(self, y: int) -> Strip:
        """Draw a row and its cell of the scroll bar."""
        bar = self.line()
        if self.total > self.size.height > 0 and self._thumb_covers(y):
            bar.put("┃", "muted")
        elif self.has_divider:
            bar.put("│", "faint")
        return Strip.join([self.draw_row(self.top + y, y), bar.strip(1, self.base)])

    def _thumb_covers(self, y: int) -> bool:
        height = self.size.height
        thumb = max(1, round(height * height / self.total))
        room = height - thumb
        start = round(self.top / self.last_top * room) if self.last_top else 0
        return start <= y < start + thumb

    def on_resize(self) -> None:
        """Leave no empty page below the last row."""
        self.top = max(0, min(self.top, self.last_top))

    def on_focus(self) -> None:
        """Show that the keys act here."""
        self.repaint()

    def on_blur(self) -> None:
        """Show that they do not."""
        self.repaint()

    def move(self, rows: int) -> None:
        """Go so many rows down, or up: here the page moves, where there is a cursor that does."""
        self.top = max(0, min(self.top + rows, self.last_top))
        self.repaint()

    def on_mouse_scroll_up(self) -> None:
        """Go up as the wheel asks."""
        self.move(-3)

    def on_mouse_scroll_down(self) -> None:
        """Go down as the wheel asks."""
        self.move(3)

    def action_row_up(self) -> None:
        """Go one row up."""
        self.move(-1)

    def action_row_down(self) -> None:
        """Go one row down."""
        self.move(1)

    def action_rows_page_up(self) -> None:
        """Go one page up."""
        self.move(1 - self.size.height)

    def action_rows_page_down(self) -> None:
        """Go one page down."""
        self.move(self.size.height - 1)

    def action_rows_start(self) -> None:
        """Go to the first row."""
        self.move(-self.total)

    def action_rows_end(self) -> None:
        """Go to the last row."""
        self.move(self.total)
