"""The settings file: what it may say, and one clear line where it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from natsconsole.cli.failures import Failure
from natsconsole.cli.settings_file import as_toml, read_settings
from natsconsole.cli.toml_file import default_path
from natsconsole.tui.keymap import IDS
from natsconsole.tui.settings import DEFAULTS, Settings
from tests.support.programs import run


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        theme = "light"
        interval = 2
        timestamps = "utc"
        wrap = true
        mouse = false
        bell = true
        silent-after = 0
        bandwidth = "low"
        [keys]
        receiver.policy = "A"
        "pane.wrap" = "W,f2"
        """,
    )
    assert read_settings(path) == Settings(
        theme="light",
        interval=2,
        timestamps="utc",
        wrap=True,
        mouse=False,
        bell=True,
        silent_after=0,
        bandwidth="low",
        keys={"receiver.policy": "A", "pane.wrap": "W,f2"},
    )


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_settings() == DEFAULTS
    default_path().parent.mkdir(parents=True)
    default_path().write_text('theme = "monochrome"')
    assert read_settings().theme == "monochrome"


def test_what_is_printed_is_a_file_with_the_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, as_toml())
    assert read_settings(path) == DEFAULTS
    entries = [line.removeprefix("# ") for line in as_toml().partition("[keys]\n")[2].splitlines()]
    table = "\n".join(entry[: entry.rindex('"') + 1] for entry in entries)
    assert set(read_settings(written(tmp_path, f"[keys]\n{table}")).keys) == set(IDS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('theme = "drak"', 'theme = "drak": make it one of dark, light'),
        ("interval = 0.01", "interval = 0.01: make it seconds from 0.2 to 60"),
        ('interval = "1"', 'interval = "1": make it seconds'),
        ("interval = nan", "interval = nan: make it seconds"),
        ("interval = true", "interval = true: make it seconds"),
        ("wrap = 1", "wrap = 1: make it true or false"),
        ("silent-after = -1", "silent-after = -1: make it seconds from 1"),
        ("silent_after = 1", "silent_after: there is no such setting; did you mean silent-after?"),
        ("colour = 1", "colour: there is no such setting; there are theme, interval"),
        ("keys = 1", "keys: make it a table"),
        ("[keys]\nhosts = 1", "keys.hosts = 1: make it a key"),
        ('[keys]\nhosts.opn = "o"', 'keys.hosts.opn = "o": there is no such command; did you mean'),
        ('[keys]\nhosts.open = "q"', 'keys.hosts.open = "q": q already means leave.quit'),
        ('[keys]\nhosts.open = "enterr"', "there is no key 'enterr'"),
        ('theme = "\\u001b[2J"', 'theme = "␛[2J": make it one of'),
        ("theme = ", "this is not TOML"),
    ],
)
def test_what_cannot_be_is_one_line_with_file_key_and_mend(
    tmp_path: Path, text: str, words: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(Failure) as caught:
        read_settings(path)

    message = caught.value.message
    assert message.startswith(f"{path}: ")
    assert words in message
    assert "\n" not in message
    assert caught.value.exit_code == 2


async def test_a_bad_file_ends_the_console_before_it_draws(tmp_path: Path) -> None:
    path = written(tmp_path, 'theme = "drak"')
    code, out, errors = await run("natsconsole", "--config", path, "-s", "127.0.0.1:1")

    assert code == 2
    assert out == ""
    assert errors.strip().splitlines()[-1].startswith(f"Error: {path}: theme")


async def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    code, _, errors = await run("natsconsole", "demo", "--config", tmp_path / "none.toml")

    assert code == 2
    assert "there is no such file" in errors or "not a terminal" in errors


async def test_the_defaults_are_printed_without_a_server() -> None:
    code, out, _ = await run("natsconsole", "--print-config")

    assert code == 0
    assert "silent-after = 600.0" in out
    assert "# pane.jump" in out
