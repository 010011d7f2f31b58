from collections import Counter

from natsconsole.tui.app import ConsoleApp
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.keymap import COMMANDS
from natsconsole.tui.virtual_rows import VirtualRows


def test_ids_are_unique() -> None:
    assert len({command.id for command in COMMANDS}) == len(COMMANDS)


def test_no_key_means_two_things() -> None:
    keys = Counter(key for command in COMMANDS for key in command.key.split(","))
    assert [key for key, number in keys.items() if number > 1] == []


def test_every_action_exists() -> None:
    for command in COMMANDS:
        place, _, name = command.action.rpartition(".")
        owner = (
            ConsoleApp if place == "app" else VirtualRows if command.area == "rows" else HomeScreen
        )
        assert hasattr(owner, f"action_{name}"), command.id


def test_every_command_says_what_it_does() -> None:
    assert all(command.label and command.tooltip for command in COMMANDS)
