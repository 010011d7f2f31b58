"""What the ranges of a log's messages prove: which bytes came, and which never did.

A message says which bytes of which source file it holds, and how many line ends lie before them.
So a gap between two messages is known exactly, in bytes and in lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from natsconsole.domain.receivers import LostRange

SPANS_KEPT = 8
"""Source files remembered of one log. A rotation chain is read oldest first and needs two; but
several processes may write to one log side by side, each a file of its own."""
FORGOTTEN = ""
"""The file name of a span that stands for all that are not remembered any more."""
GAPS_KEPT = 20
MOST_LOST = 10**12
"""Lines of one log that are counted as lost: ranges are claims, and sums have 64 bits."""
UNKNOWN = -1
"""Line of a span beyond which another machine may have written: no gap can be told there."""


class Span(NamedTuple):
    """How far one source file has been written."""

    end: int
    """Offset after its last written byte."""
    line: int
    """How many line ends lie before ``end``, or ``UNKNOWN``."""


def spans_kept(spans: Mapping[str, Span]) -> dict[str, Span]:
    """Return the latest spans, oldest first.

    Of those that are left out the lowest end stays, as the span ``FORGOTTEN``, before all others.
    """
    known = [(file, span) for file, span in spans.items() if file != FORGOTTEN]
    left_out, kept = known[:-SPANS_KEPT], dict(known[-SPANS_KEPT:])
    ends = [span.end for _, span in left_out]
    if FORGOTTEN in spans:
        ends.append(spans[FORGOTTEN].end)
    return {FORGOTTEN: Span(min(ends), UNKNOWN)} | kept if ends else kept


def may_be_forgotten(spans: Mapping[str, Span], start: int) -> bool:
    """Whether a file that is not among the spans may be one that was left out.

    Such a one goes on at its end or behind it. What begins below the lowest of these ends is new.
    """
    return FORGOTTEN in spans and start >= spans[FORGOTTEN].end


def gaps_kept(gaps: tuple[LostRange, ...]) -> tuple[LostRange, ...]:
    """Return the latest gaps, oldest first."""
    return gaps[-GAPS_KEPT:]


def lines_of(gaps: tuple[LostRange, ...]) -> int:
    """Return how many lines the gaps hold."""
    return sum(gap.lines for gap in gaps)


def without(
    gaps: tuple[LostRange, ...], file: str, start: int, end: int, lines: int
) -> tuple[LostRange, ...]:
    """Return the gaps that are left once bytes ``start`` to ``end`` of a file came after all.

    Of a gap that is only filled in part the lines are reckoned by what came.
    """
    left: list[LostRange] = []
    for gap in gaps:
        if gap.file != file or end <= gap.start or start >= gap.end:
            left.append(gap)
            continue
        missing = max(0, gap.lines - lines)
        pieces = [(gap.start, min(start, gap.end)), (max(end, gap.start), gap.end)]
        pieces = [(low, high) for low, high in pieces if low < high]
        for place, (low, high) in enumerate(pieces):
            share = missing if place == len(pieces) - 1 else missing // len(pieces)
            missing -= share
            left.append(LostRange(log=gap.log, file=file, start=low, end=high, lines=share))
    return tuple(left)
