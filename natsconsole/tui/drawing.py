"""Lines of cells: how every widget here draws, and how few of them reach the terminal.

Two promises are kept in this one place. Whatever is put on a line goes through ``visible`` and is
never parsed as markup, so no text from the network can act on the terminal or the screen. And a
widget that is drawn anew sends only the cells that differ: over SSH a quiet screen costs nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.reactive import var
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from natsconsole.domain.terminal_text import visible
from natsconsole.tui.hooks import WithHooks
from natsconsole.tui.inks import palette

Ink = Literal[
    "plain",
    "strong",
    "muted",
    "faint",
    "good",
    "warn",
    "bad",
    "warn-word",
    "bad-word",
    "match",
    "marked",
    "accent",
    "key",
    "title",
    "spark",
    "calm",
    "cursor",
    "context-red",
    "context-yellow",
    "context-green",
    "context-blue",
    "context-magenta",
    "context-cyan",
]
ELLIPSIS = "…"
LONGEST = 1_000
"""Characters of a text that are looked at: more than any screen is wide."""


class Line:
    """One line under construction, from left to right."""

    __slots__ = ("_segments", "_style_of", "cells")

    def __init__(self, style_of: Callable[[Ink], Style]) -> None:
        self._style_of = style_of
        self._segments: list[Segment] = []
        self.cells = 0
        """How many cells have been put."""

    def put(self, text: str, ink: Ink = "plain", *, width: int = 0, right: bool = False) -> Line:
        """Add text; with a width it is cut or padded to exactly that, to the right if asked."""
        text = visible(text, LONGEST)
        if width:
            text = fit(text, width, right=right)
        if text:
            self._segments.append(Segment(text, self._style_of(ink)))
            self.cells += cell_len(text)
        return self

    def space(self, cells: int = 1) -> Line:
        """Add blank cells, in the ink before them: a change of colour costs 30 bytes."""
        if cells > 0:
            style = self._segments[-1].style if self._segments else self._style_of("plain")
            self._segments.append(Segment(" " * cells, style))
            self.cells += cells
        return self

    def fill_to(self, column: int) -> Line:
        """Add blank cells up to a column."""
        return self.space(column - self.cells)

    def join(self, other: Line) -> Line:
        """Add what another line holds."""
        self._segments += other._segments
        self.cells += other.cells
        return self

    def strip(self, width: int, base: Style) -> Strip:
        """Return the line, exactly as wide as asked; what was cut off is marked."""
        segments, cells = self._segments, self.cells
        if cells > width:
            cropped = Strip(segments, cells).crop(0, max(0, width - 1))
            segments = [*cropped, Segment(ELLIPSIS, self._style_of("muted"))]
            cells = cropped.cell_length + 1
        if cells < width:
            last = segments[-1].style if segments else None
            segments = [*segments, Segment(" " * (width - cells), last)]
        # One strip only: each makes eight caches.
        return Strip(Segment.simplify(Segment.apply_style(segments, base)), width)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return the text in exactly so many cells, the end cut with an ellipsis."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + ELLIPSIS if width > 0 else ""
    padding = " " * (width - length)
    return padding + text if right else text + padding


def changed_span(old: Strip | None, new: Strip) -> tuple[int, int] | None:
    """Return the first cell that differs and how many follow, or None where nothing does."""
    if old == new:
        return None
    width = new.cell_length
    if old is None or old.cell_length != width:
        return 0, width
    before = [(char, segment.style) for segment in old for char in segment.text]
    after = [(char, segment.style) for segment in new for char in segment.text]
    shortest = min(len(before), len(after))
    head = next((i for i in range(shortest) if before[i] != after[i]), shortest)
    tail = next((i for i in range(shortest - head) if before[-1 - i] != after[-1 - i]), None)
    tail = shortest - head if tail is None else tail
    start = cell_len("".join(char for char, _ in after[:head]))
    end = width - cell_len("".join(char for char, _ in after[len(after) - tail :]))
    return (start, end - start) if end > start else None


class Drawn(Widget, metaclass=WithHooks):
    """A widget made of lines that it draws itself; ``repaint`` sends what has changed.

    Its hooks raise instead of being abstract: Textual's metaclass leaves no room for ABCMeta's.
    """

    is_stale: var[bool] = var(False)
    """Whether what it shows may no longer be true."""
    is_focused: var[bool] = var(False)
    """Whether it is the title of what the keys act on."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._shown: dict[int, Strip] = {}
        self._shown_size = Size()
        self._base: Style | None = None

    @property
    def base(self) -> Style:
        """How this widget's cells are where nothing is put; worked out once a repaint."""
        if self._base is None:
            self._base = self.rich_style
        return self._base

    @abstractmethod
    def draw(self, y: int) -> Strip:
        """Return the line at this place on the widget. Each widget draws its own."""

    def line(self) -> Line:
        """Return an empty line in this widget's colours."""
        return Line(self._palette().__getitem__)

    def ink(self, name: Ink) -> Style:
        """Return how text of this kind looks."""
        return self._palette()[name]

    def _palette(self) -> Mapping[str, Style]:
        return palette(self.app, is_stale=self.is_stale, is_focused=self.is_focused)

    def finish(self, line: Line) -> Strip:
        """Return the line at the widget's width."""
        return line.strip(self.size.width, self.base)

    def render_line(self, y: int) -> Strip:
        """Return the line as it was at the last repaint.

        Textual asks for whole lines and may send a part of one: a line that is newer than what
        was announced would be sent in part only, and the rest never.
        """
        self._forget_other_sizes()
        strip = self._shown.get(y)
        if strip is None:
            strip = self._shown[y] = self.draw(y)
        return strip

    def repaint(self) -> bool:
        """Draw all lines anew, send the cells that are no longer as they were; say if any were."""
        if not self.is_mounted or not self.size:
            return False
        self._forget_other_sizes()
        self._base = None
        has_changed = False
        for y in range(self.size.height):
            strip = self.draw(y)
            span = changed_span(self._shown.get(y), strip)
            if span is not None:
                self._shown[y] = strip
                self.refresh(Region(span[0], y, span[1], 1))
                has_changed = True
        return has_changed

    def watch_is_stale(self) -> None:
        """Draw anew in other colours."""
        self.repaint()

    def watch_is_focused(self) -> None:
        """Draw anew in other colours."""
        self.repaint()

    def notify_style_update(self) -> None:
        """Draw anew in other colours."""
        super().notify_style_update()
        self._base = None
        self._shown.clear()

    def _forget_other_sizes(self) -> None:
        if self._shown_size != self.size:
            self._shown_size = self.size
            self._shown.clear()


class OneLine(Drawn):
    """A widget of a single line, drawn from its reactives."""

    DEFAULT_CSS = """
    OneLine { height: 1; width: 1fr; }
    """

    @abstractmethod
    def draw_line(self) -> Line:
        """Return the line. Each widget draws its own."""

    def draw(self, y: int) -> Strip:  # noqa: ARG002 - there is only one
        """Draw the line at the widget's width."""
        return self.finish(self.draw_line())


def fade(screen: Screen[Any], but: str, *, is_stale: bool) -> None:
    """Draw all but what a selector names in pale colours while it may no longer be true."""
    for widget in screen.query("Drawn").exclude(but):
        if isinstance(widget, Drawn):
            widget.is_stale = is_stale
