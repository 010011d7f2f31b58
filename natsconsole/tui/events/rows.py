"""The table of events, newest first."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from natsconsole.domain.advisories import Advisory, Kind
from natsconsole.tui.drawing import Ink, Line, OneLine
from natsconsole.tui.page.first_lines import Beginning
from natsconsole.tui.page.pick_rows import PickRows

SIGNS: dict[Kind, tuple[str, Ink]] = {
    "max deliver": ("✗", "bad"),
    "terminated": ("✗", "warn"),
    "nak": ("↻", "warn"),
    "pinned": ("⇄", "accent"),
    "pause": ("‖", "warn"),
    "leader": ("♦", "accent"),
    "change": ("·", "muted"),
    "other": ("·", "muted"),
}
TIME_WIDTH = 12
KIND_WIDTH = 12
WIDE = 140
MEDIUM = 110
SLIM = 90


def widths(width: int) -> tuple[int, int, int]:
    """Return the cells of consumer, sequence and host; 0 where there is no room."""
    if width >= WIDE:
        return 26, 10, 18
    if width >= MEDIUM:
        return 24, 8, 12
    return (0, 10, 14) if width >= SLIM else (0, 9, 0)


class EventHeader(OneLine):
    """The columns' names."""

    def draw_line(self) -> Line:
        """Draw them over their columns."""
        consumer, sequence, host = widths(self.size.width - 1)
        line = self.line().space(3).put("time", "muted", width=TIME_WIDTH).space()
        line.put("event", "muted", width=KIND_WIDTH)
        if consumer:
            line.put("consumer", "muted", width=consumer).space()
        line.put("message", "muted", width=sequence, right=True).space()
        if host:
            line.put("host", "muted", width=host).space()
        return line.put("what happened", "muted")


class EventRows(PickRows[Advisory]):
    """The rows; hosts are told once their messages have been read."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.beginnings: Mapping[int, Beginning] = {}

    def identity(self, row: Advisory) -> Hashable:
        """An event has an id; what has none is known by what it says."""
        return row.id or (row.time, row.kind, row.sequence)

    def draw_one(self, row: Advisory, *, is_chosen: bool) -> Line:
        """Draw an event."""
        consumer, sequence, host = widths(self.row_width)
        sign, ink = SIGNS[row.kind]
        line = self.line().put(f"{sign} ", ink)
        line.put(_clock(row.time), "muted", width=TIME_WIDTH).space().put(
            row.kind, ink, width=KIND_WIDTH
        )
        if consumer:
            line.put(row.consumer, "muted", width=consumer).space()
        number = f"{row.sequence:,}" if row.sequence else ""
        line.put(number, "strong" if is_chosen else "plain", width=sequence, right=True).space()
        beginning = self.beginnings.get(row.sequence)
        if host:
            name = beginning.host if beginning else "…" if row.sequence else ""
            line.put(name, "plain" if beginning else "muted", width=host).space()
        if row.times > 1:
            line.put(f"×{row.times:,} since {_clock(row.first_time)[:8]}: ", "warn")
        line.put(row.sentence)
        if beginning and beginning.line:
            line.put("  ", "plain").put(beginning.line, "muted")
        return line


def _clock(time: str) -> str:
    return time.partition("T")[2].rstrip("Z")[:TIME_WIDTH]
