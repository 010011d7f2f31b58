"""The commands with the keys that this user gave them."""

from __future__ import annotations

from typing import Any

from textual.app import App

from natsconsole.tui.keymap import ALL_COMMANDS, Command, Place, home_of, place_of


def commands_of(app: App[Any], place: Place | None = None) -> tuple[Command, ...]:
    """Return the commands of Home, or of another screen, as this application's user has them."""
    commands: tuple[Command, ...] = getattr(app, "commands", ALL_COMMANDS)
    return home_of(commands) if place is None else place_of(commands, place)


def key_of(app: App[Any], command_id: str) -> str:
    """Return a command's key as people write it, for a sentence that names it."""
    return next(one.key_text for one in commands_of(app) if one.id == command_id)
