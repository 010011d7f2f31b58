"""How verdicts write numbers, times and commands."""

from __future__ import annotations

import shlex

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
_SIZES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def messages(number: int) -> str:
    """Return ``1 message`` or ``1,204 messages``."""
    return counted(number, "message")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one."""
    if number == 1:
        return f"{number:,} {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"


def span(seconds: float) -> str:
    """Return a time span in the unit that reads best."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.0f} h" if seconds < 2 * DAY else f"{seconds / DAY:.0f} days"


def size(number: float) -> str:
    """Return a number of bytes, as 12.1 GB: at most 8 wide below a thousand terabytes."""
    for scale, unit in _SIZES:
        if number >= scale * 0.9995:
            scaled = number / scale
            return f"{scaled:.1f} {unit}" if scaled < 99.95 else f"{scaled:.0f} {unit}"
    return f"{number:.0f} B"


def nats(*words: str | int) -> str:
    """Return a command of the ``nats`` CLI, quoted for a shell: names come from the network."""
    return shlex.join(["nats", *map(str, words)])
