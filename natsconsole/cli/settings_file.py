"""The user's settings file: read, checked, and printed with its defaults.

A file that cannot be used is one line that names the file, the key and the mend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from natsconsole.cli.context_settings import WORDS, checked_contexts
from natsconsole.cli.failures import Failure
from natsconsole.cli.toml_file import as_toml_value, default_path, read_toml
from natsconsole.tui.keymap import ALL_COMMANDS, KeymapError, with_keys, written
from natsconsole.tui.settings import BANDWIDTHS, DEFAULTS, THEMES, TIMESTAMPS, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """One key of the file."""

    name: str
    words: str
    check: Callable[[object], str]
    """Returns what the value has to be, or nothing where it is that."""

    @property
    def field(self) -> str:
        return self.name.replace("-", "_")


def _one_of(choices: tuple[str, ...]) -> Callable[[object], str]:
    return lambda value: "" if value in choices else f"one of {', '.join(choices)}"


def _yes_or_no(value: object) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _seconds(low: float, high: float, *, or_zero: bool = False) -> Callable[[object], str]:
    def check(value: object) -> str:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and ((or_zero and value == 0) or low <= value <= high):  # type: ignore[operator]
            return ""
        zero = ", or 0 for never" if or_zero else ""
        return f"seconds from {low:g} to {high:g}{zero}"

    return check


SETTINGS = (
    _Setting(name="theme", words=f"Colours: {', '.join(THEMES)}.", check=_one_of(THEMES)),
    _Setting(
        name="interval",
        words="Seconds between two looks at stream, consumers and receivers.",
        check=_seconds(0.2, 60),
    ),
    _Setting(
        name="timestamps",
        words="When a line was stored: auto (local, where the line tells no time itself), "
        "local, utc, relative, off.",
        check=_one_of(TIMESTAMPS),
    ),
    _Setting(name="wrap", words="Whether long lines are folded.", check=_yes_or_no),
    _Setting(
        name="mouse",
        words="Whether the console uses the mouse. Without it the terminal selects text.",
        check=_yes_or_no,
    ),
    _Setting(name="bell", words="Whether a new alert rings the bell.", check=_yes_or_no),
    _Setting(
        name="silent-after",
        words="Seconds without a line after which a host is silent, which is an alert; 0: never.",
        check=_seconds(1, 31_536_000, or_zero=True),
    ),
    _Setting(
        name="bandwidth",
        words="normal, or low: fewer paintings and no charts, for slow lines.",
        check=_one_of(BANDWIDTHS),
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def read_settings(path: Path | None = None) -> Settings:
    """Return the settings in a file; the defaults where there is none and none was named.

    Raises:
        Failure: it cannot be read, or says what no setting can be.
    """
    return _checked(*read_toml(path))


def _checked(path: Path, values: Mapping[str, Any]) -> Settings:
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if name == "keys":
            fields["keys"] = _keys(path, value)
            continue
        if name == "contexts":
            fields["contexts"] = checked_contexts(path, value)
            continue
        setting = _BY_NAME.get(name)
        if setting is None:
            near = get_close_matches(name, [*_BY_NAME, "keys", "contexts"], 1)
            mend = (
                f"did you mean {near[0]}?"
                if near
                else f"there are {', '.join(_BY_NAME)}, keys, contexts"
            )
            raise Failure(f"{path}: {name}: there is no such setting; {mend}")
        wanted = setting.check(value)
        if wanted:
            raise Failure(f"{path}: {name} = {as_toml_value(value)}: make it {wanted}")
        fields[setting.field] = value
    return replace(DEFAULTS, **fields)


def _keys(path: Path, table: object) -> dict[str, str]:
    if not isinstance(table, dict):
        raise Failure(f"{path}: keys: make it a table, [keys]")
    keys = {}
    for name, key in _flat(table):
        if not isinstance(key, str) or not key:
            raise Failure(f'{path}: keys.{name} = {as_toml_value(key)}: make it a key, as "ctrl+x"')
        keys[name] = key
    try:
        with_keys(keys)
    except KeymapError as error:
        key = as_toml_value(keys[error.command_id])
        raise Failure(f"{path}: keys.{error.command_id} = {key}: {error}") from error
    return keys


def _flat(table: Mapping[str, Any], above: str = "") -> list[tuple[str, object]]:
    """TOML reads ``hosts.open = "o"`` as a table in a table."""
    found: list[tuple[str, object]] = []
    for name, value in table.items():
        path = f"{above}{name}"
        found += _flat(value, f"{path}.") if isinstance(value, dict) else [(path, value)]
    return found


_CONTEXT = (
    "# [contexts.prod]",
    *(
        f"# {f'{name} = {value}':<29}  # {WORDS[name]}"
        for name, value in (
            ("production", "true"),
            ("read-only", "false"),
            ("colour", '"red"'),
            ("stream", '"ORDERS"'),
            ("subject", '"orders.{host}.>"'),
        )
    ),
)


def as_toml() -> str:
    """Return a settings file with every default, and what each means."""
    lines = [f"# natsconsole's settings. They are read from {_home_as_tilde(default_path())}"]
    for setting in SETTINGS:
        value = getattr(DEFAULTS, setting.field)
        lines += ["", f"# {setting.words}", f"{setting.name} = {as_toml_value(value)}"]
    lines += ["", "# What holds for one context of the nats CLI alone, here for prod.", *_CONTEXT]
    lines += ["", "# Keys: as a, ctrl+x, f5, pageup; several parted by commas.", "[keys]"]
    entries = [f'{one.id} = "{written(one.key)}"' for one in ALL_COMMANDS]
    width = max(map(len, entries))
    for one, entry in zip(ALL_COMMANDS, entries, strict=True):
        lines.append(f"# {entry:<{width}}  {one.tooltip}")
    return "\n".join(lines)


def _home_as_tilde(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)
