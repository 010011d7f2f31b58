"""The commands with the keys that this user gave them."""

from __future__ import annotations

from typing import Any

from textual.app import App

from natsconsole.tui.keymap import COMMANDS, Command


def commands_of(app: App[Any]) -> tuple[Command, ...]:
    """Return the commands as this application's user has them."""
    commands: tuple[Command, ...] = getattr(app, "commands", COMMANDS)
    return commands


def key_of(app: App[Any], command_id: str) -> str:
    """Return a command's key as people write it, for a sentence that names it."""
    return next(one.key_text for one in commands_of(app) if one.id == command_id)
