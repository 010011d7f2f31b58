"""Below a list: what is wrong with the chosen row, in full, and what ends it."""

from __future__ import annotations

from textual.reactive import var
from textual.strip import Strip

from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.tui.drawing import Drawn, Ink
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.triage.cells import WEIGHT_SIGNS, verdict_ink

SENTENCE_LINES = 2


class WhyLines(Drawn):
    """Two lines for the sentence, one for the remedy, one for the command."""

    verdict: var[Verdict | None] = var(None)
    has_row: var[bool] = var(False)

    def watch_has_row(self) -> None:
        """Say nothing where there is nothing."""
        self.repaint()

    def watch_verdict(self) -> None:
        """Show the newest."""
        self.repaint()

    def _lines(self) -> list[tuple[str, str, Ink]]:
        verdict = self.verdict
        if verdict is None:
            return [("", "nothing is wrong with it" if self.has_row else "", "muted")]
        width = max(20, self.size.width - 12)
        about = f"{verdict.consumer or verdict.stream}: "
        parts = wrapped(f"{about}{verdict.sentence}", width)
        if len(parts) > SENTENCE_LINES:
            parts = [*parts[: SENTENCE_LINES - 1], " ".join(parts[SENTENCE_LINES - 1 :])]
        sign, ink = WEIGHT_SIGNS[verdict.weight] if verdict.weight else ("›", "muted")
        inks: Ink = verdict_ink(verdict) if verdict.weight else "plain"
        lines: list[tuple[str, str, Ink]] = [(sign, parts[0], inks)]
        lines += [("", part, inks) for part in parts[1:]]
        lines += [("", "", ink)] * (SENTENCE_LINES - len(lines))
        lines.append(("remedy", verdict.remedy, "plain"))
        lines.append(("command", verdict.command, "accent"))
        return lines

    def draw(self, y: int) -> Strip:
        """Draw a line."""
        line = self.line()
        lines = self._lines()
        if y < len(lines):
            name, words, ink = lines[y]
            line.space().put(
                name, "muted" if len(name) > 1 else ink, width=9 if len(name) > 1 else 2
            )
            line.put(words, ink)
        return self.finish(line)
