"""README's promises that a machine can keep."""

from __future__ import annotations

import re
from pathlib import Path

from natsconsole.tui.keymap import COMMANDS, PLACES, keys_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def keys_table() -> str:
    """README's table of keys, as the keymap has it."""
    rows = [f"| `{one.key_text}` | {one.tooltip} |" for one in COMMANDS]
    rows += [
        f"| {PLACES[place]}: `{one.key_text}` | {one.tooltip} |"
        for place in PLACES
        for one in keys_of(place)
        if one.area == place
    ]
    return "\n".join(["| key | does |", "|---|---|", *rows])


def test_the_keys_are_the_keymaps() -> None:
    found = re.search(r"<!-- keys -->\n(.*)\n<!-- end of keys -->", README, re.DOTALL)

    assert found is not None
    assert found[1] == keys_table()


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)

    assert pictures
    assert [picture for picture in pictures if not (ROOT / picture).exists()] == []


def test_two_commands_set_everything_up() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)

    assert [command.rpartition("/")[2] for command in commands] == ["natsconsole demo", "pytest"]
