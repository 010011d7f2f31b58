"""What goes wrong when: drawn from a seed before anything is started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

WARM_UP = 2.0
"""Seconds that the programs get to start."""
_PAUSE = (0.5, 5.0)
"""Seconds between two faults of one component."""
_LASTS: Mapping[str, tuple[float, float]] = {
    "kill": (0.1, 3.0),
    "kill-point": (0.0, 0.0),
    "freeze": (0.3, 7.0),
    "blackhole": (0.5, 8.0),
    "half-open": (1.0, 8.0),
    "slow": (2.0, 8.0),
    "reset": (0.0, 0.0),
    "disk-full": (1.0, 8.0),
    "policy": (0.0, 0.0),
}
"""Seconds, shortest and longest: around ack wait and the timeouts, on both sides of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """One fault to come."""

    at: float
    """Seconds after the start."""
    component: str
    kind: str
    seconds: float
    """How long it lasts."""
    severity: float
    """From 0 to 1; what it means is the fault's business."""

    @property
    def until(self) -> float:
        """When it is over, in seconds after the start."""
        return self.at + self.seconds


def draw_faults(
    seed: int, seconds: float, decks: Mapping[str, Sequence[str]]
) -> tuple[PlannedFault, ...]:
    """Draw the faults of a run, in order of time.

    A component has one fault at a time, and each kind of its deck before any comes again; other
    components may have theirs meanwhile.

    Args:
        seed: the same seed gives the same faults.
        seconds: all are over by then.
        decks: the kinds of faults of each component.
    """
    found = [
        fault
        for component, kinds in decks.items()
        for fault in _of_component(component, kinds, seconds, Random(f"{seed} {component}"))  # noqa: S311
    ]
    return tuple(sorted(found, key=lambda fault: (fault.at, fault.component)))


def _of_component(
    component: str, kinds: Sequence[str], seconds: float, random: Random
) -> list[PlannedFault]:
    found: list[PlannedFault] = []
    deck: list[str] = []
    at = WARM_UP + random.uniform(0.0, _PAUSE[1])
    while kinds:
        if not deck:
            deck = random.sample(list(kinds), len(kinds))
        kind = deck.pop()
        fault = PlannedFault(
            at=at,
            component=component,
            kind=kind,
            seconds=random.uniform(*_LASTS[kind]),
            severity=random.random(),
        )
        if fault.until > seconds:
            break
        found.append(fault)
        at = fault.until + random.uniform(*_PAUSE)
    return found
