"""Receivers of a group share partitions out, on a real server, with short times."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.key_value import Entry, KeyValue, NoBucketError
from natsconsole.receiver.directory_identity import directory_identity
from natsconsole.receiver.group_bucket import bucket_of
from natsconsole.receiver.leases import LeaseLostError, Leases, StaticPartitions
from natsconsole.receiver.membership import Membership, MembershipError, Seat
from shipper.connection import Connection, ConnectionOptions
from tests.support.fake_nats import FakeNats
from tests.support.nats_server import NatsServer
from tests.support.patience import patient_options
from tests.support.processes import is_stopped
from tests.support.programs import Program
from tests.support.waiting import until

TTL, INTERVAL = 2, 0.2
PATIENT_TTL = 20
"""For members that must not lose their places though a busy machine stops this process."""


@dataclass
class Hold:
    """A time in which a receiver saw, again and again, that it holds a partition."""

    partition: int
    who: str
    since: float
    until: float
    """When it last saw so, and might have written."""


class Member:
    """A receiver without files: acquires what is wanted, releases what is not."""

    def __init__(self, membership: Membership, name: str, holds: list[Hold]) -> None:
        self.membership = membership
        self.name = name
        self.changes = 0
        self._holds = holds
        self._mine: dict[int, Hold] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        membership.on_change = self._count

    def _count(self) -> None:
        self.changes += 1

    @property
    def held(self) -> set[int]:
        return {partition for partition in self._mine if self.membership.is_held(partition)}

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self.membership.run())]
        self._tasks.append(asyncio.create_task(self._work()))

    async def kill(self) -> None:
        """End without a word."""
        await self._stop()
        self._mine.clear()

    async def leave(self) -> None:
        self.membership.drain()
        await until(lambda: not self._mine)
        await self.membership.leave()
        await self._stop()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        membership = self.membership
        while True:
            for partition, hold in list(self._mine.items()):
                if not membership.is_held(partition):
                    del self._mine[partition]
                elif partition in membership.wanted:
                    hold.until = time.monotonic()
                else:
                    del self._mine[partition]
                    await membership.release(partition)
            for partition in membership.wanted - self._mine.keys():
                if await membership.acquire(partition) and membership.is_held(partition):
                    now = time.monotonic()
                    self._mine[partition] = Hold(partition, self.name, now, now)
                    self._holds.append(self._mine[partition])
            await asyncio.sleep(0.02)


class Group:
    """All members of one test, and what each of them ever held."""

    def __init__(self, server: NatsServer, count: int) -> None:
        self.server = server
        self.partitions = range(count)
        self.ttl = PATIENT_TTL
        self.holds: list[Hold] = []
        self.members: dict[str, Member] = {}
        self._stack = contextlib.AsyncExitStack()

    async def seat(self, name: str, **changes: Any) -> Membership:
        values: dict[str, Any] = {"stream": "LOGS", "group": "archive"}
        values |= {"name": name, "partitions": self.partitions}
        connection = Connection(patient_options(self.server.url))
        await self._stack.enter_async_context(connection)
        return Membership(
            connection,
            JetStream(connection),
            Seat(**(values | changes)),
            ttl=self.ttl,
            interval=INTERVAL,
        )

    async def add(self, name: str, **changes: Any) -> Member:
        member = Member(await self.seat(name, **changes), name, self.holds)
        self.members[name] = member
        member.start()
        return member

    def shares(self, *names: str) -> list[int]:
        """How many partitions each holds, least first; empty unless every one is held."""
        held = [self.members[name].held for name in names]
        if set().union(*held) != set(self.partitions):
            return []
        return sorted(map(len, held))

    def assert_never_two(self) -> None:
        for partition in self.partitions:
            holds = sorted(
                (hold for hold in self.holds if hold.partition == partition),
                key=lambda hold: hold.since,
            )
            for before, after in itertools.pairwise(holds):
                assert before.until <= after.since, (before, after)

    async def close(self) -> None:
        for member in self.members.values():
            await member._stop()
        await self._stack.aclose()


@pytest.fixture
async def group(nats_server: NatsServer) -> AsyncIterator[Group]:
    found = Group(nats_server, 10)
    yield found
    await found.close()
    found.assert_never_two()


@pytest.fixture
async def bucket(connection: Connection) -> KeyValue:
    found = KeyValue(connection, JetStream(connection), "natsconsole_LOGS")
    await found.ensure()
    return found


def _all_named(names: Iterable[str]) -> Callable[[Member], bool]:
    wanted = tuple(sorted(names))
    return lambda member: member.membership.members == wanted


async def test_one_then_four_then_one(group: Group) -> None:
    group.ttl = TTL
    await group.add("r1")
    await until(lambda: group.shares("r1") == [10])
    for name in ("r2", "r3", "r4"):
        await group.add(name)
    names = ("r1", "r2", "r3", "r4")
    await until(lambda: group.shares(*names) == [2, 2, 3, 3])
    await until(lambda: all(map(_all_named(names), group.members.values())))
    first = group.members["r1"].membership

    def sees_who_owns_what() -> bool:
        loads = Counter({name: len(group.members[name].held) for name in names})
        return Counter(map(first.owner_of, group.partitions)) == loads

    await until(sees_who_owns_what)

    for name in ("r2", "r3"):
        await group.members[name].leave()
    await group.members["r4"].kill()
    await until(lambda: group.shares("r1") == [10], within=30)
    assert group.members["r1"].membership.members == ("r1",)
    assert group.members["r1"].changes >= 4


async def test_a_killed_member_is_replaced_once_its_entry_has_expired(
    group: Group, bucket: KeyValue
) -> None:
    group.ttl = 3 * TTL
    await group.add("r1")
    member = await group.add("r2")
    await until(lambda: group.shares("r1", "r2") == [5, 5])

    async def has_renewed() -> bool:
        entry = await bucket.get(f"member.archive.{member.membership.instance}")
        return (
            entry is not None and set(json.loads(entry.value).get("partitions", ())) == member.held
        )

    await until(has_renewed)
    instance, partitions = member.membership.instance, member.held
    await member.kill()
    last = await bucket.get(f"member.archive.{instance}")
    assert last is not None
    await until(lambda: group.shares("r1") == [10], within=30)
    for partition in partitions:
        taken = await bucket.get(f"owner.archive.{partition}")
        assert taken is not None
        assert taken.created - last.created >= group.ttl


async def test_who_leaves_is_replaced_at_once(group: Group) -> None:
    await group.add("r1")
    await group.add("r2")
    await until(lambda: group.shares("r1", "r2") == [5, 5])
    member = group.members["r2"]
    await member.kill()
    left = time.monotonic()
    await member.membership.leave()
    await until(lambda: group.shares("r1") == [10])
    assert time.monotonic() - left < group.ttl * 0.75


async def test_a_draining_member_keeps_what_it_has_until_it_releases_it(
    group: Group, bucket: KeyValue
) -> None:
    leaving = await group.seat("r1")
    running = asyncio.create_task(leaving.run())
    await until(lambda: leaving.wanted == set(group.partitions))
    for partition in group.partitions:
        assert await leaving.acquire(partition)
    leaving.drain()
    assert leaving.wanted == frozenset()

    heir = await group.add("r2")
    await until(lambda: heir.membership.wanted == set(group.partitions))
    await until(lambda: leaving.members == ("r1", "r2"))
    assert not heir.held
    assert len(heir.membership.wanted) == 10
    assert all(leaving.is_held(partition) for partition in group.partitions)
    assert heir.membership.owner_of(3) == "r1"

    await leaving.release(3)
    entry = await bucket.get("owner.archive.3")
    assert entry is None or entry.value != leaving.instance.encode()
    assert not leaving.is_held(3)
    await until(lambda: heir.held == {3})
    await leaving.leave()
    await until(lambda: group.shares("r2") == [10])
    await asyncio.wait_for(running, 20)


async def test_static_partitions_are_left_alone_by_the_others(group: Group) -> None:
    await group.add("told", static=frozenset({0, 3}))
    await until(lambda: group.members["told"].held == {0, 3})
    await group.add("r1")
    await group.add("r2")
    await until(lambda: group.shares("told", "r1", "r2") == [2, 4, 4])
    assert group.members["told"].held == {0, 3}


async def test_two_groups_do_not_know_each_other(group: Group) -> None:
    first = await group.add("r1")
    second = Member(await group.seat("r2", group="other"), "r2", [])
    group.members["r2"] = second
    second.start()
    await until(lambda: len(first.held) == len(second.held) == 10)
    assert first.membership.members == ("r1",)


async def test_a_restarted_receiver_is_back_before_its_entry_expires(
    group: Group, tmp_path: Path
) -> None:
    identity = directory_identity(tmp_path)
    member = await group.add("r1", directory_id=identity)
    await until(lambda: group.shares("r1") == [10])
    await member.kill()

    elsewhere = await group.seat("r1", directory_id="another")
    again = await group.seat("r1", directory_id=identity)
    tasks = [asyncio.create_task(each.run()) for each in (elsewhere, again)]
    started = time.monotonic()
    await until(lambda: again.wanted == set(group.partitions))
    await until(lambda: elsewhere.wanted == set(group.partitions))
    assert not await again.acquire(0), "the dead one's entry is still there"
    assert not await elsewhere.acquire(0, fenced=True)
    for partition in group.partitions:
        assert await again.acquire(partition, fenced=True)
    assert time.monotonic() - started < group.ttl / 2
    assert again.members == ("r1",)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_live_member_notices_that_a_fenced_one_took_its_partition(group: Group) -> None:
    first = await group.add("r1", directory_id="shared")
    await until(lambda: group.shares("r1") == [10])
    second = await group.seat("r2", directory_id="shared")
    second.drain()  # so that nothing else of it disturbs
    await second.join()
    first._tasks[1].cancel()
    assert await second.acquire(4, fenced=True)
    await until(lambda: not first.membership.is_held(4))
    assert first.membership.is_held(5)
    first._mine.clear()
    group.holds.clear()


async def test_a_frozen_process_knows_at_its_first_look_that_it_lost_everything(
    group: Group, nats_server: NatsServer
) -> None:
    async with Program("tests.support.frozen_member", nats_server.url) as program:
        output = program.process.stdout
        assert output is not None

        async def said() -> dict[str, Any]:
            async with asyncio.timeout(30):
                found: dict[str, Any] = json.loads(await output.readline())
                return found

        before = await said()
        assert before["held"]
        await until(lambda: is_stopped(program.process.pid))
        group.partitions = range(1)
        heir = await group.add("heir")
        await until(lambda: heir.held == {0}, within=30)

        program.process.send_signal(signal.SIGCONT)
        after = await said()
        assert after == {"held": False, "instance": before["instance"]}
        later = await said()
        assert later == {"held": False, "acquired": False}
        assert heir.held == {0}


async def test_leases_end_by_the_clock_alone(group: Group) -> None:
    now = 1000.0
    membership = await group.seat("r1")
    membership._clock = lambda: now
    await membership.join()
    assert await membership.acquire(0)
    now += group.ttl * 0.89
    assert membership.is_held(0)
    now += group.ttl * 0.02
    assert not membership.is_held(0)
    assert not await membership.acquire(0)
    first = membership.instance
    await membership._renew_once()
    assert membership.instance not in {"", first}
    assert not membership.is_held(0), "a new life holds nothing of the one before"
    assert await membership.acquire(0), "what our own former life had needs no expiry"


async def test_a_renewal_that_was_answered_too_late_ends_the_life(group: Group) -> None:
    now = 1000.0
    membership = await group.seat("r1")
    membership._clock = lambda: now
    await membership.join()
    assert await membership.acquire(0)
    stored = membership._entries.update

    async def slowly(key: str, value: bytes, revision: int, ttl: int | None = None) -> int:
        nonlocal now
        found = await stored(key, value, revision, ttl)
        now += group.ttl * 0.1
        return found

    membership._entries.update = slowly  # type: ignore[method-assign]
    now += group.ttl * 0.85
    await membership._renew_once()
    assert not membership.is_held(0)
    assert membership.instance == ""
    assert "lost its place" in membership.problem


async def test_a_renewal_counts_from_when_it_was_sent(group: Group) -> None:
    now = 1000.0
    membership = await group.seat("r1")
    membership._clock = lambda: now
    await membership.join()
    assert await membership.acquire(0)
    stored = membership._entries.update

    async def slowly(key: str, value: bytes, revision: int, ttl: int | None = None) -> int:
        nonlocal now
        found = await stored(key, value, revision, ttl)
        now += group.ttl / 2
        return found

    membership._entries.update = slowly  # type: ignore[method-assign]
    await membership._renew_once()
    assert membership.is_held(0)
    now += group.ttl / 2
    assert not membership.is_held(0)


async def test_a_member_that_a_replica_does_not_show_yet_is_no_dead_one(group: Group) -> None:
    first, second = await group.seat("r1"), await group.seat("r2")
    await first.join()
    await second.join()
    await first._look()
    seen = first._entries.entries

    async def behind(pattern: str, *, from_leader: bool = False) -> dict[str, Entry]:
        found = await seen(pattern, from_leader=from_leader)
        return {key: entry for key, entry in found.items() if second.instance not in key}

    first._entries.entries = behind  # type: ignore[method-assign]
    await first._look()
    assert first.members == ("r1", "r2")
    await second.leave()
    await first._look()
    assert "r2" not in first.members


async def test_a_short_restart_of_the_server_costs_nothing(group: Group) -> None:
    member = await group.add("r1")
    await until(lambda: group.shares("r1") == [10])
    instance = member.membership.instance
    await group.server.kill()
    await until(lambda: "cannot renew" in member.membership.problem)
    await group.server.start()
    await until(lambda: not member.membership.problem)
    assert member.membership.instance == instance
    assert group.shares("r1") == [10]


async def test_a_long_absence_of_the_server_ends_all_leases(group: Group) -> None:
    group.ttl = TTL
    member = await group.add("r1")
    await until(lambda: group.shares("r1") == [10])
    changes = member.changes
    await group.server.kill()
    await until(lambda: not member.held and member.changes > changes)
    await until(lambda: "not connected" in member.membership.problem)
    assert not await member.membership.acquire(0)
    await member.membership.release(0)
    await group.server.start()
    await until(lambda: group.shares("r1") == [10])
    await until(lambda: member.membership.problem == "")


async def test_a_re_created_bucket_never_gives_a_partition_to_two(
    group: Group, connection: Connection
) -> None:
    group.ttl = 3 * TTL
    for name in ("r1", "r2", "r3"):
        await group.add(name)
    names = ("r1", "r2", "r3")
    await until(lambda: group.shares(*names) == [3, 3, 4])
    lives = {group.members[name].membership.instance for name in names}
    await connection.request("$JS.API.STREAM.DELETE.KV_natsconsole_LOGS")
    await until(
        lambda: any("re-created" in group.members[name].membership.problem for name in names)
    )
    await until(lambda: group.shares(*names) == [3, 3, 4], within=30)
    assert not lives & {group.members[name].membership.instance for name in names}
    group.assert_never_two()


async def test_a_bucket_without_a_leader_for_a_moment_ends_nothing(group: Group) -> None:
    membership = await group.seat("r1")
    await membership.join()
    assert await membership.acquire(0)
    stored = membership._entries.update

    async def leaderless(key: str, value: bytes, revision: int, ttl: int | None = None) -> int:
        raise NoBucketError(membership.bucket)

    membership._entries.update = leaderless  # type: ignore[method-assign]
    await membership._renew_once()
    assert membership.is_held(0)
    assert "elect a leader" in membership.problem
    membership._entries.update = stored  # type: ignore[method-assign]
    await membership._renew_once()
    assert membership.is_held(0)
    assert membership.problem == ""


async def test_leases_of_a_bucket_that_is_gone_are_waited_for(
    group: Group, connection: Connection
) -> None:
    group.ttl = 3 * TTL
    silent, other = await group.seat("r1"), await group.seat("r2")
    await other.join()
    await silent.join()
    assert await silent.acquire(0)
    await connection.request("$JS.API.STREAM.DELETE.KV_natsconsole_LOGS")

    async def acquired() -> bool:
        await other._renew_once()
        return await other.acquire(0)

    assert not await acquired()
    assert silent.is_held(0)
    assert "re-created" in other.problem
    await until(acquired)
    assert not silent.is_held(0)
    assert other.problem == ""


async def test_a_partition_is_not_acquired_in_a_bucket_without_our_entry(
    group: Group, connection: Connection
) -> None:
    membership = await group.seat("r1")
    await membership.join()
    await connection.request("$JS.API.STREAM.DELETE.KV_natsconsole_LOGS")
    await KeyValue(connection, JetStream(connection), "natsconsole_LOGS").ensure()
    assert not await membership.acquire(0)
    assert not membership.is_held(0)


async def test_an_overwritten_entry_ends_the_life(group: Group, bucket: KeyValue) -> None:
    member = await group.add("r1")
    await until(lambda: group.shares("r1") == [10])
    first = member.membership.instance
    await bucket.put(f"member.archive.{first}", b"mine now")
    await until(lambda: member.membership.instance not in {"", first})
    await until(lambda: group.shares("r1") == [10])


async def test_a_renewal_whose_answer_was_lost_ends_nothing(group: Group, bucket: KeyValue) -> None:
    member = await group.add("r1")
    await until(lambda: group.shares("r1") == [10])
    first = member.membership.instance
    key = f"member.archive.{first}"
    for _ in range(3):
        entry = await bucket.get(key)
        assert entry is not None
        await bucket.put(key, entry.value, ttl=group.ttl)
        stored = await bucket.get(key)
        assert stored is not None

        async def renewed(revision: int = stored.revision) -> bool:
            found = await bucket.get(key)
            return found is not None and found.revision > revision

        await until(renewed)
    assert member.membership.instance == first
    assert group.shares("r1") == [10]


async def test_an_owner_key_that_is_ours_by_a_lost_answer_is_given_back(
    group: Group, bucket: KeyValue
) -> None:
    group.partitions = range(1)
    member = await group.add("r1", static=frozenset())
    await until(lambda: member.membership.instance)
    await bucket.put("owner.archive.0", member.membership.instance.encode())

    async def given_back() -> bool:
        return await bucket.get("owner.archive.0") is None

    await until(given_back)


async def test_a_deleted_owner_key_is_noticed(group: Group, bucket: KeyValue) -> None:
    membership = await group.seat("r1")
    running = asyncio.create_task(membership.run())
    await until(lambda: membership.wanted)
    assert await membership.acquire(0)
    assert await membership.acquire(1)
    await bucket.delete("owner.archive.0")
    await until(lambda: not membership.is_held(0))
    assert membership.is_held(1)
    await membership.leave()
    await running


async def test_junk_in_the_bucket_is_ignored_and_said(group: Group, connection: Connection) -> None:
    config = {"name": "KV_natsconsole_LOGS", "subjects": ["$KV.natsconsole_LOGS.>"]}
    jetstream = JetStream(connection)
    await jetstream.create_stream(config | {"max_msgs_per_subject": 1})
    bucket = KeyValue(connection, jetstream, "natsconsole_LOGS")
    await bucket.ensure()
    ours = {"name": "x", "instance": "0" * 16}
    junk = {
        "member.archive.0000000000000001": b"\xff\xfe",
        "member.archive.0000000000000002": b"[" * 10_000,
        "member.archive.0000000000000003": b"x" * 900_000,
        "member.archive.0000000000000004": json.dumps(ours).encode(),
        "member.archive.0000000000000005": json.dumps(ours | {"name": 5}).encode(),
        "member.archive.short": json.dumps(ours | {"instance": "short"}).encode(),
        "owner.archive.0": b"\x00" * 500_000,
        "owner.archive.1": b"ffffffffffffffff",
        "owner.archive.-1": b"ffffffffffffffff",
        "owner.archive.99999999999999999999": b"ffffffffffffffff",
        "other.archive.0": b"?",
    }
    for key, value in junk.items():
        await bucket.put(key, value)
    member = await group.add("r1")
    await until(lambda: group.shares("r1") == [10])
    await until(lambda: "ignored member.archive" in member.membership.problem)
    assert member.membership.members == ("r1",)


async def test_an_entry_that_nobody_renews_gets_no_share_for_ever(
    group: Group, bucket: KeyValue
) -> None:
    group.ttl = 3 * TTL
    ghost = {"name": "ghost", "instance": "0" * 16}
    await bucket.put(f"member.archive.{'0' * 16}", json.dumps(ghost).encode())
    member = await group.add("r1")
    await until(lambda: member.membership.members == ("ghost", "r1"))
    await until(lambda: group.shares("r1") == [10], within=30)
    await until(lambda: "nobody renews it" in member.membership.problem)


async def test_a_group_knows_what_all_groups_still_need(group: Group, bucket: KeyValue) -> None:
    first = await group.seat("r1")
    second = await group.seat("r2", group="other")
    for each in (first, second):
        await each.join()
        assert await each.acquire(3)
    with pytest.raises(LeaseLostError, match="partition 4"):
        await first.keep_from(4, 17)
    await first.keep_from(3, 17)
    await second.keep_from(3, 12)
    assert await first.needed() == {("archive", 3): 17, ("other", 3): 12}
    await first.keep_from(3, None)
    await bucket.put("needed.third.0", b"junk")
    assert await second.needed() == {("other", 3): 12, ("third", 0): 1}
    await first.leave()
    assert (await second.needed())["other", 3] == 12


async def test_a_member_says_who_it_is(group: Group, bucket: KeyValue) -> None:
    membership = await group.seat("r1", directory_id="d", static=frozenset({2}))
    running = asyncio.create_task(membership.run())
    await until(lambda: membership.instance)
    instance = membership.instance
    assert await membership.acquire(2)

    async def entry() -> dict[str, Any]:
        found = await bucket.get(f"member.archive.{instance}")
        return dict(json.loads(found.value)) if found else {}

    async def tells_its_partitions() -> bool:
        return (await entry()).get("partitions") == [2]

    await until(tells_its_partitions)
    found = await entry()
    assert found["name"] == "r1"
    assert found["directory_id"] == "d"
    assert found["static"] == [2]
    assert found["pid"] > 0
    assert abs(found["started"] - time.time()) < 60
    await membership.leave()
    await running
    assert await entry() == {}
    assert await bucket.get("owner.archive.2") is None


async def test_leaving_without_a_server_does_not_raise(group: Group) -> None:
    group.ttl = 3 * TTL
    membership = await group.seat("r1")
    running = asyncio.create_task(membership.run())
    await until(lambda: membership.instance)
    assert await membership.acquire(2)
    await group.server.kill()
    await membership.leave()
    assert not membership.is_held(2)
    await running


async def test_run_waits_for_a_server_that_is_not_there_yet(
    nats_server: NatsServer,
) -> None:
    await nats_server.stop()
    connection = Connection(ConnectionOptions(servers=(nats_server.url,)))
    await connection.open(retry=True)
    seat = Seat(stream="LOGS", group="archive", name="r1", partitions=range(2))
    membership = Membership(connection, JetStream(connection), seat, ttl=TTL, interval=INTERVAL)
    running = asyncio.create_task(membership.run())
    try:
        await until(lambda: "not connected" in membership.problem)
        await nats_server.start()
        await until(lambda: membership.wanted == {0, 1}, within=30)
        await until(lambda: membership.problem == "")
    finally:
        await membership.leave()
        await running
        await connection.close()


async def test_an_old_server_is_refused_with_the_mend() -> None:
    async with (
        FakeNats(version="2.10.26") as server,
        Connection(ConnectionOptions(servers=(server.url,))) as connection,
    ):
        seat = Seat(stream="LOGS", group="archive", name="r1", partitions=range(2))
        membership = Membership(connection, JetStream(connection), seat)
        with pytest.raises(MembershipError, match=r"2\.10\.26.*--partitions"):
            await membership.join()
        with pytest.raises(MembershipError, match=r"2\.10\.26.*--partitions"):
            await membership.run()


async def test_a_bucket_that_may_not_be_made_is_said(tmp_path: Path) -> None:
    config = """
        accounts { A { jetstream: { max_streams: 1 }, users: [{user: a, password: a}] } }
        no_auth_user: a
    """
    async with (
        NatsServer(tmp_path, config=config) as server,
        Connection(ConnectionOptions(servers=(server.url,))) as connection,
    ):
        jetstream = JetStream(connection)
        await jetstream.create_stream({"name": "LOGS", "subjects": ["logs.>"]})
        seat = Seat(stream="LOGS", group="archive", name="r1", partitions=range(2))
        membership = Membership(connection, jetstream, seat, ttl=TTL, interval=INTERVAL)
        with pytest.raises(MembershipError, match=r"natsconsole_LOGS.*--partitions"):
            await membership.join()
        running = asyncio.create_task(membership.run())
        await until(lambda: "maximum number of streams" in membership.problem)
        await membership.leave()
        await running


async def test_static_partitions_without_a_bucket() -> None:
    leases: Leases = StaticPartitions({0, 3}, name="r1")
    running = asyncio.create_task(leases.run())
    assert leases.wanted == {0, 3}
    assert leases.members == ("r1",)
    assert await leases.acquire(0)
    assert not await leases.acquire(1)
    assert leases.is_held(3)
    assert leases.owner_of(0) == "r1"
    assert leases.owner_of(1) == ""
    await leases.keep_from(3, 9)
    assert await leases.needed() == {("", 3): 9}
    leases.drain()
    assert leases.wanted == frozenset()
    assert leases.is_held(3)
    await leases.leave()
    assert not leases.is_held(3)
    await asyncio.wait_for(running, 20)


async def test_membership_fulfils_what_workers_need(group: Group) -> None:
    leases: Leases = await group.seat("r1")
    assert leases.wanted == frozenset()
    assert not leases.is_held(0)
    assert not await leases.acquire(0)
    with pytest.raises(MembershipError, match=r"'a\.b' cannot name a group"):
        await group.seat("r1", group="a.b")


def test_each_stream_has_a_bucket_of_its_own() -> None:
    assert bucket_of("LOGS") == "natsconsole_LOGS"
    names = {bucket_of(stream) for stream in ("a_b", "a$b", "a b", "ä_b", "a-b")}
    assert len(names) == 5


def test_a_directory_is_known_by_its_locks_not_its_name(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    link = tmp_path / "link"
    link.symlink_to(first)
    assert directory_identity(first) == directory_identity(link)
    assert directory_identity(first) != directory_identity(second)
