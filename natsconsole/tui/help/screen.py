"""Help: the signs and the keys, both from the tables that draw them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip

from natsconsole.tui.commands import commands_of
from natsconsole.tui.drawing import Line
from natsconsole.tui.help.signs import HOSTS, LINES, TOTALS, Sign
from natsconsole.tui.keymap import COMMANDS, Command, bindings
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.virtual_rows import VirtualRows

AREAS = {
    "receiver": "THE RECEIVER",
    "go": "OTHER SCREENS",
    "hosts": "HOSTS",
    "lines": "LINES, IN A PANE",
    "pane": "PANES",
    "rows": "ROWS",
    "app": "ALL",
}
SIGN_WIDTH = 6
KEY_WIDTH = 11
SIGNS_WIDTH = 48
MARGIN = 2


class Key(NamedTuple):
    """A key and what it does, or more of what the key above does."""

    key: str
    words: str


Row = Sign | Key | str | None
"""A sign, a key, a heading, or nothing."""


def sign_rows() -> list[Row]:
    """Return the rows on signs."""
    return ["LINES", *LINES, None, "HOSTS", *HOSTS, None, "TOTALS", *TOTALS]


def key_rows(all_commands: Sequence[Command] = COMMANDS, width: int = 200) -> list[Row]:
    """Return the rows on keys, in so many cells."""
    rows: list[Row] = []
    for area, heading in AREAS.items():
        areas = {area, "home", "leave"} if area == "app" else {area}
        commands = [one for one in all_commands if one.area in areas]
        rows += [*([None] if rows else []), heading]
        for one in commands:
            words = wrapped(one.tooltip, width - KEY_WIDTH)
            rows += [
                Key(one.key_text if not place else "", part) for place, part in enumerate(words)
            ]
    return rows


class HelpRows(VirtualRows):
    """Signs beside keys, or above them where the screen is narrow."""

    has_divider = False

    def __init__(self) -> None:
        super().__init__(id="help-rows")
        self._pairs: list[tuple[Row, Row]] = []

    def _arrange(self) -> None:
        is_wide = self.size.width >= 100
        left = self.row_width - (SIGNS_WIDTH if is_wide else MARGIN)
        signs, keys = sign_rows(), key_rows(commands_of(self.app), left)
        if is_wide:
            self._pairs = list(zip_longest(signs, keys))
        else:
            self._pairs = [(row, None) for row in (*keys, None, *signs)]

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self._pairs)

    def on_resize(self) -> None:
        """Arrange the rows for this width."""
        self._arrange()
        super().on_resize()
        self.repaint()

    def draw_row(self, number: int, y: int) -> Strip:  # noqa: ARG002 - a row is the same in any place
        """Draw a row."""
        line = self.line().space(MARGIN)
        if number < len(self._pairs):
            left, right = self._pairs[number]
            self._put(line, left)
            if right is not None:
                self._put(line.fill_to(SIGNS_WIDTH), right)
        return self.finish(line)

    def _put(self, line: Line, row: Row) -> None:
        if isinstance(row, str):
            line.put(row, "muted")
        elif isinstance(row, Sign):
            line.put(row.sign, row.ink, width=SIGN_WIDTH).put(row.words)
        elif row is not None:
            line.put(row.key, "key", width=KEY_WIDTH).put(row.words)


class HelpScreen(ModalScreen[None]):
    """What is to be known to read Home and to work it."""

    CSS_PATH = "screen.tcss"
    BINDINGS = [
        Binding("escape,question_mark,f1,enter", "dismiss", "back"),
        *bindings("leave"),
    ]

    def compose(self) -> ComposeResult:
        """Show the rows in a box over what was there."""
        with Vertical(id="help") as box:
            box.border_title = "help"
            box.border_subtitle = "Esc back"
            yield HelpRows()
