"""Every command by its name, for those who do not know its key yet."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen

from natsconsole.tui.keymap import COMMANDS, Command
from natsconsole.tui.page.keys import keys_of
from natsconsole.tui.page.screen import Page

LEFT_OUT = ("rows", "app.palette", "leave.interrupt", "pane", "hosts.clear")


class ConsoleCommands(Provider):
    """The keymap's commands, as the palette wants them."""

    async def discover(self) -> Hits:
        """Offer all commands before anything is typed."""
        for command in _offered(self.screen):
            yield DiscoveryHit(
                _name(command), partial(self.screen.run_action, command.action), help=_help(command)
            )

    async def search(self, query: str) -> Hits:
        """Offer the commands whose name matches."""
        matcher = self.matcher(query)
        for command in _offered(self.screen):
            score = matcher.match(_name(command))
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(_name(command)),
                    partial(self.screen.run_action, command.action),
                    help=_help(command),
                )


def _offered(screen: Screen[Any]) -> Iterable[Command]:
    commands = COMMANDS
    if isinstance(screen, Page):
        general = (one for one in COMMANDS if one.area in {"go", "app", "leave"})
        commands = (*keys_of(screen.PLACE), *general)
    return (one for one in commands if one.id not in LEFT_OUT and one.area not in LEFT_OUT)


def _name(command: Command) -> str:
    return f"{command.area}: {command.label}"


def _help(command: Command) -> str:
    return f"{command.tooltip}  ({command.key_text})"
