"""When a line was stored, as the user wants it told."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from natsconsole.tui.format import clock_time, duration
from natsconsole.tui.settings import Timestamps

WORDS: dict[Timestamps, str] = {
    "auto": "timestamps: local, where a line tells none itself",
    "local": "timestamps: local time",
    "utc": "timestamps: UTC",
    "relative": "timestamps: how long ago",
    "off": "timestamps: off",
}

OWN_TIME = re.compile(r".{0,14}?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?")
"""The time a line begins with. It is told once: where there is one, ours would only take room."""


def stamp(times: Timestamps, moment: float, now: float, *, thousandths: bool) -> str:
    """Return a time of steady width, or nothing."""
    match times:
        case "off":
            return ""
        case "relative":
            age = max(0.0, now - moment)
            return f"-{f'{age:.0f}s' if age < 10 else duration(age)}".rjust(5)
        case "utc":
            told = datetime.fromtimestamp(moment, UTC)
            fraction = f".{told.microsecond // 1000:03d}" if thousandths else ""
            return f"{told:%H:%M:%S}{fraction}Z"
        case _:
            return clock_time(moment, thousandths=thousandths)
