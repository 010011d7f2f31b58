"""One host's lines, and what became of each: stored, delivered, delivered again, acknowledged."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.timer import Timer

from natsconsole.domain.lines import Fate, HostMarks, LogLine
from natsconsole.tui.drawing import Ink
from natsconsole.tui.format import clock_time, countdown
from natsconsole.tui.home.line_ring import LineRing, Rule, ShownLine
from natsconsole.tui.virtual_rows import VirtualRows

SIGNS: dict[Fate, tuple[str, Ink]] = {
    Fate.STORED: ("·", "muted"),
    Fate.DELIVERED: ("▸", "accent"),
    Fate.REDELIVERED: ("↻", "warn"),
    Fate.ACKED: ("✓", "calm"),
}
TEXT_INKS: dict[Fate, Ink] = {Fate.STORED: "muted"}
SIGN_WIDTH = 3
"""Up to 99 deliveries."""
COUNTDOWN_WIDTH = 5
WIDE_ENOUGH_FOR_THOUSANDTHS = 43
OWN_TIME = re.compile(r".{0,14}?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?")
"""The time a line begins with. It is told once: where there is one, ours would only take room."""
REPAINT_SECONDS = 0.7
"""A pane that is busy is sent at most this often: lines that scroll change every cell."""


class LineView(VirtualRows):
    """The lines of a pane. It follows the newest until the user scrolls up."""

    @dataclass
    class Moved(Message):
        """What the title says of the lines may have changed."""

        view: LineView

    marks: var[HostMarks] = var(HostMarks())
    now: var[float] = var(0.0)
    follows: var[bool] = var(True)
    empty_text: var[str] = var("")

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.ring = LineRing()
        self.unseen = 0
        """Lines that came while the view did not follow."""
        self._floor_row: int | None = None
        self._painted = 0.0
        self._repaint_timer: Timer | None = None

    @property
    def total(self) -> int:
        """The lines, and the rule where there is one."""
        return len(self.ring) + (self._floor_row is not None)

    def clear(self) -> None:
        """Forget all lines, for another host's."""
        self.ring = LineRing()
        self.unseen = 0
        self.set_reactive(LineView.marks, HostMarks())
        self.follows = True
        self._settle()
        self.repaint()

    def append(self, lines: Sequence[LogLine], *, is_gap: bool = False) -> None:
        """Add newer lines; where the view does not follow, what it shows stays where it is."""
        added, dropped = self.ring.append(lines, is_gap=is_gap)
        if not added:
            return
        if not self.follows:
            self.unseen += added
            self.top = max(0, self.top - dropped)
            self.post_message(self.Moved(self))
        self._settle()
        self._repaint_soon()

    def watch_marks(self) -> None:
        """Draw what became of the lines."""
        self._settle()
        self._repaint_soon()

    def watch_now(self) -> None:
        """Count down."""
        if self.marks.unacked:
            self._repaint_soon()

    def watch_empty_text(self) -> None:
        """Say why there is nothing."""
        self.repaint()

    def watch_follows(self) -> None:
        """Go to the end to follow; tell the title either way."""
        if self.follows:
            self.unseen = 0
        self._settle()
        self.repaint()
        self.post_message(self.Moved(self))

    def on_resize(self) -> None:
        """Keep the end in view."""
        self._settle()

    def _settle(self) -> None:
        self._floor_row = self.ring.floor_row(self.marks.ack_floor)
        self.top = self.last_top if self.follows else max(0, min(self.top, self.last_top))

    def _repaint_soon(self) -> None:
        if self._repaint_timer is not None:
            return
        wait = self._painted + REPAINT_SECONDS - time.monotonic()
        if wait <= 0:
            self._repaint_now()
        else:
            self._repaint_timer = self.set_timer(wait, self._repaint_now)

    def _repaint_now(self) -> None:
        self._repaint_timer = None
        self._painted = time.monotonic()
        self.repaint()

    def draw_row(self, number: int, y: int) -> Strip:
        """Draw a line, the rule, or why there is nothing."""
        row = self.ring.row(number, self.marks.ack_floor, self._floor_row)
        if row is None:
            words = self.empty_text if y == 1 and not len(self.ring) else ""
            return self.finish(self.line().space().put(words, "muted"))
        if isinstance(row, Rule):
            return self._rule(f"{row.words} {row.sequence:,}", "accent")
        if row.is_gap:
            return self._rule(row.text, "warn")
        return self._line(row, is_top=y == 0)

    def _rule(self, words: str, ink: Ink) -> Strip:
        line = self.line().put(f" ─── {words} ", ink)
        return self.finish(line.put("─" * max(0, self.row_width - line.cells), ink))

    def _line(self, shown: ShownLine, *, is_top: bool) -> Strip:
        width = self.row_width
        fate = self.marks.fate_of(shown.sequence)
        sign, ink = SIGNS[fate]
        message = self.marks.unacked.get(shown.sequence)
        if message is not None and fate is Fate.REDELIVERED:
            sign += str(min(message.deliveries, 99))
        line = self.line().put(sign, ink, width=SIGN_WIDTH, right=True).space()
        own_time = OWN_TIME.match(shown.text)
        if own_time is None:
            wide = width >= WIDE_ENOUGH_FOR_THOUSANDTHS
            line.put(clock_time(shown.time, thousandths=wide), "muted").space()
        left = self.marks.countdown(shown.sequence, self.now)
        counts = left is not None and (shown.is_first or is_top)
        end = width - 1 - (COUNTDOWN_WIDTH if counts else 0)
        split = own_time.end() if own_time else 0
        room = max(1, end - line.cells)
        text_ink = TEXT_INKS.get(fate, "plain")
        if split and split < room:
            line.put(shown.text[:split], "muted")
            line.put(shown.text[split:], text_ink, width=end - line.cells)
        else:
            line.put(shown.text, text_ink, width=room)
        if left is not None and counts:
            line.put(countdown(left), ink, width=COUNTDOWN_WIDTH, right=True)
        return self.finish(line)

    def move(self, rows: int) -> None:
        """Scroll; at the end the view follows again."""
        super().move(rows)
        self.follows = self.top >= self.last_top
