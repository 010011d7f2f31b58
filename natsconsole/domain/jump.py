"""Where in a log a person wants to go, as they type it: ``12:30``, ``-5m``, a date, ``#18204``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

EXAMPLES = "12:30   -5m   2026-11-24 12:30   #18204"
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)?(Z?)", re.IGNORECASE)
_AGO = re.compile(r"-?\s*(\d+(?:\.\d+)?)\s*([smhd])(?:\s*ago)?", re.IGNORECASE)
_SEQUENCE = re.compile(r"#\s*(\d[\d,_]{0,25})")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LAST_SEQUENCE = 2**63 - 1


class NotAPlaceError(ValueError):
    """What was typed names no time and no sequence. The text is one line for the user."""


@dataclass(frozen=True, slots=True)
class At:
    """The first line stored at or after this, in seconds since the epoch."""

    moment: float


@dataclass(frozen=True, slots=True)
class Sequence:
    """The first line at or behind this stream sequence."""

    number: int


def parse_jump(text: str, now: float, zone: tzinfo | None = None) -> At | Sequence:
    """Read what was typed; a time without a date is the latest such time that has been.

    ``zone`` is where times without one are meant; None is this machine's.

    Raises:
        NotAPlaceError: it is none of these.
    """
    text = text.strip()
    if found := _SEQUENCE.fullmatch(text):
        number = int(found[1].replace(",", "").replace("_", ""))
        if number > _LAST_SEQUENCE:
            raise NotAPlaceError(f"{text[:24]} is beyond any stream sequence")
        return Sequence(max(1, number))
    if found := _AGO.fullmatch(text):
        return At(max(0.0, now - float(found[1]) * _UNITS[found[2].lower()]))
    try:
        if found := _CLOCK.fullmatch(text):
            return At(_latest(found, now, zone))
        return At(_dated(text, zone))
    except (ValueError, OverflowError, OSError):
        raise NotAPlaceError(f"{text[:40]!r} is no time and no sequence; try  {EXAMPLES}") from None


def _latest(clock: re.Match[str], now: float, zone: tzinfo | None) -> float:
    hour, minute, second, fraction, utc = clock.groups()
    here = _local(now, zone)
    if utc:
        here = datetime.fromtimestamp(now, UTC)
    moment = here.replace(
        hour=int(hour),
        minute=int(minute),
        second=int(second or 0),
        microsecond=int((fraction or "0").ljust(6, "0")),
    )
    if moment.timestamp() > now:
        moment -= timedelta(days=1)
    return moment.timestamp()


def _dated(text: str, zone: tzinfo | None) -> float:
    moment = datetime.fromisoformat(text.replace(",", "."))
    if moment.tzinfo is None and zone is not None:
        moment = moment.replace(tzinfo=zone)
    return moment.timestamp()


def _local(now: float, zone: tzinfo | None) -> datetime:
    return (
        datetime.fromtimestamp(now).astimezone()
        if zone is None
        else datetime.fromtimestamp(now, zone)
    )
