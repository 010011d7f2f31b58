"""The user's settings file as TOML, before anybody looks at what it says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import platformdirs

from natsconsole.cli.failures import Failure
from natsconsole.domain.terminal_text import visible


def default_path() -> Path:
    """Return where the file is when no flag names it."""
    return platformdirs.user_config_path("natsconsole") / "config.toml"


def read_toml(path: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Return which file was meant, and what it says: nothing where there is none.

    Raises:
        Failure: it cannot be read, or was named and is not there.
    """
    named = path is not None
    path = path or default_path()
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise Failure(f"{path}: there is no such file") from None
        return path, {}
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: this is not TOML: {error}") from error


def as_toml_value(value: object) -> str:
    """Return a value as the file would say it, safe for a terminal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{visible(value, 60)}"' if isinstance(value, str) else visible(str(value), 60)
