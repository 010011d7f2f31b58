"""The keys of the screens beside Home: their bindings and their key line."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from natsconsole.tui.commands import commands_of
from natsconsole.tui.key_bar import KeyLine
from natsconsole.tui.keymap import Command, Place, keys_of

LAST = ("page.back", "app.help", "leave.quit")
"""Never cut off, however narrow the screen."""


def page_bindings(place: Place) -> list[BindingType]:
    """Return the bindings of a screen."""
    return [
        Binding(
            one.key,
            f"screen.{one.action}",
            one.label,
            show=one.show,
            key_display=one.key_text,
            tooltip=one.tooltip,
            id=one.id,
        )
        for one in keys_of(place)
    ]


class PageKeys(KeyLine):
    """The last line: what the keys do here. A click is as good as a key."""

    kept = LAST

    def __init__(self, place: Place) -> None:
        super().__init__(id="page-keys")
        self._place: Place = place
        self._commands: list[Command] = []

    def on_mount(self) -> None:
        """Show the user's keys."""
        here = f"go.{self._place}"
        commands = commands_of(self.app, self._place)
        self._commands = [one for one in commands if one.show and one.id != here]
        self.repaint()

    def shown(self) -> list[Command]:
        """Return the keys of this screen."""
        return self._commands
