"""Every command by its name, for those who do not know its key yet."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from natsconsole.tui.commands import commands_of
from natsconsole.tui.keymap import Command
from natsconsole.tui.page.screen import Page

LEFT_OUT = (
    "rows",
    "app.palette",
    "leave.interrupt",
    "pane.next",
    "pane.previous",
    "home.back",
    "page.back",
)


class ConsoleCommands(Provider):
    """The keymap's commands, as the palette wants them."""

    async def discover(self) -> Hits:
        """Offer all commands before anything is typed."""
        for command in self._offered():
            yield DiscoveryHit(
                _name(command), partial(self.screen.run_action, command.action), help=_help(command)
            )

    async def search(self, query: str) -> Hits:
        """Offer the commands whose name matches."""
        matcher = self.matcher(query)
        for command in self._offered():
            score = matcher.match(_name(command))
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(_name(command)),
                    partial(self.screen.run_action, command.action),
                    help=_help(command),
                )

    def _offered(self) -> Iterable[Command]:
        place = self.screen.PLACE if isinstance(self.screen, Page) else None
        commands = commands_of(self.app, place)
        return (one for one in commands if one.id not in LEFT_OUT and one.area not in LEFT_OUT)


def _name(command: Command) -> str:
    return f"{command.area}: {command.label}"


def _help(command: Command) -> str:
    return f"{command.tooltip}  ({command.key_text})"
