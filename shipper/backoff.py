"""Waiting longer after each failure, and never in step with others."""

from __future__ import annotations

import random


class Backoff:
    """Full jitter: each wait is drawn from zero to a bound that doubles up to a cap."""

    def __init__(self, *, start: float = 0.1, cap: float = 2.0) -> None:
        self._start = start
        self._cap = cap
        self._bound = start

    def reset(self) -> None:
        """Start over after a success."""
        self._bound = self._start

    def next_wait(self) -> float:
        """Return the seconds to wait now."""
        wait = random.uniform(0, self._bound)  # noqa: S311 - spreads load, guards nothing
        self._bound = min(self._cap, self._bound * 2)
        return wait
