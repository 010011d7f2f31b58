"""The keys of the screens beside Home: their bindings and their key line."""

from __future__ import annotations

from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import var

from natsconsole.tui.commands import commands_of
from natsconsole.tui.drawing import Line, OneLine
from natsconsole.tui.keymap import Command, Place, keys_of

GAP = 2
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


class PageKeys(OneLine):
    """The last line: what the keys do here. A click is as good as a key."""

    refused: var[frozenset[str]] = var(frozenset())
    """Ids of commands that would be refused now: they are faint."""

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

    def watch_refused(self) -> None:
        """Make the refused ones faint."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the keys that fit."""
        line = self.line()
        for start, command in self._placed():
            is_refused = command.id in self.refused
            line.fill_to(start).put(command.key_text, "faint" if is_refused else "key").space()
            line.put(command.label, "faint" if is_refused else "muted")
        return line

    def _placed(self) -> list[tuple[int, Command]]:
        first = [one for one in self._commands if one.id not in LAST]
        last = [one for one in self._commands if one.id in LAST]
        while first and sum(_cells(one) + GAP for one in (*first, *last)) > self.size.width:
            first.pop()
        places, start = [], 1
        for command in (*first, *last):
            places.append((start, command))
            start += _cells(command) + GAP
        return places

    async def on_click(self, event: events.Click) -> None:
        """Do what the key would do."""
        for start, command in self._placed():
            if start <= event.x < start + _cells(command):
                await self.screen.run_action(command.action)


def _cells(command: Command) -> int:
    return len(command.key_text) + 1 + len(command.label)
