"""Who writes how much, and when: uneven as real hosts are, exact over the fleet.

Lines are dealt out from one budget, the fleet's rate times the time that has passed, so a late
tick is made up for, whatever burst or lull each host is in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from natsconsole.demo.fleet_hosts import FleetHost, Role

_WEIGHTS: dict[Role, float] = {
    "web": 6.0,
    "api": 5.0,
    "db": 3.0,
    "cache": 1.5,
    "queue": 2.0,
    "auth": 0.8,
}
_QUIET_WEIGHT = 0.04
"""Of the one quiet host: a line every several seconds in a demo of usual size."""
_FLEET_WITH_QUIET_HOST = 6
_MOOD_SECONDS = 0.5
_MOST_LATE = 2.0
"""Seconds that are made up for; beyond them (a suspended machine) lines are left out."""


class Pace:
    """Deals out the fleet's lines."""

    def __init__(self, hosts: Sequence[FleetHost], rate: float, random: Random) -> None:
        self._random = random
        self._rate = rate
        self._base = [_WEIGHTS[host.role] * random.uniform(0.6, 1.5) for host in hosts]
        if len(hosts) >= _FLEET_WITH_QUIET_HOST:
            self._base[-1] = _QUIET_WEIGHT
        self._factor = [1.0] * len(hosts)
        self._indexes = range(len(hosts))
        self._cumulative = list(accumulate(self._base))
        # Each host's first line comes soon, so that a screen shows the whole fleet.
        self._unheard = deque(self._indexes)
        self._budget = 0.0
        self._last = 0.0
        self._mood_ends = _MOOD_SECONDS

    def due(self, elapsed: float) -> list[int]:
        """Return the host of each line to write now, ``elapsed`` seconds after the start."""
        self._budget += self._rate * min(elapsed - self._last, _MOST_LATE)
        self._last = elapsed
        if elapsed >= self._mood_ends:
            self._change_moods()
            self._mood_ends = elapsed + _MOOD_SECONDS
        count = int(self._budget)
        self._budget -= count
        first = [self._unheard.popleft() for _ in range(min((count + 1) // 2, len(self._unheard)))]
        return first + self._random.choices(
            self._indexes, cum_weights=self._cumulative, k=count - len(first)
        )

    def _change_moods(self) -> None:
        for index in self._indexes:
            if self._random.random() < 0.2:
                self._factor[index] = self._random.choice((0.15, 0.6, 1.0, 1.0, 1.4, 5.0))
        self._cumulative = list(
            accumulate(base * factor for base, factor in zip(self._base, self._factor, strict=True))
        )
