"""A key-value bucket on the real server, and as other clients see it."""

from __future__ import annotations

import asyncio
import time

import nats
import pytest

from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.key_value import (
    BadKeyError,
    KeyValue,
    NoBucketError,
    NoTtlError,
    RevisionError,
    TooManyEntriesError,
)
from shipper.connection import Connection, ConnectionOptions
from tests.support.fake_nats import FakeNats
from tests.support.nats_server import NatsServer
from tests.support.waiting import until


@pytest.fixture
async def bucket(connection: Connection) -> KeyValue:
    found = KeyValue(connection, JetStream(connection), "things", marker_ttl=1)
    await found.ensure()
    return found


async def test_ensure_makes_the_bucket_once(bucket: KeyValue) -> None:
    revision = await bucket.put("a", b"1")
    again = await bucket.ensure(replicas=1)
    assert (await bucket.ensure()).created == again.created
    entry = await bucket.get("a")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"1", revision)


async def test_many_may_make_it_at_once(connection: Connection) -> None:
    buckets = [KeyValue(connection, JetStream(connection), "raced") for _ in range(8)]
    infos = await asyncio.gather(*(each.ensure() for each in buckets))
    assert len({info.created for info in infos}) == 1


async def test_ensure_gives_a_bucket_of_others_what_expiry_needs(connection: Connection) -> None:
    jetstream = JetStream(connection)
    config = {"name": "KV_old", "subjects": ["$KV.old.>"], "max_msgs_per_subject": 1}
    await jetstream.create_stream(config | {"description": "by hand"})
    bucket = KeyValue(connection, jetstream, "old")
    info = await bucket.ensure()
    assert info.config["description"] == "by hand"
    await bucket.put("a", b"1", ttl=60)
    assert set(await bucket.entries(">")) == {"a"}


async def test_other_clients_read_and_write_the_same_bucket(
    bucket: KeyValue, nats_server: NatsServer
) -> None:
    client = await nats.connect(nats_server.url)
    try:
        theirs = await client.jetstream().key_value("things")
        await bucket.put("ours.1", b"x")
        assert (await theirs.get("ours.1")).value == b"x"
        await theirs.put("theirs", b"y")
        await theirs.put("gone", b"z")
        await theirs.delete("gone")
        await theirs.put("purged", b"z")
        await theirs.purge("purged")
        assert set(await bucket.entries(">")) == {"ours.1", "theirs"}
        assert await bucket.get("purged") is None
        await bucket.delete("ours.1")
        assert await theirs.keys() == ["theirs"]
    finally:
        await client.close()


async def test_writes_compare_and_set(bucket: KeyValue) -> None:
    first = await bucket.create("a", b"1")
    with pytest.raises(RevisionError, match="'a' in bucket 'things' exists already"):
        await bucket.create("a", b"2")
    second = await bucket.update("a", b"2", first)
    with pytest.raises(RevisionError, match=f"no longer at revision {first}"):
        await bucket.update("a", b"3", first)
    with pytest.raises(RevisionError):
        await bucket.delete("a", first)
    with pytest.raises(RevisionError):
        await bucket.update("absent", b"3", second)
    entry = await bucket.get("a")
    assert entry is not None
    assert entry.value == b"2"


async def test_of_many_writers_one_wins(bucket: KeyValue) -> None:
    async def try_it(number: int) -> bool:
        try:
            await bucket.create("prize", str(number).encode())
        except RevisionError:
            return False
        return True

    won = await asyncio.gather(*(try_it(number) for number in range(50)))
    assert won.count(True) == 1
    entry = await bucket.get("prize")
    assert entry is not None
    assert entry.value == str(won.index(True)).encode()


async def test_deleted_is_absent_and_can_be_created_again(bucket: KeyValue) -> None:
    revision = await bucket.create("a", b"1")
    await bucket.delete("a", revision)
    assert await bucket.get("a") is None
    assert await bucket.entries(">") == {}
    again = await bucket.create("a", b"2")
    assert again > revision
    with pytest.raises(RevisionError):
        await bucket.create("a", b"3")


async def test_an_expired_key_is_absent_and_can_be_created_again(bucket: KeyValue) -> None:
    await bucket.create("a", b"1", ttl=1)
    await bucket.put("stays", b"1")

    async def expired() -> bool:
        return set(await bucket.entries(">")) == {"stays"}

    await until(expired)
    assert await bucket.get("a") is None
    await bucket.create("a", b"2")
    assert (await bucket.entries("a"))["a"].value == b"2"


async def test_a_renewed_key_does_not_expire(bucket: KeyValue) -> None:
    async def outlives_a_witness() -> bool:
        await bucket.put("witness", b"1", ttl=1)
        renewed = time.monotonic()
        revision = await bucket.put("a", b"1", ttl=1)
        while await bucket.get("witness") is not None:
            before, renewed = renewed, time.monotonic()
            try:
                revision = await bucket.update("a", b"1", revision, ttl=1)
            except RevisionError:
                if time.monotonic() - before > 1:  # we were too slow, which proves nothing
                    return False
                raise
        return True

    await until(outlives_a_witness)


