"""The panes, as many beside each other as leave each room for a line."""

from __future__ import annotations

from math import ceil

from textual import events
from textual.containers import Container

NARROWEST = 44
"""Cells of a pane that may stand beside another."""


def grid_of(panes: int, width: int) -> tuple[int, int]:
    """Return columns and rows for so many panes in so much width."""
    most = max(1, min(panes, width // NARROWEST))
    rows = ceil(panes / most)
    return ceil(panes / rows), rows


class PaneGrid(Container):
    """Puts panes beside and below each other; the last one takes what is left of its row."""

    def on_resize(self, event: events.Resize) -> None:
        """Arrange for this width."""
        self.lay_out(event.size.width)

    def lay_out(self, width: int = 0) -> None:
        """Arrange the panes there are."""
        panes = list(self.children)
        if not panes:
            return
        columns, rows = grid_of(len(panes), width or self.size.width)
        self.styles.grid_size_columns = columns
        self.styles.grid_size_rows = rows
        for pane in panes:
            pane.styles.column_span = 1
        panes[-1].styles.column_span = columns * rows - len(panes) + 1
