"""The second line: what flows in and out, what waits, what was sent twice, lost or doubled.

Every figure has a place of fixed width, so that nothing moves when a number grows.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.reactive import var

from natsconsole.domain.snapshots import EMPTY_HOME, Flow, HomeSnapshot
from natsconsole.tui.drawing import Ink, Line, OneLine
from natsconsole.tui.format import count, duration, scaled
from natsconsole.tui.home.host_order import BEHIND_SECONDS
from natsconsole.tui.sparkline import sparkline


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How much is said, where there is so much room."""

    gap: int
    spark: int
    in_unit: str = "lines/s"
    out_unit: str = "lines/s"
    lag_unit: str = " msgs"
    redelivered: str = "redelivered"
    unacked: str = "unacked"
    dot: str = " · "
    names_doubled: bool = True
    names_redelivered: bool = True


FORMS = (
    Form(gap=4, spark=24),
    Form(gap=4, spark=12),
    Form(gap=3, spark=10, out_unit=""),
    Form(gap=3, spark=7, out_unit="", redelivered="↻"),
    Form(gap=3, spark=5, in_unit="/s", out_unit="/s", lag_unit="", redelivered="↻"),
    Form(gap=3, spark=0, in_unit="/s", out_unit="/s", lag_unit="", redelivered="↻"),
    Form(gap=2, spark=0, in_unit="/s", out_unit="/s", lag_unit="", redelivered="↻",
         names_doubled=False),
    Form(gap=2, spark=0, in_unit="", out_unit="", lag_unit="", redelivered="↻",
         names_doubled=False, names_redelivered=False, unacked="una", dot=" "),
)  # fmt: skip


class FlowStrip(OneLine):
    """The pipeline's totals."""

    home: var[HomeSnapshot] = var(EMPTY_HOME)

    def __init__(self, *, has_sparks: bool = True) -> None:
        super().__init__(id="strip")
        self._has_sparks = has_sparks

    def watch_home(self) -> None:
        """Show the newest totals."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the longest form that fits."""
        lines = (self._line(form) for form in FORMS)
        return next((line for line in lines if line.cells < self.size.width), self._line(FORMS[-1]))

    def _line(self, form: Form) -> Line:
        home = self.home
        peak = max((*home.inflow.history, *home.outflow.history), default=0.0)
        line = self.line().space()
        self._flow(line, "in", home.inflow, form.in_unit, form.spark, peak)
        self._flow(line.space(form.gap), "out", home.outflow, form.out_unit, form.spark, peak)
        self._lag(line.space(form.gap), form)
        self._unacked(line.space(form.gap), form.unacked)
        redelivered = home.totals.redelivered
        if form.names_redelivered:
            self._total(line.space(form.gap), form.redelivered, redelivered, "warn")
        self._total(line.space(form.gap), "lost", sum(one.lost for one in home.receivers), "bad")
        doubled = sum(one.doubled for one in home.receivers)
        if form.names_doubled or doubled:
            self._total(line.space(2), "doubled", doubled, "bad")
        return line

    def _total(self, line: Line, name: str, number: int, ink: Ink) -> None:
        line.put(name, "muted").space().put(count(number), ink if number else "good")

    def _flow(self, line: Line, label: str, flow: Flow, unit: str, spark: int, peak: float) -> None:
        rate = ("≈" if flow.is_estimate else "") + scaled(flow.per_second)
        line.put(label, "muted").put(rate, "strong", width=7 if flow.is_estimate else 6, right=True)
        line.put(f" {unit}" if unit == "lines/s" else unit, "muted")
        if spark and self._has_sparks:
            line.space().put(sparkline(flow.history, spark, peak), "spark")

    def _lag(self, line: Line, form: Form) -> None:
        home = self.home
        late: Ink = "warn" if home.lag_seconds >= BEHIND_SECONDS else "strong"
        line.put("lag", "muted").space()
        line.put(count(home.lag_messages), late, width=6, right=True)
        line.put(form.lag_unit, "muted").put(form.dot, "faint")
        line.put(duration(home.lag_seconds, gap=" "), late, width=5)

    def _unacked(self, line: Line, label: str) -> None:
        totals = self.home.totals
        most = totals.max_ack_pending
        is_full = 0 < most <= totals.outstanding_acks
        line.put(label, "muted").space()
        number = count(totals.outstanding_acks)
        text = f"{number}/{count(most)}" if most > 0 else number
        width = 2 * len(count(most)) + 1 if most > 0 else 6
        line.put(text, "warn" if is_full else "strong", width=width, right=True)
