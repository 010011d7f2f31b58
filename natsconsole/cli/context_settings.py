"""What the settings file says of single contexts: ``[contexts.NAME]``.

Apart from the other settings, because commands without a screen heed these, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from natsconsole.cli.failures import Failure
from natsconsole.cli.toml_file import as_toml_value, read_toml
from natsconsole.domain.contexts import CONTEXT_COLOURS, ContextSettings
from natsconsole.domain.host_pattern import BadPatternError, HostPattern

NO_SETTINGS = ContextSettings()
WORDS = {
    "production": "Whether a mistake there is an incident: shown, and changes ask for a name.",
    "read-only": "Whether every change is refused there.",
    "colour": f"What its name is shown in: {', '.join(CONTEXT_COLOURS)}.",
    "stream": "The stream to open there.",
    "subject": "Which part of a stored subject is the host: orders.{host}.> or logs.*.{host>}",
}


def read_context_settings(name: str, path: Path | None = None) -> ContextSettings:
    """Return what the file says of a context; the defaults where it says nothing.

    Raises:
        Failure: the file cannot be read, or says of a context what cannot be.
    """
    path, values = read_toml(path)
    return checked_contexts(path, values.get("contexts", {})).get(name, NO_SETTINGS)


def checked_contexts(path: Path, table: object) -> dict[str, ContextSettings]:
    """Return what a ``[contexts]`` table says.

    Raises:
        Failure: it says what no setting can be.
    """
    if not isinstance(table, dict) or not all(isinstance(one, dict) for one in table.values()):
        raise Failure(f"{path}: contexts: make each a table, [contexts.NAME]")
    return {name: _checked(path, f"contexts.{name}", values) for name, values in table.items()}


def _checked(path: Path, where: str, values: Mapping[str, Any]) -> ContextSettings:
    fields: dict[str, Any] = {}
    for name, value in values.items():
        check = _CHECKS.get(name)
        if check is None:
            near = get_close_matches(name, _CHECKS, 1)
            mend = f"did you mean {near[0]}?" if near else f"there are {', '.join(_CHECKS)}"
            raise Failure(f"{path}: {where}.{name}: there is no such setting; {mend}")
        wanted = check(value)
        if wanted:
            raise Failure(f"{path}: {where}.{name} = {as_toml_value(value)}: {wanted}")
        fields[name.replace("-", "_")] = value
    return ContextSettings(**fields)


def _yes_or_no(value: object) -> str:
    return "" if isinstance(value, bool) else "make it true or false"


def _colour(value: object) -> str:
    return "" if value in CONTEXT_COLOURS else f"make it one of {', '.join(CONTEXT_COLOURS)}"


def _name(value: object) -> str:
    return "" if isinstance(value, str) and value else "make it a stream's name"


def _pattern(value: object) -> str:
    if not isinstance(value, str):
        return 'make it a subject, as "orders.{host}.>"'
    try:
        HostPattern.parse(value)
    except BadPatternError as error:
        return str(error)
    return ""


_CHECKS: dict[str, Callable[[object], str]] = {
    "production": _yes_or_no,
    "read-only": _yes_or_no,
    "colour": _colour,
    "stream": _name,
    "subject": _pattern,
}
