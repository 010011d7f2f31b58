"""The table of hosts: virtual, so that 50,000 cost what one page costs."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip

from natsconsole.domain.alerts import BEHIND_SECONDS
from natsconsole.domain.shippers import ShipperPulse
from natsconsole.domain.snapshots import HostRow, HostState
from natsconsole.tui.drawing import Ink, Line, OneLine
from natsconsole.tui.format import count, duration, scaled, size, tally
from natsconsole.tui.home.host_order import HostOrder, is_in_trouble
from natsconsole.tui.keymap import bindings
from natsconsole.tui.sparkline import sparkline
from natsconsole.tui.virtual_rows import VirtualRows

STATE_SIGNS: dict[HostState, tuple[str, Ink]] = {
    "live": ("●", "calm"),
    "quiet": ("○", "muted"),
    "silent": ("!", "warn-word"),
    "held": ("◐", "bad"),
    "paused": ("‖", "warn"),
}
NUMBER_COLUMNS = (("lines/s", 8), ("lag", 7), ("age", 5), ("una", 5), ("↻", 5))
NARROW_COLUMNS = NUMBER_COLUMNS[:3]
SEEN_COLUMN = ("seen", 6)
FILES_COLUMN = ("files", 7)
"""Bytes that wait in the host's files, as its shipper says."""
MARGIN = 3
"""Cells before the name: the cursor's mark, the state's sign, the user's mark."""
SPARK_WIDTHS = (4, 10)
"""The narrowest and the widest chart of a host's rate."""


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide everything in a row is."""

    name: int
    spark: int
    numbers: tuple[tuple[str, int], ...]


def columns_for(
    width: int, longest_name: int, *, sparks: bool = True, files: bool = False
) -> Columns:
    """Return the columns of a row so wide: what names do not need goes to a chart."""
    numbers = NUMBER_COLUMNS if width >= 44 else NARROW_COLUMNS
    if width >= 60:
        numbers = (*numbers, SEEN_COLUMN)
    if files and width >= 64:
        numbers = (*numbers, FILES_COLUMN)
    room = width - MARGIN - 1 - sum(wide for _, wide in numbers)
    spark = min(SPARK_WIDTHS[1], room - max(longest_name, 6) - 1)
    if not sparks or spark < SPARK_WIDTHS[0]:
        spark = 0
    return Columns(max(6, room - spark), spark, numbers)


class HostHeader(OneLine):
    """The columns' names, with the mark of the order. A click orders by a column."""

    @dataclass
    class Sorted(Message):
        """The user wants the hosts in the order of this column."""

        column: str

    order: var[HostOrder] = var(HostOrder())
    longest_name: var[int] = var(0)
    sparks: var[bool] = var(True)
    files: var[bool] = var(False)

    def watch_files(self) -> None:
        """Make room for what shippers say, where any is heard."""
        self.repaint()

    def watch_order(self) -> None:
        """Draw the mark where it belongs now."""
        self.repaint()

    def watch_longest_name(self) -> None:
        """Make room for names."""
        self.repaint()

    def _names(self) -> list[tuple[str, int]]:
        columns = columns_for(
            self.size.width - 1, self.longest_name, sparks=self.sparks, files=self.files
        )
        return [("host", columns.name + columns.spark), *columns.numbers]

    def draw_line(self) -> Line:
        """Draw the names over their columns."""
        line = self.line().space(MARGIN)
        for name, wide in self._names():
            sorts = name == self.order.key.column
            arrow = "▼" if self.order.is_descending else "▲"
            text = f"{name}{arrow}" if sorts else name
            line.put(text, "accent" if sorts else "muted", width=wide, right=name != "host")
        return line.fill_to(self.size.width - 1).put("│", "faint")

    def on_click(self, event: events.Click) -> None:
        """Order by the column."""
        end = MARGIN
        for name, wide in self._names():
            end += wide
            if event.x < end:
                self.post_message(self.Sorted(name))
                return


