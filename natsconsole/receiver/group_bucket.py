"""What a stream's bucket says of a group of receivers: its keys, and what their entries mean."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b

from natsconsole.domain.group_members import INSTANCE, BadMemberError, GroupMember, read_member
from natsconsole.gateway.key_value import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """The group as last seen."""

    members: dict[str, GroupMember] = field(default_factory=dict)
    """By instance."""
    owners: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Instance and revision, by partition."""
    oddities: tuple[str, ...] = ()


def bucket_of(stream: str) -> str:
    """Return the name of a stream's bucket; a stream may have a name that no bucket can have."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", stream)
    if plain != stream:
        digest = blake2b(stream.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
        plain = f"{plain}-{digest}"
    return f"natsconsole_{plain}"


def view_of(entries: dict[str, Entry], renewed_after: float) -> GroupView:
    """Return what the bucket's entries say; what makes no sense is an oddity, in words.

    ``renewed_after`` is in seconds since the epoch: an entry that is older lives no more.
    """
    members: dict[str, GroupMember] = {}
    owners: dict[int, tuple[str, int]] = {}
    oddities: list[str] = []
    for key, entry in entries.items():
        kind, _, token = key.split(".")
        if kind == "member":
            try:
                members[token] = member_in(entry, token, renewed_after)
            except BadMemberError as error:
                oddities.append(f"ignored {key}, which is no member's entry: {error}")
        elif kind == "owner":
            partition = partition_in(token)
            owner = owner_in(entry)
            if partition is None or not INSTANCE.fullmatch(owner):
                oddities.append(f"ignored {key}, which names no owner of a partition")
            else:
                owners[partition] = (owner, entry.revision)
    return GroupView(members=members, owners=owners, oddities=tuple(sorted(oddities)))


def partition_in(token: str) -> int | None:
    """Return the partition that a part of a key names, or None."""
    return int(token) if re.fullmatch(r"0|[1-9]\d{0,8}", token, re.ASCII) else None


def member_in(entry: Entry, instance: str, renewed_after: float) -> GroupMember:
    """Read a member's entry; one that was put there for good would hold its share for ever."""
    if entry.created < renewed_after:
        raise BadMemberError("nobody renews it")
    return read_member(entry.value, instance)


def is_entry_of(entry: Entry, instance: str) -> bool:
    """Whether an entry is the one of this start of a receiver."""
    try:
        read_member(entry.value, instance)
    except BadMemberError:
        return False
    return True


def owner_in(entry: Entry) -> str:
    """Return the instance that an owner's entry names."""
    return entry.value[:64].decode("ascii", "replace")


def member_key(group: str, instance: str) -> str:
    """Return the key of a receiver's sign of life."""
    return f"member.{group}.{instance}"


def owner_key(group: str, partition: int) -> str:
    """Return the key that says whose a partition is."""
    return f"owner.{group}.{partition}"
