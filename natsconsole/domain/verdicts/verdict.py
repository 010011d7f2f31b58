"""One finding: what is so, by which figures, and what ends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "warning", "critical"]
"""``ok`` explains; nothing needs to be done."""
SEVERITIES: tuple[Severity, ...] = ("ok", "warning", "critical")
"""From best to worst."""

Evidence = tuple[tuple[str, int | float | str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One sentence about a stream, a consumer, or (without either) the server or the account.

    Texts may hold words from the network; whoever shows them makes them safe.
    """

    rule: str
    """A stable id, such as ``no-pull``; scripts rely on it."""
    severity: Severity
    sentence: str
    """What is so and what it costs, in plain words."""
    evidence: Evidence = ()
    """The figures it rests on, by name. Names that end in ``_seconds`` are in seconds."""
    remedy: str = ""
    """What ends it."""
    command: str = ""
    """The ``nats`` command that shows or cures it; empty where there is none."""
    stream: str = ""
    consumer: str = ""

    @property
    def weight(self) -> int:
        """The higher, the worse."""
        return SEVERITIES.index(self.severity)


def worst(verdicts: Iterable[Verdict]) -> Severity:
    """Return the severity of the worst of them, ``ok`` for none."""
    return SEVERITIES[max((found.weight for found in verdicts), default=0)]