class HostRows(VirtualRows):
    """The rows, and a cursor that stays on its host when others come and go."""

    @dataclass
    class Chosen(Message):
        """The user wants to see a host's lines."""

        host: str

    BINDINGS = bindings("rows", "hosts")

    rows: var[tuple[HostRow, ...]] = var(())
    taken: var[float] = var(0.0)
    """When these were found, in seconds since the epoch."""
    empty_text: var[str] = var("")
    cursor: var[int] = var(0)
    opened: var[tuple[str, ...]] = var(())
    """The hosts whose lines are shown."""
    marked: var[frozenset[str]] = var(frozenset())
    """The hosts that the user marked."""
    longest_name: var[int] = var(0)
    """In cells; what names do not need is given to the charts."""
    sparks: var[bool] = var(True)
    files: var[bool] = var(False)
    """Whether any shipper is heard."""

    @property
    def total(self) -> int:
        """How many hosts there are."""
        return len(self.rows)

    @property
    def chosen(self) -> str:
        """The host under the cursor, or nothing."""
        return self.rows[self.cursor].host if self.cursor < len(self.rows) else ""

    def watch_rows(self, before: tuple[HostRow, ...], rows: tuple[HostRow, ...]) -> None:
        """Keep the cursor on its host, and as many rows above it, unless the page is the first."""
        host = before[self.cursor].host if self.cursor < len(before) else ""
        place = next((at for at, row in enumerate(rows) if row.host == host), None)
        if place is None:
            place = min(self.cursor, max(0, len(rows) - 1))
        if self.top:  # who looks at the first row sees what comes before it
            self.top += place - self.cursor
        self.set_reactive(HostRows.cursor, place)
        self._reveal()

    def watch_cursor(self) -> None:
        """Bring the cursor into view."""
        self._reveal()

    def watch_taken(self) -> None:
        """Let ages grow."""
        self.repaint()

    def watch_empty_text(self) -> None:
        """Say why there is nothing."""
        self.repaint()

    def watch_opened(self) -> None:
        """Mark the hosts that have a pane."""
        self.repaint()

    def watch_marked(self) -> None:
        """Show the marks."""
        self.repaint()

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self._reveal()

    def _reveal(self) -> None:
        height = max(1, self.size.height)
        self.top = max(self.cursor - height + 1, min(self.top, self.cursor))
        self.top = max(0, min(self.top, self.last_top))
        self.repaint()

    def draw_row(self, number: int, y: int) -> Strip:
        """Draw a host, or why there is none."""
        if number >= len(self.rows):
            words = self.empty_text if y == 1 and not self.rows else ""
            return self.finish(self.line().space(MARGIN).put(words, "muted"))
        is_chosen = number == self.cursor
        base = self.base + self.ink("cursor") if is_chosen else self.base
        return self._row(self.rows[number], is_chosen).strip(self.row_width, base)

    def _row(self, row: HostRow, is_chosen: bool) -> Line:
        sign, ink = STATE_SIGNS[row.state]
        columns = columns_for(
            self.row_width, self.longest_name, sparks=self.sparks, files=self.files
        )
        line = self.line()
        line.put("▌" if is_chosen else " ", "accent" if self.has_focus else "muted")
        line.put(sign, ink).put("◆" if row.host in self.marked else " ", "accent")
        name_ink: Ink = "strong" if is_chosen or row.host in self.opened else "plain"
        line.put(row.host, name_ink, width=columns.name)
        if columns.spark:
            line.put(sparkline(row.history, columns.spark), "spark", width=columns.spark)
        trouble: Ink = "warn" if is_in_trouble(row) else "plain"
        cells: dict[str, tuple[str, Ink]] = {
            "lines/s": (scaled(row.lines_per_second), _ink_of(row.lines_per_second)),
            "lag": _lag_of(row, trouble),
            "age": (_age(row.lag_seconds), _ink_of(row.lag_seconds, trouble)),
            "una": (tally(row.unacked), _ink_of(row.unacked)),
            "↻": (tally(row.redelivered), _ink_of(row.redelivered, "warn")),
            "seen": (
                duration(row.unseen_seconds(self.taken)),
                "muted" if row.state == "live" else ink,
            ),
        }
        if row.shipper is not None:
            cells["files"] = _files_of(row.shipper)
        for name, wide in columns.numbers:
            text, cell_ink = cells.get(name, ("", "faint"))
            line.put(text, cell_ink, width=wide, right=True)
        return line

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row; a second click opens it."""
        place = self.top + event.y
        if place < len(self.rows):
            self.cursor = place
            if event.chain > 1:
                self.post_message(self.Chosen(self.chosen))

    def move(self, rows: int) -> None:
        """Move the cursor."""
        self.cursor = max(0, min(self.cursor + rows, len(self.rows) - 1))


def _lag_of(row: HostRow, trouble: Ink) -> tuple[str, Ink]:
    if row.lag_messages is None:
        return "?", trouble
    return count(row.lag_messages), _ink_of(row.lag_messages, trouble)


def _ink_of(number: float, ink: Ink = "plain") -> Ink:
    return ink if number else "faint"


def _files_of(shipper: ShipperPulse) -> tuple[str, Ink]:
    if not shipper.is_alive:
        return "gone", "warn"
    behind: Ink = "warn" if shipper.is_paused or shipper.lag_seconds >= BEHIND_SECONDS else "plain"
    return size(shipper.backlog_bytes).replace(" ", ""), _ink_of(shipper.backlog_bytes, behind)


def _age(seconds: float) -> str:
    return duration(seconds) if seconds else "0"
