"""The shipper's configuration file, in TOML: the flags by their names, and the files to follow.

host = "web1"
server = "nats://nats1,nats://nats2"

[[files]]
paths = ["/var/log/nginx/*.log"]
exclude = ["*debug*"]
labels = { service = "nginx" }
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipper.discovery import DIRECTORY_FIELD, Pattern, host_of
from shipper.wire import BadHostError

_FILE_KEYS = ("paths", "exclude", "host", "labels")
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LABELS_AT_MOST = 1024


class ConfigError(Exception):
    """The file cannot be used. The text is one line with the mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a configuration file says."""

    flags: Mapping[str, Any]
    """Values of flags, by their names with underscores."""
    patterns: tuple[Pattern, ...] = ()


def read_config(path: Path, flags: Collection[str]) -> Config:
    """Read a configuration file.

    Args:
        path: where it is.
        flags: the names of the flags that may stand in it.

    Raises:
        ConfigError: it cannot be read or used.
    """
    shown = repr(str(path))
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"cannot read {shown}: {reason}; check --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown} is no TOML: {error}") from None
    files = content.pop("files", [])
    for key, value in content.items():
        _check_key(key, [*flags, "files"], shown)
        if isinstance(value, dict | list):
            raise ConfigError(f"{key} in {shown} must be a single value")
    if not isinstance(files, list) or not all(isinstance(entry, dict) for entry in files):
        raise ConfigError(f"files in {shown} must be tables: write [[files]] above each")
    patterns = [pattern for entry in files for pattern in _patterns(entry, shown)]
    return Config(flags=content, patterns=tuple(patterns))


def _patterns(entry: Mapping[str, Any], shown: str) -> list[Pattern]:
    for key in entry:
        _check_key(key, _FILE_KEYS, f"[[files]] of {shown}")
    paths = _texts(entry, "paths", shown)
    if not paths:
        raise ConfigError(f'a [[files]] of {shown} names no paths: add paths = ["..."]')
    host = entry.get("host", "")
    if not isinstance(host, str):
        raise ConfigError(f"host in [[files]] of {shown} must be a text")
    if host:
        try:
            host_of(host.replace(DIRECTORY_FIELD, "dir"), "/dir/file")
        except BadHostError as error:
            raise ConfigError(f"in [[files]] of {shown}: {error}") from None
    excludes, labels = _texts(entry, "exclude", shown), _labels(entry.get("labels", {}), shown)
    return [Pattern.parse(path, host=host, labels=labels, excludes=excludes) for path in paths]


def _texts(entry: Mapping[str, Any], key: str, shown: str) -> list[str]:
    texts = entry.get(key, [])
    if isinstance(texts, str):
        return [texts]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f'{key} in [[files]] of {shown} must be a list of texts: {key} = ["..."]')
    return texts


def _labels(labels: Any, shown: str) -> str:
    if not isinstance(labels, dict):
        raise ConfigError(f'labels of {shown} must be a table: labels = {{ name = "value" }}')
    for name, value in labels.items():
        is_value = isinstance(value, str) and value.isprintable() and value.isascii()
        if not _LABEL.fullmatch(name) or not is_value or "," in value:
            raise ConfigError(
                f"label {name!r} of {shown} cannot be sent: a name has letters, digits and -_. "
                "only, a value is printable ASCII without commas"
            )
    text = ",".join(f"{name}={value}" for name, value in labels.items())
    if len(text) > _LABELS_AT_MOST:
        raise ConfigError(f"the labels of a [[files]] of {shown} are longer than 1,024 bytes")
    return text


def _check_key(key: str, known: Collection[str], where: str) -> None:
    if key in known:
        return
    close = difflib.get_close_matches(key, known, 1)
    mend = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"
    raise ConfigError(f"{key!r} in {where} is unknown; {mend}")
