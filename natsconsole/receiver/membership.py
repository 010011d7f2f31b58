"""Shares a stream's partitions out among the receivers of a group that are up.

Each receiver keeps an entry in a bucket of the stream, which expires unless it is renewed, and
each partition has an owner there, written by compare-and-set. Owning is a lease: it holds only
until the clock of the owner itself says that its entry may have expired. So a process that was
frozen knows at its first look that it owns nothing, before it hears of anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import re
import secrets
import time
from collections.abc import Callable, Collection, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from natsconsole.domain.group_members import (
    INSTANCE,
    BadMemberError,
    GroupMember,
    share_out,
)
from natsconsole.gateway.jetstream import ApiError, JetStream
from natsconsole.gateway.key_value import (
    Entry,
    KeyValue,
    KeyValueError,
    NoBucketError,
    NoTtlError,
    RevisionError,
)
from natsconsole.receiver.group_bucket import (
    GroupView,
    bucket_of,
    is_entry_of,
    member_in,
    member_key,
    owner_in,
    owner_key,
    partition_in,
    view_of,
)
from natsconsole.receiver.leases import LeaseLostError, nothing
from shipper.connection import Connection, ConnectionProblem

log = logging.getLogger(__name__)

TTL = 5
"""Whole seconds after which the entry of a receiver that says nothing is gone."""
INTERVAL = 1.0
"""Seconds between two renewals, and between two looks at the group."""

_MARGIN = 0.1
"""Share of the time to live that is left unused: two machines' clocks do not run alike."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TROUBLES = (ApiError, ConnectionProblem, KeyValueError, msgspec.DecodeError)


class MembershipError(Exception):
    """A receiver cannot be a member of its group. The text is one line with the mend."""


@dataclass(slots=True, kw_only=True)
class _Life:
    """One stretch of unbroken membership."""

    instance: str
    revision: int
    deadline: float
    """When, by the clock, the entry may have expired."""
    started: float = field(default_factory=time.time)
    owned: dict[int, int] = field(default_factory=dict)
    """The revision of each partition's owner key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Which receiver this is, in which group."""

    stream: str
    """The log stream, which names the bucket."""
    group: str
    """The receivers that share one copy of the stream."""
    name: str
    """The same after a restart, so that it gets the same partitions."""
    partitions: Collection[int]
    """All partitions of the stream."""
    directory_id: str = ""
    """See ``directory_identity``; empty for a directory that is shared with nobody."""
    static: frozenset[int] | None = None
    """The partitions to take, whatever others do; None takes a fair share."""


