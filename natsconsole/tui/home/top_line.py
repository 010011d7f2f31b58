"""The first line: where we are connected, and whether what is below is still true."""

from __future__ import annotations

from textual.reactive import var

from natsconsole.domain.contexts import Context
from natsconsole.domain.snapshots import Link
from natsconsole.tui.drawing import Ink, Line, OneLine
from natsconsole.tui.format import clock_time, duration, milliseconds

NAME = "natsconsole"
PRODUCTION = "PRODUCTION"


class TopLine(OneLine):
    """Connection, round trip, right to change, clock."""

    link: var[Link] = var(Link())
    now: var[float] = var(0.0)
    stale_seconds: var[float | None] = var(None)
    """How old the data is, where that is older than it should be."""

    def __init__(self, title: str, context: Context, *, is_read_only: bool) -> None:
        super().__init__(id="top")
        self._title = title
        self._shown_context = context
        self._is_read_only = is_read_only

    def watch_link(self) -> None:
        """Say how the connection is."""
        self.repaint()

    def watch_now(self) -> None:
        """Move the clock."""
        self.repaint()

    def watch_stale_seconds(self) -> None:
        """Say how old the data is."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw left and right part; a narrow screen loses the least important words."""
        width = self.size.width
        right = self._right(with_clock=width >= 64)
        room = width - right.cells - 2
        left = next(
            (line for line in (self._left(level) for level in range(4)) if line.cells <= room),
            self._left(4),
        )
        if left.cells > room:
            right = self._right(with_clock=False)
        return left.fill_to(width - right.cells).join(right)

    def _left(self, shortening: int) -> Line:
        line = self.line().space().put(NAME, "title").space(2)
        link = self.link
        context = self._shown_context
        if context.name and shortening < 4:
            line.put(context.name, ink_of_context(context)).put(" · ", "faint")
        parts = []
        if self._title and shortening < 4:
            parts.append(self._title)
        if link.address and shortening < 3:
            parts.append(link.address)
        if link.server_version and shortening < 2:
            parts.append(f"nats {link.server_version}")
        if link.state == "live" and shortening < 1:
            parts.append(f"rtt {milliseconds(link.rtt_seconds)}")
        for part in parts:
            line.put(part, "muted").put(" · ", "faint")
        return self._state(line, with_words=shortening < 4)

    def _state(self, line: Line, *, with_words: bool) -> Line:
        link = self.link
        age = self.stale_seconds
        if link.state == "lost":
            line.put(f"○ connection lost {duration(self.now - link.since, gap=' ')} ago", "bad")
            if with_words:
                line.put(f"; data is {duration(age, gap=' ')} old" if age else "", "bad")
                line.put("; reconnecting", "bad")
        elif link.state == "connecting":
            line.put("◌ connecting", "warn")
        elif age:
            line.put(f"◐ slow: data is {duration(age, gap=' ')} old", "warn")
        else:
            line.put("●", "good").put(" live")
        return line

    def _right(self, *, with_clock: bool) -> Line:
        line = self.line()
        if self._shown_context.is_production:
            line.put(PRODUCTION, "bad-word").space(2)
        if self._is_read_only:
            line.put("READ-ONLY", "warn")
        else:
            line.put("READ-WRITE", "muted")
        if with_clock:
            line.space(2).put(clock_time(self.now), "plain")
        return line.space()


def ink_of_context(context: Context) -> Ink:
    """Return the ink of a context's name: its user's colour."""
    match context.settings.colour:
        case "red":
            return "context-red"
        case "yellow":
            return "context-yellow"
        case "green":
            return "context-green"
        case "blue":
            return "context-blue"
        case "magenta":
            return "context-magenta"
        case "cyan":
            return "context-cyan"
        case None:
            return "strong"
