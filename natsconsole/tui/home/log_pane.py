"""A pane: one host's title and lines."""

from __future__ import annotations

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import var

from natsconsole.domain.snapshots import HostRow
from natsconsole.tui.drawing import Line, OneLine
from natsconsole.tui.home.host_rows import STATE_SIGNS
from natsconsole.tui.home.line_view import LineView


class PaneTitle(OneLine):
    """Whose lines these are, how the host is, what waits below."""

    host: var[str] = var("")
    row: var[HostRow | None] = var(None)
    follows: var[bool] = var(True)
    unseen: var[int] = var(0)
    is_active: var[bool] = var(False)

    def watch_host(self) -> None:
        """Name the host."""
        self.repaint()

    def watch_row(self) -> None:
        """Say how the host is."""
        self.repaint()

    def watch_follows(self) -> None:
        """Say whether new lines are shown."""
        self.repaint()

    def watch_unseen(self) -> None:
        """Count what waits."""
        self.repaint()

    def watch_is_active(self) -> None:
        """Mark the pane that enter fills."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the title."""
        line = self.line().put("▌" if self.is_active else " ", "accent")
        if not self.host:
            return line.put("no host yet", "muted")
        line.put(self.host, "title")
        row = self.row
        if row is not None:
            if row.partition:
                name = f"p{row.partition}" if row.partition.isdecimal() else row.partition
                line.put(" · ", "faint").put(name, "muted")
            sign, ink = STATE_SIGNS[row.state]
            line.put(" · ", "faint").put(sign, ink).put(f" {row.state}", "muted")
        if not self.follows:
            words = f"↓ +{self.unseen:,} new · G " if self.unseen else "↓ not following · G "
            line.fill_to(max(line.cells + 2, self.size.width - len(words))).put(words, "warn")
        return line


class LogPane(Vertical):
    """One host's lines with their title."""

    host: var[str] = var("")
    row: var[HostRow | None] = var(None)
    now: var[float] = var(0.0)
    is_active: var[bool] = var(False)

    title = getters.query_one(PaneTitle)
    view = getters.query_one(LineView)

    def compose(self) -> ComposeResult:
        """Put the title over the lines."""
        yield PaneTitle().data_bind(LogPane.host, LogPane.row, LogPane.is_active)
        yield LineView(id=f"{self.id}-lines").data_bind(LogPane.now)

    def on_descendant_focus(self) -> None:
        """Show in the title that the keys act here."""
        self.title.add_class("-focused")

    def on_descendant_blur(self) -> None:
        """Show that they do not."""
        self.title.remove_class("-focused")

    def open(self, host: str) -> None:
        """Show another host's lines."""
        if host != self.host:
            self.host = host
            self.view.clear()
            self.view.empty_text = "no line yet"

    @on(LineView.Moved)
    def retitle(self, event: LineView.Moved) -> None:
        """Say in the title what waits below."""
        event.stop()
        self.title.follows = event.view.follows
        self.title.unseen = event.view.unseen
