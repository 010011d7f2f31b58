"""All alerts, worst first, each in full and with how long it has lasted."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.reactive import var
from textual.screen import ModalScreen
from textual.strip import Strip

from natsconsole.domain.alert_ages import OpenAlert
from natsconsole.domain.alerts import Alert
from natsconsole.tui.format import duration
from natsconsole.tui.home.alert_line import SIGNS
from natsconsole.tui.keymap import bindings
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.virtual_rows import VirtualRows

AGE_WIDTH = 6
MARGIN = 4
Row = tuple[OpenAlert, str, bool] | None
"""An alert, a part of its sentence, whether that is the first part; or nothing."""


class AlertRows(VirtualRows):
    """The alerts, folded to the width."""

    BINDINGS = bindings("rows")

    has_divider = False
    alerts: var[tuple[OpenAlert, ...]] = var(())
    now: var[float] = var(0.0)

    def __init__(self) -> None:
        super().__init__(id="alert-rows")
        self._rows: list[Row] = []

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def watch_alerts(self) -> None:
        """Fold anew."""
        self._arrange()

    def watch_now(self) -> None:
        """Tell how long they have lasted."""
        self.repaint()

    def on_resize(self) -> None:
        """Fold to this width."""
        self._arrange()

    def _arrange(self) -> None:
        width = max(20, self.size.width - MARGIN - AGE_WIDTH - 3)
        self._rows = []
        for one in self.alerts:
            if self._rows:
                self._rows.append(None)
            parts = wrapped(one.alert.sentence, width)
            self._rows += [(one, part, not place) for place, part in enumerate(parts)]
        self.top = max(0, min(self.top, self.last_top))
        self.repaint()

    def draw_row(self, number: int, y: int) -> Strip:  # noqa: ARG002 - a row is the same in any place
        """Draw a part of an alert."""
        line = self.line()
        row = self._rows[number] if number < len(self._rows) else None
        if row is not None:
            one, part, is_first = row
            sign, ink = SIGNS[one.alert.severity]
            age = duration(self.now - one.since).replace(".0", "") if is_first else ""
            line.space().put(sign if is_first else "", ink, width=2)
            line.put(age if needs_a_person(one.alert) else "", "muted", width=AGE_WIDTH, right=True)
            line.space(2).put(part, "plain" if ink == "good" else ink)
        return self.finish(line)


def needs_a_person(alert: Alert) -> bool:
    """Whether it matters how long it lasts."""
    return alert.severity != "calm"


class AlertsScreen(ModalScreen[None]):
    """Everything that needs attention."""

    CSS_PATH = "screen.tcss"
    BINDINGS = [
        Binding("escape,exclamation_mark,enter", "dismiss", "back"),
        *bindings("go", "leave"),
    ]

    def __init__(self, alerts: tuple[OpenAlert, ...], now: float) -> None:
        super().__init__()
        self._alerts = alerts
        self._now = now

    def compose(self) -> ComposeResult:
        """Show the rows in a box over what was there."""
        with Vertical(id="alerts") as box:
            box.border_subtitle = "Esc back"
            yield AlertRows()

    def on_mount(self) -> None:
        """Show what was found last: newer alerts may have come before there was a box for them."""
        self.show(self._alerts, self._now)

    def show(self, alerts: tuple[OpenAlert, ...], now: float) -> None:
        """Show the newest alerts."""
        self._alerts, self._now = alerts, now
        number = sum(needs_a_person(one.alert) for one in alerts)
        for box in self.query("#alerts"):
            box.border_title = f"alerts {number}"
        for rows in self.query(AlertRows):
            rows.now = now
            rows.alerts = alerts
