import re
from collections import Counter

import pytest

from natsconsole.tui.app import ConsoleApp
from natsconsole.tui.contexts.screen import ContextsScreen
from natsconsole.tui.events.screen import EventsScreen
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.keymap import (
    ALL_COMMANDS,
    COMMANDS,
    ELSEWHERE,
    GENERAL,
    PAGE_COMMANDS,
    PLACES,
    KeymapError,
    Place,
    keys_of,
    with_keys,
    written,
)
from natsconsole.tui.lab.screen import LabScreen
from natsconsole.tui.page.screen import Page
from natsconsole.tui.receiver.screen import ReceiversScreen
from natsconsole.tui.triage.lists import ConsumersScreen, StreamsScreen
from natsconsole.tui.triage.one_page import ConsumerPage, StreamPage
from natsconsole.tui.unacked.message_screen import MessageScreen
from natsconsole.tui.unacked.screen import UnackedScreen
from natsconsole.tui.virtual_rows import VirtualRows

PAGES: dict[Place, type[Page]] = {
    "receivers": ReceiversScreen,
    "unacked": UnackedScreen,
    "message": MessageScreen,
    "events": EventsScreen,
    "lab": LabScreen,
    "streams": StreamsScreen,
    "stream": StreamPage,
    "consumers": ConsumersScreen,
    "consumer": ConsumerPage,
    "contexts": ContextsScreen,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_page_has_an_action_for_each_key_and_no_key_twice(place: Place) -> None:
    commands = keys_of(place)
    general = [one for one in COMMANDS if one.area in GENERAL]
    keys = Counter(key for one in (*commands, *general) for key in one.key.split(","))
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


@pytest.mark.parametrize("elsewhere", ELSEWHERE.values())
def test_no_key_means_two_things_in_one_place(elsewhere: str) -> None:
    here = [command for command in COMMANDS if command.area != elsewhere]
    keys = Counter(key for command in here for key in command.key.split(","))
    assert [key for key, number in keys.items() if number > 1] == []


def test_every_action_exists() -> None:
    owners = {"app": ConsoleApp, "screen": HomeScreen, "": VirtualRows}
    for command in COMMANDS:
        place, _, name = command.action.partition("(")[0].rpartition(".")
        assert hasattr(owners[place], f"action_{name}"), command.id


def test_every_command_says_what_it_does() -> None:
    assert all(command.label and command.tooltip for command in COMMANDS)


def test_a_users_keys_replace_the_defaults() -> None:
    commands = {command.id: command for command in with_keys({"receiver.policy": "A,f2"})}

    assert commands["receiver.policy"].key == "A,f2"
    assert commands["receiver.policy"].key_text == "A f2"
    assert commands["receiver.answer"].key == "r"


def test_a_key_is_written_as_it_is_typed() -> None:
    keys = {"hosts.sort": ";", "pane.add": "ctrl+n", "home.alerts": "+", "pane.close": ","}
    keys["pane.add"] = "ctrl+n"
    commands = {command.id: command for command in with_keys(keys)}

    assert commands["hosts.sort"].key == "semicolon"
    assert commands["hosts.sort"].key_text == ";"
    assert commands["pane.add"].key_text == "Ctrl+n"
    assert commands["home.alerts"].key == "plus"
    assert commands["pane.close"].key == "comma"


def test_what_is_printed_as_default_can_be_read_again() -> None:
    keys = {command.id: written(command.key) for command in ALL_COMMANDS}
    assert [one.key for one in with_keys(keys)] == [one.key for one in ALL_COMMANDS]


def test_two_keys_may_be_swapped() -> None:
    commands = {
        one.id: one.key for one in with_keys({"receiver.policy": "r", "receiver.answer": "a"})
    }
    assert (commands["receiver.policy"], commands["receiver.answer"]) == ("r", "a")


@pytest.mark.parametrize(
    ("keys", "command", "problem"),
    [
        (
            {"receiver.polic": "a"},
            "receiver.polic",
            "did you mean receiver.policy",
        ),
        ({"receiver.policy": "hyper+x"}, "receiver.policy", "no key 'hyper+x'"),
        ({"receiver.policy": "enterr"}, "receiver.policy", "no key 'enterr'"),
        ({"receiver.policy": "\x1b"}, "receiver.policy", "no key"),
        ({"receiver.policy": ""}, "receiver.policy", "no key ''"),
        ({"receiver.policy": "q"}, "receiver.policy", "q already means leave.quit"),
        ({"hosts.sort": "w"}, "hosts.sort", "w already means pane.wrap"),
        ({"unacked.sort": "u"}, "unacked.sort", "u already means go.unacked"),
        ({"go.events": "a"}, "go.events", "a already means receiver.policy"),
        ({"lines.copy": "pageup"}, "lines.copy", "PgUp already means rows.page_up"),
    ],
)
def test_a_keymap_that_cannot_be_is_refused(
    keys: dict[str, str], command: str, problem: str
) -> None:
    with pytest.raises(KeymapError, match=re.escape(problem)) as caught:
        with_keys(keys)
    assert caught.value.command_id == command


def test_one_key_may_mean_two_things_in_two_places() -> None:
    with_keys({"hosts.sort": "y", "lines.save": "y"})
