"""Help of one screen: what it shows, what its signs mean, every key that works there."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip

from natsconsole.tui.commands import commands_of
from natsconsole.tui.keymap import PLACES, Place, bindings
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.virtual_rows import VirtualRows

KEY_WIDTH = 11


class PageHelpRows(VirtualRows):
    """Sentences, then keys."""

    has_divider = False

    def __init__(self, place: Place, sentences: Sequence[str]) -> None:
        super().__init__(id="help-rows")
        self._place = place
        self._sentences = sentences
        self._rows: list[tuple[str, str]] = []

    def on_resize(self) -> None:
        """Fold the sentences to this width."""
        width = max(20, self.size.width - 6)
        self._rows = []
        for sentence in self._sentences:
            self._rows += [("", part) for part in wrapped(sentence, width)]
        self._rows.append(("", ""))
        for command in commands_of(self.app, self._place):
            first, *more = wrapped(command.tooltip, width - KEY_WIDTH)
            self._rows.append((command.key_text, first))
            self._rows += [(" ", part) for part in more]
        super().on_resize()
        self.repaint()

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def draw_row(self, number: int, y: int) -> Strip:  # noqa: ARG002 - a row is the same in any place
        """Draw a row."""
        line = self.line().space(2)
        if number < len(self._rows):
            key, words = self._rows[number]
            if key:
                line.put(key, "key", width=KEY_WIDTH)
            line.put(words)
        return self.finish(line)


class PageHelp(ModalScreen[None]):
    """What is to be known to read a screen and to work it."""

    CSS_PATH = "page.tcss"
    BINDINGS = [Binding("escape,question_mark,f1,enter", "dismiss", "back"), *bindings("leave")]

    def __init__(self, place: Place, sentences: Sequence[str]) -> None:
        super().__init__()
        self._place = place
        self._sentences = sentences

    def compose(self) -> ComposeResult:
        """Show the rows in a box over what was there."""
        with Vertical(id="page-help") as box:
            box.border_title = f"help: {PLACES[self._place].lower()}"
            box.border_subtitle = "Esc back"
            yield PageHelpRows(self._place, self._sentences)
