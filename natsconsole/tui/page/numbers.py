"""Reading the numbers and times that people type. Pure."""

from __future__ import annotations

import math
import re

_TIME = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)?\s*")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
LONGEST = 30 * 86_400.0


def read_seconds(text: str) -> float | None:
    """Return a duration in seconds, as 5, 2.5s, 200ms, 2m; None where it is none above 0."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    seconds = float(found[1]) * _UNITS[found[2]]
    return seconds if math.isfinite(seconds) and 0 < seconds <= LONGEST else None


def read_times(text: str) -> tuple[float, ...] | None:
    """Return durations, as ``1s, 5s, 30s``; empty for an empty text, None if one is none."""
    if not text.strip() or text.strip() in {"none", "-", "–"}:
        return ()
    found = [read_seconds(part) for part in text.replace(",", " ").split()]
    return None if None in found else tuple(one for one in found if one is not None)


def read_count(text: str) -> int | None:
    """Return a whole number above 0; -1 for no limit, written as ∞, none or -1; else None."""
    text = text.strip().replace(",", "").lower()
    if text in {"∞", "none", "-1", "no limit", "unlimited"}:
        return -1
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 10**9 else None


def read_limit(text: str) -> int | None:
    """Return a whole number above 0, else None."""
    number = read_count(text)
    return number if number is not None and number > 0 else None


def read_share(text: str) -> float | None:
    """Return a share between 0 and 1, as 20%, 0.2; None where it is none above 0."""
    text = text.strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return share if 0 < share <= 1 else None
