"""The `nats` CLI's contexts: named connections in files, one of them selected.

They lie in ``nats/context/NAME.json`` below ``$XDG_CONFIG_HOME`` or ``~/.config``;
``nats/context.txt`` holds the name of the selected one. We read them and write none.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

LONGEST = 1 << 20
"""Bytes of a file that are read at most."""
_LISTED = 20
_TEXTS = (
    "description",
    "url",
    "user",
    "password",
    "token",
    "creds",
    "nkey",
    "user_jwt",
    "user_seed",
    "cert",
    "key",
    "ca",
    "jetstream_domain",
    "jetstream_api_prefix",
    "jetstream_event_prefix",
    "inbox_prefix",
)
_PATHS = ("creds", "nkey", "cert", "key", "ca")
_SECRETS = ("password", "token", "user_jwt", "user_seed")
_NOT_SERVED = {
    "nsc": "looks its login up with nsc",
    "socks_proxy": "goes through a SOCKS proxy",
    "windows_cert_store": "takes its certificate from a Windows store",
}
"""Keys that nothing may be connected without."""
_SCHEME = re.compile(r"(file|env|op|nsc|data):")


class ContextError(ValueError):
    """A context cannot be used. The text is one line with the mend, without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NatsContext:
    """One context, as its file says; what the file leaves out is empty."""

    name: str
    description: str = ""
    url: str = ""
    """One server, or several with commas between; may hold user information."""
    user: str = ""
    password: str = ""
    token: str = ""
    creds: str = ""
    """A file's path, as the other four; ``~`` and variables are expanded."""
    nkey: str = ""
    cert: str = ""
    key: str = ""
    ca: str = ""
    user_jwt: str = ""
    user_seed: str = ""
    tls_first: bool = False
    jetstream_domain: str = ""
    jetstream_api_prefix: str = ""
    jetstream_event_prefix: str = ""
    inbox_prefix: str = ""
    not_served: tuple[str, ...] = ()
    """What it asks for and we cannot do, in words."""

    def __repr__(self) -> str:
        """Show no secret."""
        return f"NatsContext({self.name!r})"


def parse_context(name: str, content: bytes, environment: Mapping[str, str]) -> NatsContext:
    """Read a context file's content.

    Args:
        name: the context's.
        content: JSON.
        environment: what variables in its paths stand for; HOME for ``~``.

    Raises:
        ContextError: it is not JSON, or a key holds what it cannot hold.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        # The parser's words name a place, never what stands there.
        raise ContextError(f"context {name!r} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ContextError(f"context {name!r} is not a JSON object")
    fields: dict[str, Any] = {}
    for key in _TEXTS:
        value = found.get(key)
        if value is None:
            continue
        if not isinstance(value, str):
            raise ContextError(f"context {name!r}: {key} must be a text")
        if key in _PATHS:
            value = _path(name, key, value, environment)
        elif key in _SECRETS:
            value = _secret(name, key, value, environment)
        fields[key] = value
    tls_first = found.get("tls_first", False)
    if not isinstance(tls_first, bool):
        raise ContextError(f"context {name!r}: tls_first must be true or false")
    not_served = tuple(words for key, words in _NOT_SERVED.items() if found.get(key))
    return NatsContext(name=name, tls_first=tls_first, not_served=not_served, **fields)


def _path(name: str, key: str, value: str, environment: Mapping[str, str]) -> str:
    scheme = _SCHEME.match(value)
    if scheme is not None and scheme[1] != "file":
        raise ContextError(
            f"context {name!r}: {key} is a {scheme[1]}: reference, and only files can be read; "
            f"write it to a file and name that"
        )
    path = re.sub(
        r"\$(\w+|\{\w+\})",
        lambda found: environment.get(found[1].strip("{}"), ""),
        value.removeprefix("file://"),
    )
    return path.replace("~", environment.get("HOME", "~"), 1) if path.startswith("~") else path


def _secret(name: str, key: str, value: str, environment: Mapping[str, str]) -> str:
    """A secret may be a reference instead of the secret itself."""
    if value.startswith("env://"):
        variable = value.removeprefix("env://")
        if variable not in environment:
            raise ContextError(f"context {name!r}: {key} is in the variable {variable!r}: set it")
        return environment[variable].rstrip("\r\n")
    for scheme in ("op://", "nsc://", "data:", "file://"):
        if value.startswith(scheme):
            raise ContextError(
                f"context {name!r}: {key} is a {scheme} reference, which is not looked up here; "
                f"put it into a variable and write env://VARIABLE"
            )
    return value


class ContextFiles:
    """Where the contexts are."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Take the place from these variables, by default the process's own."""
        self._environment = os.environ if environment is None else environment
        parent = self._environment.get("XDG_CONFIG_HOME")
        self._nats = (Path(parent) if parent else Path.home() / ".config") / "nats"

    @property
    def directory(self) -> Path:
        """The directory of the context files."""
        return self._nats / "context"

    def names(self) -> tuple[str, ...]:
        """Return the names of all contexts; none where there is no directory to read."""
        try:
            found = [one for one in self.directory.iterdir() if one.suffix == ".json"]
            return tuple(sorted(one.stem for one in found if one.is_file() and _is_name(one.stem)))
        except OSError:
            return ()

    def selected(self) -> str:
        """Return the name of the selected context, empty where none is."""
        try:
            return (self._nats / "context.txt").read_text(errors="replace").strip()
        except OSError:
            return ""

    def read(self, name: str) -> NatsContext:
        """Return a context.

        Raises:
            ContextError: there is none of that name, or its file cannot be read or used.
        """
        if not _is_name(name):
            raise ContextError(f"{name!r} cannot be a context's name: it names a path")
        path = self.directory / f"{name}.json"
        try:
            with path.open("rb") as file:
                content = file.read(LONGEST)
        except (FileNotFoundError, NotADirectoryError):
            raise ContextError(self._unknown(name)) from None
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or "its name cannot be one").lower()
            raise ContextError(f"context {name!r} cannot be read from {path}: {reason}") from None
        return parse_context(name, content, {"HOME": str(Path.home())} | dict(self._environment))

    def _unknown(self, name: str) -> str:
        known = self.names()
        if not known:
            return (
                f"there is no context {name!r}, and none at all in {self.directory}; "
                "`nats context add` makes one"
            )
        near = get_close_matches(name, known, 1)
        if near:
            return f"there is no context {name!r}; did you mean {near[0]!r}? {_listed(known)}"
        return f"there is no context {name!r}; {_listed(known)}"


def _listed(known: tuple[str, ...]) -> str:
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    shown = (name if name.isprintable() else repr(name) for name in known[:_LISTED])
    return f"there are {', '.join(shown)}{more}"


def _is_name(name: str) -> bool:
    return bool(name) and ".." not in name and "/" not in name and "\x00" not in name
