"""The last line: the keys that work here, from the keymap. A click is as good as a key."""

from __future__ import annotations

from abc import abstractmethod

from textual import events
from textual.reactive import var

from natsconsole.tui.drawing import Line, OneLine
from natsconsole.tui.keymap import COMMANDS, ELSEWHERE, Command

GAP = 2
LAST = ("app.help", "leave.quit")
ABOUT_LINES = ("pane.follow", "pane.jump", "pane.wrap", "pane.times")
"""They work everywhere, and are shown where lines are."""


class KeyLine(OneLine):
    """A line of keys and what they do; those that cannot act now are faint."""

    refused: var[frozenset[str]] = var(frozenset())
    """Ids of commands that would be refused now."""
    kept: tuple[str, ...] = LAST
    """Ids of commands that are never cut off, however narrow the screen."""

    @abstractmethod
    def shown(self) -> list[Command]:
        """Return the commands to show, the more important first."""

    def watch_refused(self) -> None:
        """Make the refused ones faint."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the keys that fit."""
        line = self.line()
        for start, command in self._places():
            is_refused = command.id in self.refused
            line.fill_to(start).put(command.key_text, "faint" if is_refused else "key").space()
            line.put(command.label, "faint" if is_refused else "muted")
        return line

    def _places(self) -> list[tuple[int, Command]]:
        shown = self.shown()
        first = [one for one in shown if one.id not in self.kept]
        last = [one for one in shown if one.id in self.kept]
        while first and _length([*first, *last]) > self.size.width:
            first.pop()
        places, start = [], 1
        for command in (*first, *last):
            places.append((start, command))
            start += _cells(command) + GAP
        return places

    async def on_click(self, event: events.Click) -> None:
        """Do what the key would do."""
        for start, command in self._places():
            if start <= event.x < start + _cells(command):
                await self.screen.run_action(command.action)


class KeyBar(KeyLine):
    """Keys and what they do; those that cannot act now are faint."""

    absent: var[frozenset[str]] = var(frozenset())
    """Ids of commands that do not exist here."""

    place: var[str] = var("hosts")
    """The area where the keys act now: its own come first, those of other places are left out."""
    commands: var[tuple[Command, ...]] = var(COMMANDS)

    def watch_place(self) -> None:
        """Show the keys of this place."""
        self.repaint()

    def watch_commands(self) -> None:
        """Show the user's keys."""
        self.repaint()

    def watch_absent(self) -> None:
        """Leave the absent ones out."""
        self.repaint()

    def shown(self) -> list[Command]:
        """Return those that there are and that act in this place."""
        shown = [
            one
            for one in self.commands
            if one.show and one.id not in self.absent and self._belongs_here(one)
        ]
        if self.place == "lines":
            shown.sort(key=lambda one: one.area not in {"lines", "pane"})
        return shown

    def _belongs_here(self, command: Command) -> bool:
        if self.place == "hosts" and command.id in ABOUT_LINES:
            return False
        return command.area != ELSEWHERE[self.place]


def _cells(command: Command) -> int:
    return len(command.key_text) + 1 + len(command.label)


def _length(commands: list[Command]) -> int:
    return sum(_cells(command) + GAP for command in commands)
