"""The receiver the keys act on: how it is set, how it fares, what is being changed."""

from __future__ import annotations

from textual.reactive import var

from natsconsole.domain.receivers import ReceiverState, ReceiverStatus
from natsconsole.domain.snapshots import EMPTY_HOME, HomeSnapshot
from natsconsole.tui.drawing import Ink, Line, OneLine
from natsconsole.tui.format import count, duration, size
from natsconsole.tui.home.changes import Change

STATE_SIGNS: dict[ReceiverState, tuple[str, Ink]] = {
    "starting": ("◌", "accent"),
    "running": ("●", "good"),
    "switching": ("⇄", "accent"),
    "held": ("◐", "bad"),
    "paused": ("‖", "warn"),
    "draining": ("◌", "warn"),
    "standby": ("○", "accent"),
}


class ReceiverBar(OneLine):
    """One receiver, in one line."""

    home: var[HomeSnapshot] = var(EMPTY_HOME)
    change: var[Change | None] = var(None)
    restarts: var[int] = var(0)

    def watch_home(self) -> None:
        """Show its newest state."""
        self.repaint()

    def watch_change(self) -> None:
        """Say what is under way."""
        self.repaint()

    def watch_restarts(self) -> None:
        """Count the demo's crashes."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the longest form that fits."""
        receiver = self.home.receiver
        if receiver is None:
            line = self.line().space().put("RECEIVER ", "muted")
            return line.put("none answers" if self.home.taken else "not known yet", "warn")
        figures = self._figures(receiver)
        forms = [(level, len(figures)) for level in range(3)]
        forms += [(3, number) for number in range(len(figures), -1, -1)]
        lines = (self._form(receiver, level, figures[:number]) for level, number in forms)
        return next((line for line in lines if line.cells <= self.size.width), self.line())

    def _form(
        self, receiver: ReceiverStatus, level: int, figures: list[tuple[str, str, Ink]]
    ) -> Line:
        line = self.line().space()
        if level < 3:
            line.put("RECEIVER ", "muted")
        sign, ink = STATE_SIGNS[receiver.state]
        line.put(f"{sign} ", ink).put(receiver.name, "strong")
        others = len(self.home.receivers) - 1
        if others and level < 3:
            line.put(f" 1 of {others + 1}", "muted")
        if receiver.state != "running" or level < 1:
            line.put(f" {receiver.state}", ink if receiver.state != "running" else "muted")
        gap = 3 if level < 2 else 2
        no_ack = receiver.ack_policy == "none"
        self._choice(line.space(gap), "policy", receiver.ack_policy, is_costly=no_ack)
        self._choice(line.space(gap), "answer", receiver.answer, is_costly=receiver.answer != "ack")
        for label, value, value_ink in figures:
            line.space(gap).put(f"{label} ", "muted").put(value, value_ink)
        return line

    def _choice(self, line: Line, name: str, value: str, *, is_costly: bool) -> None:
        line.put(f"{name} ", "muted")
        change = self.change
        if change is not None and change.name == name:
            line.put(f"{change.before} → {change.after} …", "accent")
            return
        ink: Ink = "bad" if is_costly else "strong"
        line.put("[", "faint").put(value, ink).put("]", "faint")

    def _figures(self, receiver: ReceiverStatus) -> list[tuple[str, str, Ink]]:
        most = receiver.max_ack_pending
        is_full = 0 < most <= receiver.unacked
        unacked = count(receiver.unacked) + (f"/{count(most)}" if most > 0 else "")
        endless = receiver.max_deliver < 1
        figures: list[tuple[str, str, Ink]] = [
            ("unacked", unacked, "warn" if is_full else "plain"),
            ("ack wait", _ack_wait(receiver), "plain"),
            ("max deliver", "∞" if endless else f"{receiver.max_deliver}", "plain"),
            ("disk", f"{size(receiver.disk_free_bytes)} free", "plain"),
        ]
        if not endless:
            figures[2] = ("max deliver", f"{receiver.max_deliver}, then given up", "bad")
            figures.insert(0, figures.pop(2))
        if receiver.fault == "disk-full":
            figures = [("disk", "full, d frees it", "bad"), *figures[:-1]]
        if self.restarts:
            figures.insert(1, ("restarts", f"{self.restarts}", "plain"))
        return figures


def _ack_wait(receiver: ReceiverStatus) -> str:
    """With policy none nobody waits for an acknowledgement."""
    if receiver.ack_policy == "none":
        return "–"
    return duration(receiver.ack_wait_seconds).replace(".0", "")
