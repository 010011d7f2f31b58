"""Reading what people type where a purge or new settings are asked for. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from natsconsole.domain.actions import EDITABLE, Change, settings_of, written_setting
from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.terminal_text import is_printable
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.page.numbers import read_count, read_seconds, read_times


class BadRequestError(GatewayError):
    """What was typed cannot be used. The text is one line for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What is to be removed."""

    subject: str = ""
    below: int = 0
    keep: int = 0


def read_purge(typed: str) -> Purge:
    """Read ``all``, ``below 1200``, ``keep 10``, ``subject orders.eu.>``, or two of these.

    Raises:
        BadRequestError: it is none of these.
    """
    words = typed.replace("#", " ").split()
    if words == ["all"]:
        return Purge()
    if not words or len(words) % 2:
        raise BadRequestError("write: all, below 1200, keep 10, subject orders.eu.> [keep 10]")
    found: dict[str, str] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name not in {"subject", "below", "keep"} or name in found:
            raise BadRequestError(f"{name!r} is not understood: write all, below, keep or subject")
        found[name] = value
    numbers = {}
    for name in ("below", "keep"):
        number = found.get(name, "0").replace(",", "")
        if not number.isascii() or not number.isdigit() or (name in found and not int(number)):
            raise BadRequestError(f"{name} {found[name]}: that is no number above 0")
        numbers[name] = int(number)
    if numbers["below"] and numbers["keep"]:
        raise BadRequestError("below and keep exclude each other: choose one")
    return Purge(subject=found.get("subject", ""), **numbers)


def written_settings(consumer: ConsumerState) -> str:
    """Return the settings that may be edited, as they are typed.

    One that a terminal would act upon, such as a description, is left out, and so stays as it is.
    """
    return " ".join(
        f"{name}={shlex.quote(written)}"
        for name, value in settings_of(consumer).items()
        if is_printable(written := written_setting(value))
    )


def edited(consumer: ConsumerState, typed: str) -> dict[str, Change]:
    """Return the settings that were changed.

    Raises:
        BadRequestError: one cannot be used.
    """
    try:
        words = shlex.split(typed)
    except ValueError as error:
        raise BadRequestError(f"quotes do not match: {error}") from None
    before = settings_of(consumer)
    changes: dict[str, Change] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign or name not in EDITABLE:
            raise BadRequestError(f"{word!r}: write name=value; names are {', '.join(EDITABLE)}")
        value = _read(name, text, before[name])
        if value != before[name]:
            changes[name] = value
    return changes


def _read(name: str, text: str, before: Change) -> Change:
    if text == written_setting(before):
        return before
    value: Change | None
    match name:
        case "description":
            return "" if text == "none" else text
        case "max_ack_pending" | "max_deliver":
            value = read_count(text)
        case "backoff":
            value = read_times(text)
        case _:
            value = 0.0 if text == "none" and name != "ack_wait" else read_seconds(text)
    if value is None:
        raise BadRequestError(f"{name}={text}: that cannot be used")
    return value
