"""How serious a log line says it is. Recognised conservatively: a wrong colour is worse than none.

Only a level in one of the shapes that log formats write it in counts, near the line's start: a
word in capitals (``ERROR``, ``WARN:``), in brackets (``[error]``), as a field (``level=warn``,
``"level":"error"``), the first word behind the time (``12:00:00 warn``, ``panic: ``), or klog's
letter (``E0102 12:00:00``).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Level = Literal["fatal", "error", "warning", "info", "debug"]

NEAR_START = 120
"""Characters in which a level must begin: later in a line, such a word is something's name."""

_LEVELS: dict[str, Level] = {
    **dict.fromkeys(("emerg", "emergency", "fatal", "panic", "critical", "crit"), "fatal"),
    **dict.fromkeys(("alert", "error", "err", "severe"), "error"),
    **dict.fromkeys(("warning", "warn"), "warning"),
    **dict.fromkeys(("notice", "info"), "info"),
    **dict.fromkeys(("debug", "trace"), "debug"),
}
_KLOG: dict[str, Level] = {"F": "fatal", "E": "error", "W": "warning", "I": "info"}
_WORDS = "|".join(sorted(_LEVELS, key=len, reverse=True))
_PLAIN_WORDS = "error|warning|warn|info|debug|trace|fatal"
"""Words that begin a line as its level, also without a colon."""
_SHAPES = re.compile(
    rf"""
    (?<![\w./=&?%$-])(?P<capitals>{_WORDS.upper()})(?![\w./=-])
    | [\[<(](?P<bracketed>(?i:{_WORDS}))[\]>)]
    | \b(?i:level|lvl|severity|loglevel)"?\s?[=:]\s?"?(?P<field>(?i:{_WORDS}))\b
    | ^[\d:.,/TZ+\[\]\s-]*\b(?P<leading>(?i:{_WORDS})(?=:\s)|(?i:{_PLAIN_WORDS})(?=\s))
    | ^(?P<klog>[FEWI])\d{{4}}\ \d\d:\d\d:\d\d
    """,
    re.VERBOSE,
)


class Severity(NamedTuple):
    """A level, and where in the line it stands."""

    level: Level
    start: int
    end: int


def severity_of(text: str) -> Severity | None:
    """Return the level that the line states, or None where it states none."""
    found = _SHAPES.search(text, 0, NEAR_START)
    if found is None or found.lastgroup is None:
        return None
    word = found[found.lastgroup]
    level = _KLOG[word] if found.lastgroup == "klog" else _LEVELS[word.lower()]
    return Severity(level, *found.span(found.lastgroup))
