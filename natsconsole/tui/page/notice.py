"""One line: what came of a key for some seconds, else what holds now."""

from __future__ import annotations

from textual.reactive import var

from natsconsole.tui.drawing import Ink, Line, OneLine

SECONDS = 6.0


class NoticeLine(OneLine):
    """What came of the last key; when that is read, what to know here."""

    notice: var[tuple[str, bool] | None] = var(None)
    """A sentence, and whether it says that something was refused."""
    standing: var[tuple[str, Ink]] = var(("", "muted"))
    """What is said while there is no notice."""

    question: var[str] = var("")
    """What the user is being asked: it stands before everything else."""

    def watch_question(self) -> None:
        """Ask, or no longer."""
        self.repaint()

    def watch_notice(self, _before: object, notice: tuple[str, bool] | None) -> None:
        """Show it, and take it away after some seconds."""
        self.repaint()
        if notice is not None:
            self.set_timer(SECONDS, lambda: self._forget(notice))

    def _forget(self, notice: tuple[str, bool]) -> None:
        if self.notice is notice:
            self.notice = None

    def watch_standing(self) -> None:
        """Show the newest."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the notice, else what stands."""
        line = self.line().space()
        if self.question:
            return line.put(self.question, "accent").put("  Enter takes it, Esc leaves", "muted")
        if self.notice is not None:
            sentence, is_refusal = self.notice
            line.put("✗ " if is_refusal else "✓ ", "bad" if is_refusal else "good")
            return line.put(sentence, "strong")
        sentence, ink = self.standing
        sign = {"bad": "▲ ", "warn": "△ "}.get(ink, "")
        return line.put(sign, ink).put(sentence, ink)
