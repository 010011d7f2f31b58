"""Since when each alert has lasted: what was said before is not new, whatever its figures say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from natsconsole.domain.alerts import Alert


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert and when it began, in seconds since the epoch by the console's clock."""

    alert: Alert
    since: float


class AlertAges:
    """Remembers when each alert that lasts was first seen."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def note(self, alerts: Iterable[Alert], now: float) -> tuple[tuple[OpenAlert, ...], bool]:
        """Return the alerts with their beginnings, and whether one that needs a person is new."""
        before = self._since
        found = tuple(OpenAlert(one, before.get(one.rule, now)) for one in alerts)
        self._since = {one.alert.rule: one.since for one in found}
        fresh = self._since.keys() - before.keys()
        rings = any(
            one.alert.rule in fresh and one.alert.severity in {"critical", "warning"}
            for one in found
        )
        return found, rings
