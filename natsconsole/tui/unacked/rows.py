"""The table of messages in flight."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from textual.reactive import var

from natsconsole.domain.messages import InFlightMessage
from natsconsole.tui.drawing import Ink, Line, OneLine
from natsconsole.tui.format import countdown, duration
from natsconsole.tui.home.line_times import OWN_TIME
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.unacked.order import MessageOrder

WIDE = 116
"""Cells from which on the receiver has a column."""
ROOM_FOR_A_TIME = 60
SLIM = 70
"""Cells below which partition and age have none."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    width: int
    is_number: bool = True


def columns_for(width: int) -> tuple[Column, ...]:
    """Return the columns that fit, without the last one, the first line."""
    host = 24 if width >= WIDE else 16 if width >= SLIM else 12
    columns = [Column("sequence", 11), Column("host", host, is_number=False), Column("p", 3)]
    columns += [Column("↻", 4), Column("age", 5), Column("due", 5)]
    columns.append(Column("file", 5, is_number=False))
    if width >= WIDE:
        columns.append(Column("receiver", 13, is_number=False))
    if width < SLIM:
        columns = [one for one in columns if one.name not in {"p", "age"}]
    return tuple(columns)


class MessageHeader(OneLine):
    """The columns' names, with the mark of the order."""

    order: var[MessageOrder] = var(MessageOrder())

    def watch_order(self) -> None:
        """Draw the mark where it belongs now."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the names over their columns."""
        line = self.line().space(2)
        for column in columns_for(self.size.width - 1):
            sorts = column.name == self.order.key.column
            arrow = "▼" if self.order.is_reversed else "▲"
            text = f"{column.name}{arrow}" if sorts else column.name
            line.put(text, "accent" if sorts else "muted", width=column.width,
                     right=column.is_number).space()  # fmt: skip
        return line.put("first line", "muted")


class MessageRows(PickRows[InFlightMessage]):
    """The rows. What a message begins with is told when it has been read."""

    now: var[float] = var(0.0)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.read_at = 0.0
        self.first_lines: Mapping[int, str] = {}

    def watch_now(self) -> None:
        """Count down."""
        self.repaint()

    def identity(self, row: InFlightMessage) -> Hashable:
        """A message is its sequence."""
        return row.sequence

    def draw_one(self, row: InFlightMessage, *, is_chosen: bool) -> Line:
        """Draw a message."""
        message = row.message
        again = message.deliveries > 1
        left = row.remaining(self.read_at, self.now)
        cells: dict[str, tuple[str, Ink]] = {
            "sequence": (f"{message.sequence:,}", "strong" if is_chosen else "plain"),
            "host": (message.host, "strong" if is_chosen else "plain"),
            "p": (f"{message.partition}", "muted"),
            "↻": (f"{message.deliveries}" if again else "1", "warn" if again else "faint"),
            "age": (duration(row.age(self.read_at, self.now)), "muted"),
            "due": (countdown(left), "warn" if left <= 0 else "accent"),
            "file": ("✓", "calm") if message.written else ("·", "muted"),
            "receiver": (row.receiver, "muted"),
        }
        line = self.line().put("↻" if again else "▸", "warn" if again else "accent")
        for column in columns_for(self.row_width):
            text, ink = cells[column.name]
            line.put(text, ink, width=column.width, right=column.is_number).space()
        text = self.first_lines.get(message.sequence, "…")
        own_time = OWN_TIME.match(text)
        if own_time is not None and self.row_width - line.cells < ROOM_FOR_A_TIME:
            text = text[own_time.end() :].lstrip()
        return line.put(text, "plain" if message.sequence in self.first_lines else "muted")
