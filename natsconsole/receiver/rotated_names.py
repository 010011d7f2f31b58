"""Names of rotated files: ``<log>.<UTC stamp>``, ``.<n>`` where taken, ``.gz`` once compressed.

Which file of an archive may ever be compressed or deleted is decided here and by name alone, so no
active file may have such a name: ``file_names`` encodes a log's name that looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import NamedTuple

COMPRESSED = ".gz"
_STAMP = "%Y%m%dT%H%M%SZ"
_ROTATED = re.compile(
    r"([A-Za-z0-9_%~-][A-Za-z0-9._%~-]*)"
    r"\.([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z"
    r"(?:\.([1-9][0-9]{0,8}))?"
    r"(\.gz)?"
)
_PACKED = (COMPRESSED, ".bz2", ".xz", ".zst", ".lz4", ".Z")
_PARTIAL = re.compile(rf"\.(?P<name>.+){re.escape(COMPRESSED)}\.part")


class RotatedName(NamedTuple):
    """What the name of a rotated file says. Names of one log sort in the order of their lines."""

    log: str
    """File name of the log it was rotated from."""
    stamp: float
    """When it was rotated, seconds since the epoch."""
    number: int
    """Counts files of one log and stamp, from 0."""
    is_compressed: bool


def read_rotated(file_name: str) -> RotatedName | None:
    """Return what a rotated file's name says, or None where it is the name of anything else."""
    found = _ROTATED.fullmatch(file_name)
    if found is None:
        return None
    log, year, month, day, hour, minute, second, number, compressed = found.groups()
    try:
        stamp = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
    except ValueError:
        return None
    return RotatedName(
        log=log, stamp=stamp.timestamp(), number=int(number or 0), is_compressed=bool(compressed)
    )


def free_rotated_name(log: str, now: float, is_taken: Callable[[str], bool]) -> str:
    """Return the name under which a log's file is rotated away.

    ``is_taken`` says whether there is a file of that name beside the log. A name is also taken
    while its compressed file is there: the lines of two files never share a name.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime(_STAMP)
    name = f"{log}.{stamp}"
    number = 0
    while is_taken(name) or is_taken(name + COMPRESSED):
        number += 1
        name = f"{log}.{stamp}.{number}"
    return name


def next_rotated_name(log: str, now: float, names: Collection[str]) -> str:
    """Return the name under which a log's file is rotated away next to files of these names.

    It sorts behind all of the log's rotated files, also where the clock has been set back since.
    """
    rotated = (found for found in map(read_rotated, names) if found and found.log == log)
    latest = max(rotated, default=None)
    if latest is None or int(now) > latest.stamp:
        return free_rotated_name(log, now, names.__contains__)
    stamp = datetime.fromtimestamp(latest.stamp, UTC).strftime(_STAMP)
    return f"{log}.{stamp}.{latest.number + 1}"


def is_renamed(file_name: str, log: str) -> bool:
    """Whether a log's file may have this name once we or a logrotate renamed it: uncompressed."""
    if file_name.endswith(_PACKED):
        return False
    stem, dot, extension = log.rpartition(".")
    if file_name.startswith(f"{stem}-") and file_name.endswith(dot + extension):
        middle = file_name[len(stem) + 1 : -len(dot + extension) or None]
        return middle.replace("-", "").isdigit()
    return file_name.startswith((f"{log}.", f"{log}-"))


def partial_name(file_name: str) -> str:
    """Return the name of a rotated file's compressed form while that is being written.

    No host's log has such a name, for those never begin with a dot.
    """
    return f".{file_name}{COMPRESSED}.part"


def is_partial(file_name: str) -> bool:
    """Whether a file is a compressed form that was never finished."""
    found = _PARTIAL.fullmatch(file_name)
    return found is not None and read_rotated(found["name"]) is not None
