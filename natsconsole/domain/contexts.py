"""The connections a user can choose among, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

ContextColour = Literal["red", "yellow", "green", "blue", "magenta", "cyan"]
CONTEXT_COLOURS: tuple[ContextColour, ...] = get_args(ContextColour)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextSettings:
    """What a user has said of one context in the settings file."""

    read_only: bool = False
    """Whether every change is refused there."""
    production: bool = False
    """Whether a mistake there is an incident: it is shown, and changes ask for the name typed."""
    colour: ContextColour | None = None
    """What its name is shown in; never the only sign of anything."""
    stream: str = ""
    """The stream to open, where none is named."""
    subject: str = ""
    """The host pattern, where none is given; see ``shipper.wire.HostPattern``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One context of the `nats` CLI. Its texts come from files: untrusted, and without secrets."""

    name: str
    description: str = ""
    address: str = ""
    """``host:port,...``, never with user information."""
    login: str = ""
    """What it logs in with, in words, such as ``user 'x'``; empty for nothing."""
    domain: str = ""
    """Its JetStream domain."""
    is_selected: bool = False
    """Whether it is the one that the `nats` CLI takes unless told otherwise."""
    problem: str = ""
    """Why it cannot be used, in one line; empty where it can."""
    settings: ContextSettings = field(default=ContextSettings())

    @property
    def is_production(self) -> bool:
        """Whether a mistake here is an incident."""
        return self.settings.production


NO_CONTEXT = Context(name="")


def why_read_only(context: Context) -> str:
    """Return in one line who made a console read-only."""
    if context.settings.read_only:
        return f"read-only: your settings file says so of context {context.name!r}"
    return "read-only: this console changes nothing; start it without --read-only"