async def test_marks_of_deleted_keys_go_too(bucket: KeyValue, connection: Connection) -> None:
    for number in range(5):
        await bucket.put(f"life.{number}", b"1")
        await bucket.delete(f"life.{number}")

    async def is_empty() -> bool:
        return (await JetStream(connection).stream_info(bucket.stream)).state.messages == 0

    await until(is_empty, within=30)


async def test_entries_match_a_pattern(bucket: KeyValue) -> None:
    for key in ("member.a.1", "member.b.1", "owner.a.0"):
        await bucket.put(key, key.encode())
    for from_leader in (False, True):
        found = await bucket.entries("*.a.*", from_leader=from_leader)
        assert {key: entry.value for key, entry in found.items()} == {
            "member.a.1": b"member.a.1",
            "owner.a.0": b"owner.a.0",
        }
        assert await bucket.entries("none.>", from_leader=from_leader) == {}


async def test_entries_read_thousands_in_pages(bucket: KeyValue, connection: Connection) -> None:
    for number in range(2500):
        await connection.publish(f"$KV.things.many.{number}", b"x")
    await bucket.put("many.1", b"last")
    found = await bucket.entries("many.*")
    assert len(found) == 2500
    assert found["many.1"].value == b"last"


async def test_values_larger_than_a_page_are_read_all(connection: Connection) -> None:
    bucket = KeyValue(connection, JetStream(connection), "big")
    config = {"name": "KV_big", "subjects": ["$KV.big.>"], "max_msgs_per_subject": 1}
    await JetStream(connection).create_stream(config)
    await bucket.ensure()
    for number in range(4):
        await bucket.put(f"a.{number}", b"x" * 900_000)
    assert len(await bucket.entries("a.*")) == 4


async def test_a_bucket_of_ours_refuses_huge_values(bucket: KeyValue) -> None:
    with pytest.raises(Exception, match="maximum"):
        await bucket.put("a", b"x" * 100_000)


async def test_too_many_entries_are_said(
    bucket: KeyValue, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("natsconsole.gateway.key_value.MAX_ENTRIES", 500)
    for number in range(1100):
        await connection.publish(f"$KV.things.many.{number}", b"x")
    await bucket.put("many.last", b"x")
    with pytest.raises(TooManyEntriesError, match="nats kv ls things"):
        await bucket.entries("many.*")


async def test_keys_written_meanwhile_are_never_missed(
    bucket: KeyValue, nats_server: NatsServer
) -> None:
    keys = {f"race.{number}" for number in range(20)}
    for key in keys:
        await bucket.put(key, b"x")
    stop = False

    async def overwrite() -> None:
        async with Connection(ConnectionOptions(servers=(nats_server.url,))) as other:
            while not stop:
                for key in sorted(keys):
                    await other.publish(f"$KV.things.{key}", b"y" * 100)
                await other.rtt()

    writer = asyncio.create_task(overwrite())
    try:
        for _ in range(300):
            assert set(await bucket.entries("race.*")) == keys
    finally:
        stop = True
        await writer


async def test_a_missing_bucket_is_named(connection: Connection) -> None:
    bucket = KeyValue(connection, JetStream(connection), "nowhere")
    for attempt in (bucket.put("a", b"1"), bucket.get("a"), bucket.entries(">")):
        with pytest.raises(NoBucketError, match="'nowhere'"):
            await attempt


@pytest.mark.parametrize("key", ["", "a b", "a.*", ">", "a..b", ".a", "a.", "a\r\nPUB x 0", "é"])
async def test_bad_keys_are_refused(bucket: KeyValue, key: str) -> None:
    with pytest.raises(BadKeyError):
        await bucket.put(key, b"1")
    with pytest.raises(BadKeyError):
        await bucket.get(key)


async def test_bad_buckets_patterns_and_times_are_refused(
    bucket: KeyValue, connection: Connection
) -> None:
    with pytest.raises(BadKeyError):
        KeyValue(connection, JetStream(connection), "a.b")
    with pytest.raises(BadKeyError):
        await bucket.entries("a b")
    with pytest.raises(BadKeyError):
        await bucket.put("a", b"1", ttl=0)


async def test_an_old_server_is_named() -> None:
    async with (
        FakeNats(version="2.10.26") as server,
        Connection(ConnectionOptions(servers=(server.url,))) as connection,
    ):
        bucket = KeyValue(connection, JetStream(connection), "things")
        with pytest.raises(NoTtlError, match=r"2\.10\.26.*2\.11"):
            await bucket.ensure()
