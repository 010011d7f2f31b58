"""A pane: one host's title and lines."""

from __future__ import annotations

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import var

from natsconsole.domain.snapshots import HostRow
from natsconsole.tui.commands import key_of
from natsconsole.tui.drawing import Line, OneLine
from natsconsole.tui.format import clock_time
from natsconsole.tui.home.host_rows import STATE_SIGNS
from natsconsole.tui.home.line_view import LineView
from natsconsole.tui.home.line_window import Key
from natsconsole.tui.home.page_feed import Direction, Whose
from natsconsole.tui.settings import DEFAULTS, Settings, Timestamps


class PaneTitle(OneLine):
    """Whose lines these are, how the host is, what is looked for, what waits below."""

    host: var[str] = var("")
    row: var[HostRow | None] = var(None)
    state: var[str] = var("")
    """What the lines are at: how many wait, how far a search is."""
    search: var[str] = var("")
    is_active: var[bool] = var(False)

    def watch_host(self) -> None:
        """Name the host."""
        self.repaint()

    def watch_row(self) -> None:
        """Say how the host is."""
        self.repaint()

    def watch_state(self) -> None:
        """Say what the lines are at."""
        self.repaint()

    def watch_search(self) -> None:
        """Say what is looked for."""
        self.repaint()

    def watch_is_active(self) -> None:
        """Mark the pane that enter fills."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the title; what the lines are at is never cut off."""
        line = self.line().put("▌" if self.is_active else " ", "accent")
        if not self.host:
            return line.put("no host yet", "muted")
        end = self.size.width - (len(self.state) + 2 if self.state else 0)
        line.put(self.host, "title", width=min(cell_len(self.host), max(4, end - 1)))
        for part in self._parts(end - line.cells):
            line.put(" · ", "faint").join(part)
        if self.state:
            line.fill_to(self.size.width - len(self.state) - 1).put(self.state, "warn")
        return line

    def _parts(self, room: int) -> list[Line]:
        """Return what else fits: a search first, then how the host is, then its partition."""
        by_weight = [(2, self._search_part()), (1, self._state_part()), (0, self._partition_part())]
        fitting = []
        for place, part in by_weight:
            if part.cells and part.cells + 3 <= room:
                room -= part.cells + 3
                fitting.append((place, part))
        return [part for _, part in sorted(fitting, key=lambda one: one[0])]

    def _search_part(self) -> Line:
        return self.line().put(f"/{self.search}" if self.search else "", "accent")

    def _state_part(self) -> Line:
        if self.row is None:
            return self.line()
        sign, ink = STATE_SIGNS[self.row.state]
        return self.line().put(sign, ink).put(f" {self.row.state}", "muted")

    def _partition_part(self) -> Line:
        partition = self.row.partition if self.row else ""
        return self.line().put(f"p{partition}" if partition.isdecimal() else partition, "muted")


class LogPane(Vertical):
    """One host's lines with their title."""

    host: var[str] = var("")
    row: var[HostRow | None] = var(None)
    now: var[float] = var(0.0)
    is_active: var[bool] = var(False)
    wraps: var[bool] = var(False)
    times: var[Timestamps] = var[Timestamps]("auto")
    searching: var[str] = var("")
    """How far a search in the stream has come."""

    def __init__(self, *, settings: Settings = DEFAULTS) -> None:
        super().__init__()
        # Not looked up: a pane that is just coming or going is asked for them, too.
        self.title = PaneTitle()
        self.view = LineView(repaint_seconds=settings.pace.lines)
        self.resume: Key | None = None
        """Where a search that found nothing yet goes on."""
        self.resume_direction: Direction = "older"

    def compose(self) -> ComposeResult:
        """Put the title over the lines."""
        yield self.title.data_bind(LogPane.host, LogPane.row, LogPane.is_active)
        yield self.view.data_bind(LogPane.now, LogPane.wraps, LogPane.times)

    @property
    def whose(self) -> Whose:
        """The lines that are shown, for a question about them."""
        return Whose(self.host, self.view.generation)

    def on_descendant_focus(self) -> None:
        """Show in the title that the keys act here."""
        self.title.is_focused = True

    def on_descendant_blur(self) -> None:
        """Show that they do not."""
        self.title.is_focused = False

    def open(self, host: str) -> None:
        """Show another host's lines."""
        if host != self.host:
            self.host = host
            self.read_anew()
            self.view.empty_text = "no line yet" if host else ""

    def read_anew(self) -> None:
        """Forget the lines, such as those of a stream that is no more."""
        self.searching = ""
        self.resume = None
        self.view.clear()

    def watch_searching(self) -> None:
        """Say how far the search is."""
        if self.is_mounted:
            self._retitle()

    @on(LineView.Moved)
    def retitle(self, event: LineView.Moved) -> None:
        """Say in the title what waits below."""
        event.stop()
        self._retitle()

    def _retitle(self) -> None:
        view = self.view
        self.title.search = view.search.text if view.search else ""
        if self.searching:
            self.title.state = self.searching
        elif view.follows:
            self.title.state = ""
        else:
            self.title.state = self._paused()

    def _paused(self) -> str:
        view = self.view
        key = key_of(self.app, "rows.end")
        marked = view.marked
        if marked:
            return f"│ {marked[1] - marked[0] + 1:,} marked"
        least = "≥" if view.unseen_is_least else ""
        waiting = f"{least}{view.unseen:,} wait" if view.unseen else "paused"
        return f"‖ {waiting} · {key} follows"


def search_progress(lines: int, moment: float) -> str:
    """Return how far a search has come, in few words."""
    return f"searching {clock_time(moment)} · {lines:,} lines · Esc"
