from collections import Counter

import pytest

from natsconsole.tui.app import ConsoleApp
from natsconsole.tui.events.screen import EventsScreen
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.keymap import COMMANDS
from natsconsole.tui.lab.screen import LabScreen
from natsconsole.tui.page.keys import PAGE_COMMANDS, PLACES, Place, keys_of
from natsconsole.tui.page.screen import Page
from natsconsole.tui.receiver.screen import ReceiversScreen
from natsconsole.tui.unacked.message_screen import MessageScreen
from natsconsole.tui.unacked.screen import UnackedScreen
from natsconsole.tui.virtual_rows import VirtualRows

PAGES: dict[Place, type[Page]] = {
    "receivers": ReceiversScreen,
    "unacked": UnackedScreen,
    "message": MessageScreen,
    "events": EventsScreen,
    "lab": LabScreen,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_page_has_an_action_for_each_key_and_no_key_twice(place: Place) -> None:
    commands = keys_of(place)
    general = [one for one in COMMANDS if one.area in {"rows", "go", "app", "leave"}]
    keys = Counter(
        key
        for one in (*commands, *general)
        for key in one.key.split(",")
        if not (one.area == "rows" and key in {"left", "right"})
    )
    assert [key for key, number in keys.items() if number > 1] == []
    for command in commands:
        name = command.action.partition("(")[0]
        assert hasattr(PAGES[place], f"action_{name}"), command.id
    assert PAGES[place].SENTENCES


def test_ids_of_pages_are_unique_too() -> None:
    ids = [one.id for one in (*COMMANDS, *PAGE_COMMANDS)]
    assert len(set(ids)) == len(ids)


def test_ids_are_unique() -> None:
    assert len({command.id for command in COMMANDS}) == len(COMMANDS)


def test_no_key_means_two_things() -> None:
    keys = Counter(key for command in COMMANDS for key in command.key.split(","))
    assert [key for key, number in keys.items() if number > 1] == []


def test_every_action_exists() -> None:
    for command in COMMANDS:
        place, _, name = command.action.partition("(")[0].rpartition(".")
        owner = (
            ConsoleApp if place == "app" else VirtualRows if command.area == "rows" else HomeScreen
        )
        assert hasattr(owner, f"action_{name}"), command.id


def test_every_command_says_what_it_does() -> None:
    assert all(command.label and command.tooltip for command in COMMANDS)