class Membership:
    """One receiver's place in its group on one stream. See ``Leases`` for its methods.

    Give it a connection that carries no load: a late renewal costs everything that is held.
    An operator who deletes the bucket costs all members a pause of ``ttl`` seconds; a receiver
    that is started within it cannot know of the leases that were there.

    Args:
        connection: from which the server's version is known once it is open.
        jetstream: of the same connection.
        seat: who this is.
        replicas: of the bucket, where it has to be made: as many as the stream has.
        ttl: whole seconds, at least 1, for which an entry lives without a renewal.
        interval: seconds between renewals and looks: a fifth of ``ttl``, or less.
        clock: seconds that go on while the machine sleeps.

    Raises:
        MembershipError: the group has a name that cannot stand in a key.
    """

    knows_all_needs = True

    def __init__(
        self,
        connection: Connection,
        jetstream: JetStream,
        seat: Seat,
        *,
        replicas: int = 1,
        ttl: int = TTL,
        interval: float = INTERVAL,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not _TOKEN.fullmatch(seat.group):
            raise MembershipError(
                f"{seat.group!r} cannot name a group: use 1 to 64 letters, digits, '-' and '_'"
            )
        self.on_change: Callable[[], None] = nothing
        self.bucket = bucket_of(seat.stream)
        self._connection = connection
        self._seat = seat
        self._group = seat.group
        self._name = seat.name
        self._replicas = replicas
        self._ttl = ttl
        self._interval = interval
        self._clock = clock or _clock
        # Twice in a life there must be time for an answer that does not come.
        self._entries = KeyValue(connection, jetstream, self.bucket, timeout=max(0.5, ttl / 3))
        self._life: _Life | None = None
        self._former: set[str] = set()
        self._view = GroupView()
        self._wanted: frozenset[int] = seat.static or frozenset()
        self._members: tuple[str, ...] = ()
        self._agreed = b""
        self._agreed_revision = 0
        self._draining = False
        self._left = False
        self._bucket_created = ""
        self._not_before = 0.0
        self._server_time = 0.0
        """When the newest entry of the last look was written, by the server's clock."""
        self._busy: set[int] = set()
        """Partitions of which a write of ours is under way."""
        self._lost = ""
        self._renewal_trouble = ""
        self._look_trouble = ""
        self._nudges = (asyncio.Event(), asyncio.Event())

    @property
    def wanted(self) -> frozenset[int]:
        return frozenset() if self._draining else self._wanted

    @property
    def members(self) -> tuple[str, ...]:
        return self._members

    @property
    def instance(self) -> str:
        """Of the present life; empty between two."""
        life = self._life
        return life.instance if life is not None else ""

    @property
    def problem(self) -> str:
        return (
            self._renewal_trouble
            or self._lost
            or self._waits_for_earlier_leases()
            or self._look_trouble
            or (self._view.oddities[0] if self._view.oddities else "")
        )

    def is_held(self, partition: int) -> bool:
        life = self._life
        return life is not None and partition in life.owned and self._clock() < life.deadline

    def owner_of(self, partition: int) -> str:
        if self.is_held(partition):
            return self._name
        instance, _ = self._view.owners.get(partition, ("", 0))
        member = self._view.members.get(instance)
        return member.name if member is not None else ""

    async def join(self) -> None:
        """Become a member and look at the group once; ``run`` does it too, and never gives up.

        Raises:
            MembershipError: this server or account cannot do it.
            ConnectionProblem: no connection.
        """
        try:
            await self._begin_life()
            await self._look()
        except ApiError as error:
            raise MembershipError(
                f"cannot use the bucket {self.bucket!r} of group {self._group!r}: {error}; "
                "allow it, or give this receiver its partitions with --partitions"
            ) from error
        except KeyValueError as error:
            raise MembershipError(str(error)) from error

    async def run(self) -> None:
        """Renew and look until ``leave``.

        Raises:
            MembershipError: the server is too old, also one that we are connected to later.
        """
        tasks = [
            asyncio.create_task(self._repeat(self._renew_once, self._nudges[0])),
            asyncio.create_task(self._repeat(self._look_once, self._nudges[1])),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def acquire(self, partition: int, *, fenced: bool = False) -> bool:
        life = self._life
        if life is None or self._clock() >= life.deadline or partition in self._busy:
            return False
        if partition in life.owned:
            return True
        if self._clock() < self._not_before:
            return False
        with self._writing(partition):
            try:
                revision = await self._take(life, partition, fenced=fenced)
            except RevisionError:
                return False
            except _TROUBLES as error:
                log.info("partition %s: cannot acquire it: %s", partition, error)
                return False
            if revision is None or life is not self._life or self._clock() >= life.deadline:
                return False
            life.owned[partition] = revision
            return True

    async def release(self, partition: int) -> None:
        life = self._life
        if life is None or partition not in life.owned:
            return
        revision = life.owned.pop(partition)
        with self._writing(partition):
            await self._give_back(partition, revision)

    async def keep_from(self, partition: int, sequence: int | None) -> None:
        if not self.is_held(partition):
            raise LeaseLostError(partition)
        key = f"needed.{self._group}.{partition}"
        if sequence is None:
            await self._entries.delete(key)
        else:
            await self._entries.put(key, str(sequence).encode())

    @property
    def agreed(self) -> bytes:
        return self._agreed

    async def agree(self, value: bytes) -> None:
        self._agreed_revision = await self._entries.put(f"agreed.{self._group}.orders", value)
        self._agreed = value

    async def needed(self) -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        for key, entry in (await self._entries.entries("needed.*.*", from_leader=True)).items():
            _, group, token = key.split(".")
            partition = partition_in(token)
            if partition is None:
                continue
            sequence = int(entry.value) if re.fullmatch(rb"[1-9]\d{0,18}", entry.value) else 1
            found[group, partition] = sequence
        return found

    def drain(self) -> None:
        self._draining = True
        self._nudge()
        self.on_change()

    async def leave(self) -> None:
        self._draining = self._left = True
        life, self._life = self._life, None
        self._nudge()
        if life is None:
            return
        with contextlib.suppress(*_TROUBLES):
            await self._entries.delete(member_key(self._group, life.instance))
        await asyncio.gather(
            *(self._give_back(partition, revision) for partition, revision in life.owned.items())
        )

    def _waits_for_earlier_leases(self) -> str:
        if self._clock() >= self._not_before:
            return ""
        return f"the bucket {self.bucket!r} was re-created: waiting until earlier leases have ended"

    # Staying a member.

    async def _renew_once(self) -> None:
        try:
            await self._renew()
            self._renewal_trouble = ""
        except NoTtlError as error:
            raise _too_old(error) from error
        except _TROUBLES as error:
            self._renewal_trouble = f"cannot renew the leases of partitions: {error}"
        life = self._life
        if life is not None and self._clock() >= life.deadline:
            self._end_life(life, f"no renewal got through within {self._ttl} s")

    async def _renew(self) -> None:
        life = self._life
        if life is None or self._clock() >= life.deadline:
            if life is not None:
                self._end_life(life, f"nothing was renewed for {self._ttl} s")
            await self._begin_life()
            return
        key = member_key(self._group, life.instance)
        sent = self._clock()
        try:
            revision = await self._entries.update(key, self._entry(life), life.revision, self._ttl)
        except NoBucketError:
            if await self._entries.created() == self._bucket_created:
                raise
            self._end_life(life, f"the bucket {self.bucket!r} is gone")
            await self._begin_life()
            return
        except RevisionError:
            # An earlier renewal may have been stored though its answer was lost.
            found = await self._entries.get(key)
            if found is None or not is_entry_of(found, life.instance):
                self._end_life(life, "its entry has expired or was overwritten")
                await self._begin_life()
                return
            life.revision = found.revision
            self._nudges[0].set()
            return
        if life is self._life and self._clock() < life.deadline:
            life.revision = revision
            life.deadline = sent + self._ttl * (1 - _MARGIN)
            self._lost = ""

    async def _begin_life(self) -> None:
        if self._left or self._life is not None:
            return
        await self._connection.wait_connected(self._interval)
        try:
            info = await self._entries.ensure(replicas=self._replicas)
        except NoTtlError as error:
            raise _too_old(error) from error
        if self._bucket_created not in {"", info.created}:
            # Leases of the bucket before are not in this one: let all of them expire.
            self._not_before = self._clock() + self._ttl
            self._agreed_revision = 0
            log.warning("the bucket %s was re-created; waiting %s s", self.bucket, self._ttl)
        self._bucket_created = info.created
        life = _Life(instance=secrets.token_hex(8), revision=0, deadline=0.0)
        key = member_key(self._group, life.instance)
        sent = self._clock()
        life.revision = await self._entries.create(key, self._entry(life), self._ttl)
        life.deadline = sent + self._ttl * (1 - _MARGIN)
        if self._left:
            await self._entries.delete(key)
            return
        self._life = life
        self._lost = ""
        log.info("%s is a member of group %s, as %s", self._name, self._group, life.instance)
        self._nudges[1].set()

    def _end_life(self, life: _Life, why: str) -> None:
        if life is not self._life:
            return
        self._life = None
        self._former.add(life.instance)
        self._lost = f"lost its place in group {self._group}: {why}"
        log.warning("%s %s; partitions held until then: %s", self._name, self._lost,
                    sorted(life.owned))  # fmt: skip
        self._changed()

    def _entry(self, life: _Life) -> bytes:
        return msgspec.json.encode(self._self(life))

    def _self(self, life: _Life) -> GroupMember:
        return GroupMember(
            name=self._name,
            instance=life.instance,
            directory_id=self._seat.directory_id,
            host=platform.node(),
            pid=os.getpid(),
            started=life.started,
            partitions=tuple(sorted(life.owned)),
            draining=self._draining,
            static=None if self._seat.static is None else tuple(sorted(self._seat.static)),
        )

    # Looking at the others.

    async def _look_once(self) -> None:
        try:
            await self._look()
            self._look_trouble = ""
        except _TROUBLES as error:
            self._look_trouble = f"cannot see group {self._group}: {error}"

    async def _look(self) -> None:
        life = self._life
        if life is None:
            return
        held = dict(life.owned)
        entries = await self._entries.entries(f"*.{self._group}.*")
        self._see_agreed(entries.get(f"agreed.{self._group}.orders"))
        self._server_time = max((entry.created for entry in entries.values()), default=0.0)
        view = view_of(entries, self._server_time - 2 * self._ttl)
        for instance in self._view.members.keys() - view.members.keys():
            # Not to see a member once, on some replica, is no proof.
            member = await self._member(instance)
            if member is not None:
                view.members[instance] = member
        if life is not self._life:
            return
        for oddity in sorted(set(view.oddities) - set(self._view.oddities)):
            log.warning("%s", oddity)
        self._view = view
        self._share_out(life)
        await self._check_owned(life, held)
        await self._give_back_strays(life)

    def _see_agreed(self, entry: Entry | None) -> None:
        """Take the group's agreement, but nothing older than what we have seen or said."""
        if entry is not None and entry.revision > self._agreed_revision:
            self._agreed, self._agreed_revision = entry.value, entry.revision
            self._changed()

    def _share_out(self, life: _Life) -> None:
        others = {
            instance: member
            for instance, member in self._view.members.items()
            if instance not in self._former and instance != life.instance
        }
        group = [self._self(life), *others.values()]
        members = tuple(sorted({member.name for member in group}))
        wanted = self._seat.static
        if wanted is None:
            shares = share_out(self._seat.partitions, group)
            wanted = frozenset(key for key, name in shares.items() if name == self._name)
        if (members, wanted) != (self._members, self._wanted):
            self._members, self._wanted = members, wanted
            self._changed()

    async def _check_owned(self, life: _Life, held: dict[int, int]) -> None:
        """Notice partitions that somebody took, or whose owner key was deleted, under us."""
        for partition, revision in held.items():
            owner, _ = self._view.owners.get(partition, ("", 0))
            if owner == life.instance or life.owned.get(partition) != revision:
                continue
            found = await self._entries.get(owner_key(self._group, partition))
            if found is not None and found.revision == revision:
                continue
            if life.owned.get(partition) == revision:
                del life.owned[partition]
                log.warning("partition %s was taken from %s", partition, self._name)
                self._changed()

    async def _give_back_strays(self, life: _Life) -> None:
        """Free what is ours by the bucket but not by us: an answer was lost on its way."""
        for partition, (owner, revision) in self._view.owners.items():
            if owner != life.instance or partition in life.owned or partition in self._busy:
                continue
            with self._writing(partition):
                await self._give_back(partition, revision)

    async def _member(self, instance: str) -> GroupMember | None:
        entry = await self._entries.get(member_key(self._group, instance))
        if entry is None:
            return None
        try:
            return member_in(entry, instance, self._server_time - 2 * self._ttl)
        except BadMemberError:
            return None

    # Owning.

    async def _take(self, life: _Life, partition: int, *, fenced: bool) -> int | None:
        key, value = owner_key(self._group, partition), life.instance.encode()
        entry = await self._entries.get(key)
        if entry is None:
            revision = await self._entries.create(key, value)
        else:
            owner = owner_in(entry)
            if owner != life.instance and not await self._is_gone(owner, fenced=fenced):
                return None
            # Ours by a lost answer is written again, too: a belated deletion must not hit it.
            revision = await self._entries.update(key, value, entry.revision)
        # A bucket that was re-created meanwhile holds no entry of this life.
        own = await self._entries.get(member_key(self._group, life.instance))
        return revision if own is not None and is_entry_of(own, life.instance) else None

    async def _is_gone(self, instance: str, *, fenced: bool) -> bool:
        if instance in self._former or not INSTANCE.fullmatch(instance):
            return True
        member = await self._member(instance)
        if member is None:
            return True
        return fenced and member.directory_id == self._seat.directory_id != ""

    async def _give_back(self, partition: int, revision: int) -> None:
        try:
            await self._entries.delete(owner_key(self._group, partition), revision)
        except RevisionError:
            pass  # another has taken it already
        except _TROUBLES as error:
            log.info("partition %s: will be given back later: %s", partition, error)

    @contextlib.contextmanager
    def _writing(self, partition: int) -> Iterator[None]:
        self._busy.add(partition)
        try:
            yield
        finally:
            self._busy.discard(partition)

    # Time.

    async def _repeat(
        self, act: Callable[[], Coroutine[Any, Any, None]], nudge: asyncio.Event
    ) -> None:
        while not self._left:
            nudge.clear()
            began = time.monotonic()
            await act()
            rest = self._interval - (time.monotonic() - began)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(nudge.wait(), max(0.05, rest))

    def _nudge(self) -> None:
        for nudge in self._nudges:
            nudge.set()

    def _changed(self) -> None:
        try:
            self.on_change()
        except Exception:
            log.exception("a listener to membership failed")


def _too_old(error: NoTtlError) -> MembershipError:
    return MembershipError(f"{error}; give this receiver its partitions with --partitions")


def _clock() -> float:
    """Seconds that go on while the machine sleeps, which monotonic() does not on every system."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
