"""The members of a receiver group, as each of them describes itself in the group's bucket."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable
from typing import Annotated

import msgspec

from natsconsole.domain.assignment import assign

MAX_MEMBER_BYTES = 16 << 10
INSTANCE = re.compile(r"[0-9a-f]{16}")
"""One life of one process: never used again."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class BadMemberError(ValueError):
    """An entry that no receiver of ours has written. The text says what is wrong with it."""


class GroupMember(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One receiver of a group. Written by others: its texts are untrusted."""

    name: _Name
    instance: str
    directory_id: str = ""
    """Which directory it writes to; equal for receivers that share one on one machine."""
    host: str = ""
    pid: int = 0
    started: float = 0.0
    """When this life began, in seconds since the epoch by its own clock."""
    partitions: tuple[int, ...] = ()
    """What it held at its last renewal."""
    draining: bool = False
    """Whether it is giving up what it holds and wants nothing more."""
    static: tuple[int, ...] | None = None
    """The partitions it was told to take, None for its share of what others leave."""


def read_member(value: bytes, instance: str) -> GroupMember:
    """Read the entry of an instance.

    Raises:
        BadMemberError: it is none.
    """
    if len(value) > MAX_MEMBER_BYTES:
        raise BadMemberError(f"{len(value):,} bytes")
    try:
        member = msgspec.json.decode(value, type=GroupMember)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadMemberError("not what a receiver writes") from None
    if member.instance != instance or not INSTANCE.fullmatch(instance):
        raise BadMemberError("not named by its instance")
    return member


def share_out(partitions: Collection[int], members: Iterable[GroupMember]) -> dict[int, str]:
    """Return which member, by name, is to have each partition.

    Who is draining gets nothing; who was told what to take is left alone with it.
    """
    active = [member for member in members if not member.draining]
    told = {partition for member in active for partition in member.static or ()}
    free = [partition for partition in partitions if partition not in told]
    names = frozenset(member.name for member in active if member.static is None)
    return dict(_assigned(tuple(free), names))


@functools.lru_cache(maxsize=4)
def _assigned(partitions: tuple[int, ...], names: frozenset[str]) -> dict[int, str]:
    return assign(partitions, names)
