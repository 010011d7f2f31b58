"""The third line: what needs attention, or for a moment what came of the last key."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.message import Message
from textual.reactive import var

from natsconsole.domain.alerts import Alert, Severity
from natsconsole.tui.commands import key_of
from natsconsole.tui.drawing import Ink, Line, OneLine

SIGNS: dict[Severity, tuple[str, Ink]] = {
    "critical": ("▲", "bad"),
    "warning": ("△", "warn"),
    "notice": ("›", "accent"),
    "calm": ("✓", "good"),
}
NOTICE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What came of a key: one line, shown for some seconds."""

    sentence: str
    is_refusal: bool = False


class AlertLine(OneLine):
    """The worst alert in full, and how many there are beside it."""

    class Opened(Message):
        """The user wants to see all of them."""

    alerts: var[tuple[Alert, ...]] = var(())
    notice: var[Notice | None] = var(None)

    def watch_alerts(self) -> None:
        """Show the newest."""
        self.repaint()

    def watch_notice(self, _before: Notice | None, notice: Notice | None) -> None:
        """Show it, and take it away after some seconds."""
        self.repaint()
        if notice is not None:
            self.set_timer(NOTICE_SECONDS, lambda: self._forget(notice))

    def _forget(self, notice: Notice) -> None:
        if self.notice is notice:
            self.notice = None

    def on_click(self) -> None:
        """Show all of them."""
        self.post_message(self.Opened())

    def draw_line(self) -> Line:
        """Draw the notice, else the alerts."""
        line = self.line().space()
        if self.notice is not None:
            refused = self.notice.is_refusal
            line.put("✗ " if refused else "✓ ", "bad" if refused else "good")
            return line.put(self.notice.sentence, "strong")
        for alert in self.alerts[:1]:
            sign, ink = SIGNS[alert.severity]
            line.put(f"{sign} ", ink)
            ink = "muted" if alert.severity == "calm" else ink
            hint = self._hint(self.size.width - line.cells - cell_len(alert.sentence))
            room = self.size.width - line.cells - len(hint)
            line.put(alert.sentence, ink, width=room if hint else 0).put(hint, "muted")
        return line

    def _hint(self, left: int) -> str:
        """Say how to see what has no room here; ``left`` cells are beside the sentence."""
        more = len(self.alerts) - 1
        if not more and left >= 0:
            return ""
        key = key_of(self.app, "home.alerts")
        words = f"  +{more} more · {key} all " if more else f"  {key} all "
        return words if left >= len(words) or not more else f"  {key} +{more} "
