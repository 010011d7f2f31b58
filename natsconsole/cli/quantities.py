"""Durations and sizes as people write them on a command line: ``7d``, ``10GiB``."""

from __future__ import annotations

import re
from typing import Any

import click

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZE = re.compile(r"(\d+)\s*([KMGT]?)(i?)B?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


class Duration(click.ParamType[float]):
    """A time span such as ``30s``, ``10m`` or ``7d``; a bare number is seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        if isinstance(value, int | float):
            return float(value)
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no duration: write 500ms, 30s, 10m, 12h or 7d", param, ctx)
        return float(found[1]) * _SECONDS[found[2] or "s"]


class Size(click.ParamType[int]):
    """A size such as ``512MiB`` or ``10GB``; a bare number is bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no size: write 512MiB, 10GiB or 10GB", param, ctx)
        base = 1024 if found[3] or not found[2] else 1000
        power: int = _POWERS[found[2].upper()]
        return int(found[1]) * int(base**power)
