"""What of a line is drawn in which ink, and where a line that is too wide is folded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from rich.cells import cell_len, chop_cells

from natsconsole.domain.severity import Level, severity_of
from natsconsole.tui.drawing import Ink
from natsconsole.tui.home.line_search import Span

Piece = tuple[int, int, Ink]
"""From a character up to another, in an ink."""

LEVEL_INKS: dict[Level, tuple[Ink, Ink]] = {
    "fatal": ("bad-word", "bad"),
    "error": ("bad-word", "bad"),
    "warning": ("warn-word", "warn"),
    "debug": ("muted", "muted"),
}
"""The level's own word, and the rest of the line. Where colours are off, the word still differs."""


def pieces(text: str, ink: Ink, *, own_time: int = 0, matches: Iterable[Span] = ()) -> list[Piece]:
    """Return the text's pieces from left to right.

    Args:
        text: the line.
        ink: of what is nothing special.
        own_time: up to where the line tells its own time.
        matches: where a search found it; they lie over everything else.
    """
    severity = severity_of(text)
    word, rest = LEVEL_INKS.get(severity.level, (ink, ink)) if severity else (ink, ink)
    layers: list[Piece] = [(0, own_time, "muted"), (own_time, len(text), rest)]
    if severity is not None and word != rest:
        layers = list(_lay_over(layers, (severity.start, severity.end, word)))
    for start, end in matches:
        layers = list(_lay_over(layers, (start, end, "match")))
    return [piece for piece in layers if piece[0] < piece[1]]


def within(all_pieces: Sequence[Piece], start: int, end: int) -> Iterator[Piece]:
    """Yield the parts of pieces that lie in a span."""
    for first, last, ink in all_pieces:
        if first < end and last > start:
            yield max(first, start), min(last, end), ink


def _lay_over(layers: Iterable[Piece], top: Piece) -> Iterator[Piece]:
    start, end, _ = top
    is_laid = False
    for first, last, ink in layers:
        if first < start:
            yield first, min(last, start), ink
        if last > start and not is_laid:
            yield top
            is_laid = True
        if last > end:
            yield max(first, end), last, ink


@lru_cache(maxsize=4096)
def folds(text: str, width: int) -> tuple[Span, ...]:
    """Return the parts of a text that fit a width, one row each."""
    width = max(1, width)
    if text.isascii():
        starts = range(0, max(1, len(text)), width)
        return tuple((start, min(start + width, len(text))) for start in starts)
    spans, start = [], 0
    for part in chop_cells(text, max(2, width)):
        spans.append((start, start + len(part)))
        start += len(part)
    return tuple(spans) or ((0, 0),)


def cut(text: str, start: int, cells: int) -> tuple[int, bool]:
    """Return up to which character a text from ``start`` on fits, and whether that is all of it."""
    if text.isascii():
        end = min(len(text), start + cells)
        return (end, True) if end == len(text) else (max(start, end - 1), False)
    if cell_len(text[start:]) <= cells:
        return len(text), True
    room, end = cells - 1, start
    while end < len(text) and (wide := cell_len(text[end])) <= room:
        room -= wide
        end += 1
    return end, False
