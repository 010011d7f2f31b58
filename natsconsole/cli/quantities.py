"""Durations and sizes as people write them on a command line: ``7d``, ``10GiB``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import click

_DURATION = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d|w)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*(?:([KMGT])(i?))?B?", re.ASCII | re.IGNORECASE)
_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?", re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


class Duration(click.ParamType[float]):
    """A time span such as ``30s``, ``10m`` or ``7d``; a bare number is seconds."""

    name = "duration"

    def __init__(self, *, minimum: str | None = None) -> None:
        """``minimum`` is the shortest that is accepted, written like any other."""
        self._minimum = minimum

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        if isinstance(value, int | float):
            return float(value)
        seconds = _seconds(value)
        if seconds is None:
            self.fail(f"{value!r} is no duration: write 500ms, 30s, 10m, 12h or 7d", param, ctx)
        if self._minimum is not None and seconds < (_seconds(self._minimum) or 0):
            self.fail(f"{value!r} is too short: the least is {self._minimum}", param, ctx)
        return seconds


class Size(click.ParamType[int]):
    """A size such as ``512MiB`` or ``10GB``; a bare number is bytes."""

    name = "size"

    def __init__(self, *, minimum: str | None = None) -> None:
        """``minimum`` is the smallest that is accepted, written like any other."""
        self._minimum = minimum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        if isinstance(value, int):
            return value
        size = _bytes(value)
        if size is None:
            self.fail(f"{value!r} is no size: write 512MiB, 10GiB or 1.5GB", param, ctx)
        if self._minimum is not None and size < (_bytes(self._minimum) or 0):
            self.fail(f"{value!r} is too small: the least is {self._minimum}", param, ctx)
        return size


def _seconds(text: str) -> float | None:
    found = _DURATION.fullmatch(text.strip())
    return None if found is None else float(found[1]) * _SECONDS[found[2] or "s"]


def _bytes(text: str) -> int | None:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return None
    number, letter, binary = found.groups()
    base = 1024 if binary or not letter else 1000
    return int(Decimal(number) * base ** _POWERS[(letter or "").upper()])


class NumberRanges(click.ParamType[frozenset[int]]):
    """Numbers and ranges such as ``0,3,5-9``."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[int]:
        """Return the numbers."""
        if isinstance(value, frozenset):
            return value
        numbers: set[int] = set()
        for part in value.split(","):
            found = _RANGE.fullmatch(part.strip())
            if found is None or int(found[2] or found[1]) < int(found[1]):
                self.fail(f"{value!r} is no list of partitions: write 0,3,5-9", param, ctx)
            numbers |= set(range(int(found[1]), int(found[2] or found[1]) + 1))
        return frozenset(numbers)
