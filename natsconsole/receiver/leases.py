"""What a receiver and its workers need to know of their group: who may write which partition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol


class LeaseLostError(Exception):
    """Something was asked for a partition that this receiver does not hold."""

    def __init__(self, partition: int) -> None:
        super().__init__(f"partition {partition} is not held by this receiver")


class Leases(Protocol):
    """What a receiver and its workers need to know of the group: who may write what.

    A worker's order: take the partition's file lock; ``acquire``; take over consumer and files,
    and ``keep_from`` again what is parked; look at ``is_held`` before each write and before each
    acknowledgement; once ``wanted`` lacks the partition, or at the end, stop, ``release``, and
    only then give the file lock back.
    """

    on_change: Callable[[], None]
    """Called, in the event loop, whenever ``wanted``, ``members`` or what is held may differ."""
    knows_all_needs: bool
    """Whether ``needed`` tells of every receiver. Where it does not, nothing may be purged."""

    @property
    def wanted(self) -> frozenset[int]:
        """The partitions this receiver is to acquire and keep; it releases all others."""
        ...

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the group's receivers that are up, in order, this one among them."""
        ...

    @property
    def problem(self) -> str:
        """What is wrong, in one line of plain words; empty if nothing is. Untrusted text."""
        ...

    def is_held(self, partition: int) -> bool:
        """Whether this receiver may write the partition now. From any thread; asks nobody."""
        ...

    def owner_of(self, partition: int) -> str:
        """The name of whoever holds the partition, as last seen; empty for nobody."""
        ...

    async def run(self) -> None:
        """Keep the leases alive, until ``leave`` or cancelled. Nothing is held without it."""
        ...

    async def acquire(self, partition: int, *, fenced: bool = False) -> bool:
        """Try once to get a partition; False, at once, where another has it or nobody answers.

        Args:
            partition: it need not be wanted.
            fenced: the caller holds the partition's file lock, so that an owner with the same
                directory must be gone, and its place is taken without waiting for expiry.
        """
        ...

    async def release(self, partition: int) -> None:
        """Give a partition up: not held from the call on, free for others when this returns.

        Never raises; what the network refuses is done later.
        """
        ...

    async def keep_from(self, partition: int, sequence: int | None) -> None:
        """Say which stream sequence this group still needs first though its floor is past it.

        None takes that back. To be said *before* the acknowledgement that moves the floor.

        Raises:
            LeaseLostError: the partition is not held.
            ConnectionProblem, ApiError, KeyValueError: it could not be stored, or perhaps was.
        """
        ...

    @property
    def agreed(self) -> bytes:
        """What the group has agreed on, as last seen; empty where it has not. Untrusted."""
        ...

    async def agree(self, value: bytes) -> None:
        """Let the whole group see this as ``agreed``, within about an interval.

        Raises:
            ConnectionProblem, ApiError, KeyValueError: it could not be stored, or perhaps was.
        """
        ...

    async def needed(self) -> dict[tuple[str, int], int]:
        """Return what all groups have said with ``keep_from``, by group and partition.

        Read by a purge *after* the ack floors. Read from the leader, never from memory; what
        cannot be read as a sequence counts as 1, so that nothing is purged.

        Raises:
            ConnectionProblem, ApiError, KeyValueError: it could not be read; do not purge.
        """
        ...

    def drain(self) -> None:
        """Want nothing more. Others see it within about an interval and wait for ``release``."""
        ...

    async def leave(self) -> None:
        """Go: nothing is held from the call on, and others take over at once. Never raises."""
        ...


class StaticPartitions:
    """Partitions by decree, for a server that is too old for membership: always held.

    Nothing keeps two receivers from being given the same partition, and ``needed`` knows of this
    process alone: what others have parked would be purged.
    """

    knows_all_needs = False

    def __init__(self, partitions: Collection[int], *, name: str = "") -> None:
        self.on_change: Callable[[], None] = nothing
        self._partitions = frozenset(partitions)
        self._name = name
        self._draining = False
        self._left = asyncio.Event()
        self._needed: dict[int, int] = {}
        self._agreed = b""

    @property
    def wanted(self) -> frozenset[int]:
        return frozenset() if self._draining else self._partitions

    @property
    def members(self) -> tuple[str, ...]:
        return (self._name,) if self._name else ()

    @property
    def problem(self) -> str:
        return ""

    def is_held(self, partition: int) -> bool:
        return partition in self._partitions and not self._left.is_set()

    def owner_of(self, partition: int) -> str:
        return self._name if self.is_held(partition) else ""

    async def run(self) -> None:
        await self._left.wait()

    async def acquire(self, partition: int, *, fenced: bool = False) -> bool:  # noqa: ARG002
        return self.is_held(partition)

    async def release(self, partition: int) -> None:
        """Do nothing: they stay with whoever was started with them."""

    async def keep_from(self, partition: int, sequence: int | None) -> None:
        if not self.is_held(partition):
            raise LeaseLostError(partition)
        if sequence is None:
            self._needed.pop(partition, None)
        else:
            self._needed[partition] = sequence

    @property
    def agreed(self) -> bytes:
        return self._agreed

    async def agree(self, value: bytes) -> None:
        self._agreed = value

    async def needed(self) -> dict[tuple[str, int], int]:
        return {("", partition): sequence for partition, sequence in self._needed.items()}

    def drain(self) -> None:
        self._draining = True
        self.on_change()

    async def leave(self) -> None:
        self._draining = True
        self._left.set()


def nothing() -> None:
    """Do nothing: what is called where nobody listens."""
