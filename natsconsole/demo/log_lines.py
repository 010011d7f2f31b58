"""Lines that look like real services' logs, and no two alike.

Every line carries an id of its own, so that a lost or doubled one can be told from its neighbours.
"""

from __future__ import annotations

from itertools import accumulate
from random import Random

from natsconsole.demo.fleet_hosts import FleetHost
from natsconsole.demo.phrases import JSON_API_PHRASES, PHRASES, Facts


class LineSource:
    """The lines of one host; the same seed gives the same lines."""

    def __init__(self, host: FleetHost, seed: int) -> None:
        self._facts = Facts(Random(f"{seed}:{host.name}"))  # noqa: S311 - it writes fiction
        # Every other api host has been taught to log JSON, as it goes in real fleets.
        speaks_json = host.role == "api" and host.number % 2 == 0
        weighted = JSON_API_PHRASES if speaks_json else PHRASES[host.role]
        self._phrases = [phrase for _, phrase in weighted]
        self._cumulative = list(accumulate(weight for weight, _ in weighted))

    def line(self, stamp: str) -> bytes:
        """Return the next line, written at ``stamp``."""
        (phrase,) = self._facts.random.choices(self._phrases, cum_weights=self._cumulative)
        return f"{stamp} {phrase(self._facts)}\n".encode()
