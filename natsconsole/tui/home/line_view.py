"""One host's lines, and what became of each: stored, delivered, delivered again, acknowledged.

The view follows the newest line, or is paused somewhere in the stream with a cursor in it. What it
has no lines for it asks for, by message.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from textual import events
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.timer import Timer

from natsconsole.domain.lines import Fate, HostMarks, LogLine
from natsconsole.tui.drawing import Ink, Line
from natsconsole.tui.format import countdown
from natsconsole.tui.home.line_pieces import cut, folds, pieces, within
from natsconsole.tui.home.line_search import Search, Span
from natsconsole.tui.home.line_times import OWN_TIME, stamp
from natsconsole.tui.home.line_window import CAPACITY, Key, LineWindow, Rule, ShownLine
from natsconsole.tui.keymap import bindings
from natsconsole.tui.settings import PACES, Timestamps
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
SIDE_STEP = 20
"""Characters that one key moves the lines sideways."""

Place = tuple[int, int]
"""A row, and which of its folds."""


class LineView(VirtualRows):
    """The lines of a pane. It follows the newest until the user goes up."""

    BINDINGS = bindings("rows", "lines")
    capacity = CAPACITY
    """Lines kept at most; beyond, those far from what is shown are dropped, and read again."""

    @dataclass
    class Moved(Message):
        """What the title says of the lines may have changed."""

        view: LineView

    @dataclass
    class Wants(Message):
        """The view has too few lines on one side, or none that are new."""

        view: LineView
        side: Literal["older", "newer", "newest", "start"]

    marks: var[HostMarks] = var(HostMarks())
    now: var[float] = var(0.0)
    follows: var[bool] = var(True)
    empty_text: var[str] = var("")
    wraps: var[bool] = var(False)
    times: var[Timestamps] = var[Timestamps]("auto")
    search: var[Search | None] = var[Search | None](None)
    cursor: var[int | None] = var[int | None](None)
    """The place of the line that keys act on, while the view is paused."""
    marked_from: var[int | None] = var[int | None](None)
    """Where the marked lines begin; they reach to the cursor."""

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002
        repaint_seconds: float = PACES["normal"].lines,
    ) -> None:
        super().__init__(id=id)
        self.window = LineWindow(self.capacity)
        self.generation = 0
        """Changes when the lines are no longer those that were asked about."""
        self.newest = 0
        """The stream sequence up to which the host's new lines have been read."""
        self.unseen = 0
        """Lines that came while the view was paused."""
        self.unseen_is_least = False
        self.side = 0
        """Characters that the lines are moved to the left."""
        self._repaint_seconds = repaint_seconds
        self._floor_row: int | None = None
        self._page: list[Place] = []
        self._wanted: set[tuple[int, str, Key]] = set()
        self._rejoins = False
        self._painted = 0.0
        self._repaint_timer: Timer | None = None

    # Lines that come

    @property
    def total(self) -> int:
        """The lines, and the rule where there is one."""
        return len(self.window) + (self._floor_row is not None)

    @property
    def reads_after(self) -> int:
        """The stream sequence behind which new lines are wanted; 0 for the newest there are."""
        return 0 if self._rejoins else self.newest

    def clear(self) -> None:
        """Forget all lines, for another host's."""
        self._replace(LineWindow(self.capacity))
        self.newest = 0
        self.set_reactive(LineView.marks, HostMarks())
        self.side = 0
        self.search = None
        self.follows = True
        self._changed()

    def append(
        self, lines: Sequence[LogLine], *, after: int | None = None, is_gap: bool = False
    ) -> None:
        """Take new lines, read ``after`` a sequence; a paused view stays where it is.

        ``is_gap`` says that lines before these were not read.
        """
        if not lines:
            return
        if self._rejoins and not after:
            self._replace(LineWindow(self.capacity))
        self.newest = max(self.newest, lines[-1].sequence)
        if self.window.at_end and not self.follows and self.window.room < len(lines):
            self.window.at_end = False  # what is shown must not go for what is not
        if not self.window.at_end:
            self._count_unseen(len(lines), is_gap=is_gap)
            return
        if after and len(self.window) and after > self.window.last_key[0]:
            return
        added, dropped = self.window.append(lines, is_gap=is_gap)
        if not added:
            return
        self._shift(-dropped)
        if self.follows:
            self._settle()
            self._repaint_soon()
        else:
            self._count_unseen(added, is_gap=is_gap)

    def add_older(self, lines: Sequence[LogLine]) -> None:
        """Take the lines before the first one; none says that the stream has none."""
        added, dropped = self.window.prepend(lines)
        self.window.at_start = not added
        self._shift(added)
        if dropped and self.marked_from is not None and self.marked_from >= len(self.window):
            self.marked_from = None
        self._changed()

    def add_newer(self, lines: Sequence[LogLine]) -> None:
        """Take lines behind the last one; none says that the stream has none."""
        behind = self.window.last_key
        fresh = [line for line in lines if (line.sequence, line.index) > behind]
        added, dropped = self.window.append(fresh[: self.capacity // 2])
        self._shift(-dropped)
        if not added:
            self.window.at_end = True
            self.newest = self.window.last_key[0]
            self.unseen, self.unseen_is_least = 0, False
        self._changed()

    def land(self, lines: Sequence[LogLine], target: Key, *, is_start: bool) -> None:
        """Show these lines instead, the cursor on the target in the upper part of the page."""
        at = next((at for at, line in enumerate(lines) if (line.sequence, line.index) >= target), 0)
        first = max(0, at - self.capacity // 2)
        window = LineWindow(self.capacity)
        window.append(lines[first : at + self.capacity // 2])
        window.at_start, window.at_end = is_start and not first, False
        self._replace(window)
        self.set_reactive(LineView.follows, False)
        self.go_to(window.place_of(target))

    def go_to(self, place: int) -> None:
        """Put the cursor on a line, with lines before and behind it in view."""
        self.follows = False
        self.cursor = place
        self.top = self._row_of(place) - max(1, self.size.height // 3)
        self._changed()

    def _replace(self, window: LineWindow) -> None:
        self.window = window
        self.generation += 1
        self._rejoins = False
        self._floor_row = None
        self.top = 0
        self.cursor = self.marked_from = None
        self.unseen, self.unseen_is_least = 0, False

    def _count_unseen(self, number: int, *, is_gap: bool) -> None:
        self.unseen += number
        self.unseen_is_least |= is_gap
        self._settle()
        self._repaint_soon()
        self.post_message(self.Moved(self))

    def _shift(self, lines: int) -> None:
        """Move with the lines: so many came before the first, or went there."""
        if not lines:
            return
        self.top += lines
        if self._floor_row is not None:
            self._floor_row += lines
        if self.cursor is not None:
            self.set_reactive(LineView.cursor, max(0, self.cursor + lines))
        if self.marked_from is not None:
            self.set_reactive(LineView.marked_from, max(0, self.marked_from + lines))

    # What is watched

    def watch_marks(self, before: HostMarks, marks: HostMarks) -> None:
        """Draw what became of the lines."""
        if replace(before, read_at=0.0) == replace(marks, read_at=0.0):
            return
        self._settle()
        self._repaint_soon()

    def watch_now(self) -> None:
        """Count down."""
        if self.marks.unacked or self.times == "relative":
            self._repaint_soon()

    def watch_empty_text(self) -> None:
        """Say why there is nothing."""
        self.repaint()

    def watch_wraps(self) -> None:
        """Fold long lines, or cut them."""
        self.side = 0
        self._changed()

    def watch_times(self) -> None:
        """Tell the time otherwise."""
        self._changed()

    def watch_search(self) -> None:
        """Show what is found; tell the title."""
        self._changed()

    def watch_cursor(self) -> None:
        """Show which line the keys act on."""
        self._changed()

    def watch_marked_from(self) -> None:
        """Show which lines are marked."""
        self._changed()

    def watch_follows(self) -> None:
        """Go to the end to follow; tell the title either way."""
        if self.follows:
            self.unseen, self.unseen_is_least = 0, False
            self.cursor = self.marked_from = None
            if not self.window.at_end:
                self._rejoins = True
                self.post_message(self.Wants(self, "newest"))
        self._changed()

    def on_resize(self) -> None:
        """Keep the end in view, or the cursor."""
        self._changed()

    def _changed(self) -> None:
        self._settle()
        self.repaint()
        self.post_message(self.Moved(self))

    # Where the page is

    @property
    def last_top(self) -> int:
        """The top of the last page; folded lines take more rows."""
        if not self.wraps:
            return super().last_top
        row, left = self.total, self.size.height
        while row > 0 and left >= (needed := self._folds_in(row - 1)):
            row, left = row - 1, left - needed
        return min(row, max(0, self.total - 1))

    def _settle(self) -> None:
        anchor = self._line_at(self.top)
        self._floor_row = self.window.floor_row(self.marks.ack_floor)
        if self.follows:
            self.top = self.last_top
        else:
            # The rule may have passed: the same line stays on top.
            if anchor is not None:
                self.top = self._row_of(anchor)
            self.top = max(0, min(self.top, self.last_top))
            self._ask_for_more()
        self._lay_out()

    def _lay_out(self) -> None:
        height = self.size.height
        if not self.wraps:
            self._page = [(self.top + y, 0) for y in range(height)]
            return
        if self.top >= self.last_top:
            backwards = (
                (row, fold)
                for row in range(self.total - 1, -1, -1)
                for fold in range(self._folds_in(row) - 1, -1, -1)
            )
            page = list(islice(backwards, height))[::-1]
        else:
            forwards = (
                (row, fold)
                for row in range(self.top, self.total)
                for fold in range(self._folds_in(row))
            )
            page = list(islice(forwards, height))
        self._page = page + [(self.total, 0)] * (height - len(page))

    def _ask_for_more(self) -> None:
        height = max(1, self.size.height)
        window = self.window
        if not len(window):
            return
        if not window.at_start and self.top < height:
            self._want("older", window.first_key)
        if not window.at_end and self.top + 2 * height > self.total:
            self._want("newer", window.last_key)

    def _want(self, side: Literal["older", "newer"], key: Key) -> None:
        wanted = (self.generation, side, key)
        if wanted not in self._wanted:
            self._wanted = {wanted, *(one for one in self._wanted if one[1] != side)}
            self.post_message(self.Wants(self, side))

    def ask_again(self) -> None:
        """Ask anew for what was asked for: the answer did not come."""
        self._wanted.clear()

    def _row_of(self, place: int) -> int:
        return place + (self._floor_row is not None and place >= self._floor_row)

    def _line_at(self, row: int) -> int | None:
        """Return the place of the line in a row, of the one behind it for the rule."""
        place = row - (self._floor_row is not None and row > self._floor_row)
        return place if 0 <= place < len(self.window) else None

    def _folds_in(self, row: int) -> int:
        line = self.window.row(row, self.marks.ack_floor, self._floor_row)
        if not isinstance(line, ShownLine) or line.is_gap:
            return 1
        return len(self._folds_of(line))

    def _folds_of(self, line: ShownLine) -> tuple[Span, ...]:
        return folds(line.text, self._text_width(line))

    def _text_width(self, line: ShownLine) -> int:
        return max(8, self.row_width - self._prefix_width(line) - 1 - COUNTDOWN_WIDTH)

    def _prefix_width(self, line: ShownLine) -> int:
        told = self._stamp(line)
        return SIGN_WIDTH + 1 + (len(told) + 1 if told else 0)

    # Drawing

    def repaint(self) -> bool:
        """Draw all lines anew, send the cells that are no longer as they were; say if any were."""
        self._lay_out()
        return super().repaint()

    def _repaint_soon(self) -> None:
        if self._repaint_timer is not None:
            return
        wait = self._painted + self._repaint_seconds - time.monotonic()
        if wait <= 0:
            self._repaint_now()
        else:
            self._repaint_timer = self.set_timer(wait, self._repaint_now)

    def _repaint_now(self) -> None:
        self._repaint_timer = None
        if self.repaint():  # what sends nothing must not make the next line wait
            self._painted = time.monotonic()

    def draw_row(self, number: int, y: int) -> Strip:
        """Draw a line or a fold of it, the rule, or why there is nothing."""
        number, fold = self._page[y] if y < len(self._page) else (number, 0)
        row = self.window.row(number, self.marks.ack_floor, self._floor_row)
        if row is None:
            words = self.empty_text if y == 1 and not len(self.window) else ""
            return self.finish(self.line().space().put(words, "muted"))
        if isinstance(row, Rule):
            return self._rule(f"{row.words} {row.sequence:,}", "accent")
        if row.is_gap:
            return self._rule(row.text, "warn")
        return self._line(row, number, fold, is_top=y == 0)

    def _rule(self, words: str, ink: Ink) -> Strip:
        line = self.line().put(f" ─── {words} ", ink)
        return self.finish(line.put("─" * max(0, self.row_width - line.cells), ink))

    def _line(self, shown: ShownLine, row: int, fold: int, *, is_top: bool) -> Strip:
        place = self._line_at(row)
        is_chosen = place == self.cursor and place is not None
        is_marked = place is not None and self._is_marked(place)
        fate = self.marks.fate_of(shown.sequence)
        sign, ink = SIGNS[fate]
        message = self.marks.unacked.get(shown.sequence)
        if message is not None and fate is Fate.REDELIVERED:
            sign += str(min(message.deliveries, 99))
        line = self.line().put("" if fold else sign, ink, width=SIGN_WIDTH, right=True)
        if is_chosen or is_marked:
            line.put("▌" if is_chosen else "│", "accent" if self.has_focus else "muted")
        else:
            line.space()
        if told := self._stamp(shown):
            line.put("" if fold else told, "muted", width=len(told)).space()
        left = self.marks.countdown(shown.sequence, self.now)
        counts = left is not None and not fold and (shown.is_first or is_top)
        end = self.row_width - 1 - (COUNTDOWN_WIDTH if counts else 0)
        self._put_text(line, shown, fold, TEXT_INKS.get(fate, "plain"), end)
        if left is not None and counts:
            line.fill_to(end).put(countdown(left), ink, width=COUNTDOWN_WIDTH, right=True)
        base = self.base
        if is_chosen or is_marked:
            base += self.ink("cursor" if is_chosen else "marked")
        return line.strip(self.row_width, base)

    def _put_text(self, line: Line, shown: ShownLine, fold: int, ink: Ink, end: int) -> None:
        text = shown.text
        if self.wraps:
            spans = self._folds_of(shown)
            first, last = spans[min(fold, len(spans) - 1)]
            is_whole = not shown.is_cut or fold < len(spans) - 1
        else:
            first = min(self.side, len(text))
            last, is_whole = cut(text, first, max(1, end - line.cells))
            is_whole = is_whole and not shown.is_cut
        own_time = OWN_TIME.match(text)
        found = self.search.spans(text) if self.search else ()
        drawn = pieces(text, ink, own_time=own_time.end() if own_time else 0, matches=found)
        for start, stop, piece_ink in within(drawn, first, last):
            line.put(text[start:stop], piece_ink)
        if not is_whole:
            line.put("…", "muted")

    def _stamp(self, line: ShownLine) -> str:
        if self.times == "auto" and OWN_TIME.match(line.text):
            return ""
        wide = self.row_width >= WIDE_ENOUGH_FOR_THOUSANDTHS
        return stamp(self.times, line.time, self.now, thousandths=wide)

    # Moving

    @property
    def marked(self) -> tuple[int, int] | None:
        """The places of the first and the last marked line."""
        if self.marked_from is None or self.cursor is None:
            return None
        return min(self.marked_from, self.cursor), max(self.marked_from, self.cursor)

    def _is_marked(self, place: int) -> bool:
        marked = self.marked
        return marked is not None and marked[0] <= place <= marked[1]

    @property
    def visible_places(self) -> tuple[int, int]:
        """The places of the first and the last line on the page."""
        places = [place for row, _ in self._page if (place := self._line_at(row)) is not None]
        return (places[0], places[-1]) if places else (0, 0)

    def mark(self) -> None:
        """Begin to mark lines at the cursor, or leave it."""
        if self.marked_from is not None:
            self.marked_from = None
            return
        if self.cursor is None:
            self.follows = False
            self.cursor = self.visible_places[1]
        self.marked_from = self.cursor

    def move(self, rows: int) -> None:
        """Move the cursor; down from the last line of the stream the view follows again."""
        last = len(self.window) - 1
        if last < 0:
            return
        if self.cursor is None:
            if self.follows and rows > 0:
                return
            first_seen, last_seen = self.visible_places
            start = last_seen if self.follows or rows < 0 else first_seen
        else:
            start = self.cursor
        if start + rows > last and start == last and self.window.at_end:
            self.follows = True
            return
        self.follows = False
        self.cursor = max(0, min(start + rows, last))
        self._reveal()

    def _reveal(self) -> None:
        if self.cursor is None:
            return
        row = self._row_of(self.cursor)
        if row < self.top:
            self.top = row
        elif not self.wraps:
            self.top = max(self.top, row - self.size.height + 1)
        else:
            left = self.size.height - self._folds_in(row)
            first = row
            while first > self.top and left >= (needed := self._folds_in(first - 1)):
                first, left = first - 1, left - needed
            self.top = max(self.top, first)
        self._changed()

    def scroll_rows(self, rows: int) -> None:
        """Move the page, not the cursor; at the end the view follows again."""
        if not self.follows or rows < 0:
            self.follows = False
            self.top = max(0, min(self.top + rows, self.last_top))
            if rows > 0 and self.top >= self.last_top and self.window.at_end:
                self.follows = self.cursor is None
            self._changed()

    def on_mouse_scroll_up(self) -> None:
        """Go up as the wheel asks."""
        self.scroll_rows(-3)

    def on_mouse_scroll_down(self) -> None:
        """Go down as the wheel asks."""
        self.scroll_rows(3)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a line; with shift, mark from where it was to there."""
        if event.y >= len(self._page):
            return
        place = self._line_at(self._page[event.y][0])
        if place is None:
            return
        before = self.cursor
        self.follows = False
        self.marked_from = (before if before is not None else place) if event.shift else None
        self.cursor = place

    def move_sideways(self, steps: int) -> None:
        """Show what is cut off at the right, or go back."""
        self.side = 0 if self.wraps else max(0, self.side + steps * SIDE_STEP)
        self.repaint()

    def action_rows_start(self) -> None:
        """Go to the oldest line the stream keeps."""
        if self.window.at_start:
            self.go_to(0)
        elif len(self.window):
            self.follows = False
            self.post_message(self.Wants(self, "start"))

    def action_rows_end(self) -> None:
        """Follow the newest lines."""
        self.follows = True
