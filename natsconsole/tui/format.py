"""Numbers, durations and sizes as people read them, never wider than their column.

Pure functions: columns stay steady because every function keeps to a known width.
"""

from __future__ import annotations

from datetime import datetime

from natsconsole.domain.verdicts.words import size

__all__ = [
    "clock_time",
    "count",
    "countdown",
    "duration",
    "milliseconds",
    "plural",
    "scaled",
    "size",
    "tally",
]

_SCALES = ((1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))


def count(number: float) -> str:
    """Return a whole number with separators up to 99,999, else scaled: at most 6 wide."""
    return f"{number:,.0f}" if abs(number) < 100_000 else scaled(number)


def tally(number: int) -> str:
    """Return a small number in full, a large one scaled and short, as 12k: at most 4 wide."""
    if abs(number) < 1_000:
        return f"{number}"
    text = scaled(number)
    return text if len(text) < 5 else f"{float(text[:-1]):.0f}{text[-1]}"


def scaled(number: float) -> str:
    """Return a number with three digits and a scale, as 12.4k: at most 5 wide."""
    for scale, letter in _SCALES:
        if abs(number) >= scale * 0.9995:
            return f"{_three_digits(number / scale)}{letter}"
    if 0 < abs(number) < 9.95:
        return f"{number:.1f}"
    return f"{number:.0f}"


def duration(seconds: float | None, *, gap: str = "") -> str:
    """Return a duration in its one best unit, as 0.8s, 14s, 4m, 3d: at most 4 wide and the gap."""
    if seconds is None:
        return "-"
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}{gap}s"
    for limit, unit, letter in ((99.5, 1, "s"), (5970, 60, "m"), (86_400 * 2, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f}{gap}{letter}"
    return f"{min(seconds / 86_400, 999):.0f}{gap}d"


def countdown(seconds: float) -> str:
    """Return the whole seconds left, or what it means that there are none."""
    return "due" if seconds <= 0 else duration(max(1.0, float(round(seconds)))).replace(".0", "")


def milliseconds(seconds: float | None) -> str:
    """Return a round trip, as 0.3 ms."""
    if seconds is None:
        return "-"
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 9.95 else f"{value:,.0f} ms"


def plural(number: int, noun: str) -> str:
    """Return the number and its noun, as 1 message, 212 messages."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def clock_time(seconds: float, *, thousandths: bool = False) -> str:
    """Return the local time of day."""
    moment = datetime.fromtimestamp(seconds).astimezone()
    text = moment.strftime("%H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03d}" if thousandths else text


def _three_digits(number: float) -> str:
    return f"{number:.1f}" if abs(number) < 99.95 else f"{number:.0f}"
