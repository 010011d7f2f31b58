"""What one look at an account finds, and what it says where it may not or cannot look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.gateway import account_reader, denials
from natsconsole.gateway.consumer_events import HEARD
from natsconsole.gateway.interface import LinkLostError
from natsconsole.gateway.triage import LiveTriage, wait_after
from shipper.connection import Connection, ConnectionOptions
from tests.support.anybodys import Anybody, evidence_of
from tests.support.fake_nats import FakeNats
from tests.support.nats_server import NatsServer
from tests.support.waiting import until

_LEAST = """
accounts {{
  A {{
    jetstream: enabled
    users: [
      {{ user: all, password: p }}
      {{ user: few, password: p, permissions: {{
        publish: [{publish}]
        subscribe: ["_INBOX.>"{subscribe}]
      }} }}
    ]
  }}
  B {{ users: [ {{ user: outsider, password: p }} ] }}
}}
"""


@pytest.fixture
async def triage(connection: Connection) -> AsyncIterator[LiveTriage]:
    found = LiveTriage(connection)
    yield found
    found.close()


def _consumer(snapshot: TriageSnapshot, stream: str, name: str = "worker") -> ConsumerState:
    return next(one for one in snapshot.consumers if (one.stream, one.name) == (stream, name))


async def test_all_are_listed_beyond_a_page(connection: Connection, triage: LiveTriage) -> None:
    anybody = Anybody(connection)
    await anybody.make_stream(storage="memory")
    names = [f"N{number:03}" for number in range(300)]
    await asyncio.gather(
        *(
            anybody.api(f"STREAM.CREATE.{name}", {"name": name, "storage": "memory"})
            for name in names
        )
    )
    await asyncio.gather(*(anybody.make_consumer(name, mem_storage=True) for name in names))
    snapshot = await triage.look()
    assert snapshot.problem == ""
    assert (snapshot.streams_total, snapshot.consumers_total) == (301, 300)
    assert [one.name for one in snapshot.streams] == sorted([*names, anybody.stream])
    assert [one.name for one in snapshot.consumers] == names
    # One for the account, two for streams, two for the consumers of the only stream with any.
    assert snapshot.requests == 5


async def test_lag_in_seconds_follows_the_filter_and_the_floor(
    connection: Connection, triage: LiveTriage
) -> None:
    anybody = Anybody(connection)
    await anybody.make_stream()
    await anybody.make_consumer(filter_subjects=[f"{anybody.subject}.b", f"{anybody.subject}.c"])
    await anybody.publish(3, subject="a")
    assert _consumer(await triage.look(), anybody.stream).lag_seconds == 0

    await anybody.publish(1, subject="c")
    await anybody.publish(1, subject="b")
    found = _consumer(await triage.look(), anybody.stream)
    assert found.oldest is not None
    assert (found.oldest.sequence, found.oldest.subject) == (4, f"{anybody.subject}.c")
    assert found.lag_messages == 2
    assert found.lag_seconds is not None
    assert found.lag_seconds > 0
    assert (await triage.look()).requests == 3  # what is known of it needs no further request

    (first,) = await anybody.pull(1)
    assert _consumer(await triage.look(), anybody.stream).oldest == found.oldest
    await first.answer()
    moved = _consumer(await triage.look(), anybody.stream)
    assert moved.oldest is not None
    assert moved.oldest.sequence == 5


async def test_a_stream_without_direct_get_is_read_from_its_leader(
    connection: Connection, triage: LiveTriage
) -> None:
    anybody = Anybody(connection)
    await anybody.make_stream(allow_direct=False)
    await anybody.make_consumer()
    await anybody.publish(2)
    found = _consumer(await triage.look(), anybody.stream)
    assert found.oldest is not None
    assert found.oldest.sequence == 1


async def test_redeliveries_are_counted_since_the_first_look(
    connection: Connection, triage: LiveTriage
) -> None:
    anybody = Anybody(connection)
    await anybody.make_stream()
    await anybody.make_consumer(ack_wait=500_000_000)
    await anybody.publish(3)
    await anybody.pull(3)
    await triage.look()
    await anybody.pull(3)
    await anybody.publish(1)
    (*_, late) = await anybody.pull(4)
    await late.answer()
    found = _consumer(await triage.look(), anybody.stream)
    assert found.redeliveries == 6
    assert found.delivered_count == 10
    assert found.redelivered <= 3


async def test_messages_given_up_before_the_look_come_from_where_they_are_kept(
    connection: Connection, triage: LiveTriage
) -> None:
    anybody, keeper = Anybody(connection), Anybody(connection)
    await keeper.make_stream(subjects=["$JS.EVENT.ADVISORY.CONSUMER.>"], no_ack=True)
    await anybody.make_stream()
    await anybody.make_consumer(max_deliver=1, ack_wait=30_000_000)
    await anybody.publish(1)
    await anybody.pull(1)
    await anybody.wait_for_pulls(1)

    async def is_kept() -> bool:
        info = await keeper.api(f"STREAM.INFO.{keeper.stream}", {"subjects_filter": ">"})
        return any("MAX_DELIVERIES" in subject for subject in info["state"].get("subjects", {}))

    await until(is_kept)
    snapshot = await triage.look()
    assert snapshot.keeps_advisories
    verdicts = {one.rule: one for one in anybody.verdicts(snapshot)}
    assert evidence_of(verdicts["max-deliveries"])["stream_sequences"] == "1"
    assert verdicts["max-deliver-finite"].severity == "ok"


async def test_a_storm_of_refusals_is_heard_in_part(
    connection: Connection, triage: LiveTriage
) -> None:
    anybody = Anybody(connection)
    await anybody.make_stream()
    await anybody.make_consumer()
    await triage.look()
    subject = f"$JS.EVENT.ADVISORY.CONSUMER.MSG_NAKED.{anybody.stream}.worker"
    event = {"stream": anybody.stream, "consumer": "worker", "deliveries": 1}
    for number in range(HEARD + 500):
        await connection.publish(subject, json.dumps(event | {"stream_seq": number + 1}).encode())
    await connection.rtt()

    async def is_told() -> bool:
        return _consumer(await triage.look(), anybody.stream).refused.naks >= HEARD

    await until(is_told)
    assert _consumer(await triage.look(), anybody.stream).refused.naks == HEARD


async def test_a_look_costs_no_more_than_so_many_requests(
    connection: Connection, triage: LiveTriage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_reader, "LISTS", 4)
    streams = [Anybody(connection) for _ in range(12)]
    for one in streams:
        await one.make_stream(storage="memory")
        await one.make_consumer()
    first = await triage.look()
    assert len(first.consumers) == 12  # the first look reads all
    for one in streams:
        await one.publish(1)

    seen = await triage.look()
    assert seen.requests <= 2 + 4 + 4
    assert sum(one.lag_messages for one in seen.consumers) == 4
    wanted = max(streams, key=lambda one: one.stream)
    triage.prefer([(wanted.stream, "worker")])
    assert _consumer(await triage.look(), wanted.stream).lag_messages == 1
    await triage.look()
    assert sum(one.lag_messages for one in (await triage.look()).consumers) == 12


async def test_consumers_and_streams_that_go_are_forgotten(
    connection: Connection, triage: LiveTriage
) -> None:
    one, other = Anybody(connection), Anybody(connection)
    for each in (one, other):
        await each.make_stream()
        await each.make_consumer()
    assert len((await triage.look()).consumers) == 2
    await one.api(f"CONSUMER.DELETE.{one.stream}.worker")
    await other.api(f"STREAM.DELETE.{other.stream}")
    snapshot = await triage.look()
    assert [stream.name for stream in snapshot.streams] == [one.stream]
    assert (snapshot.consumers, snapshot.consumers_total) == ((), 0)


async def test_the_link_is_lost(nats_server: NatsServer, triage: LiveTriage) -> None:
    await triage.look()
    await nats_server.stop()
    with pytest.raises(LinkLostError):
        await triage.look()


# Where it may not look.


def _restricted(directory: Path, publish: str, subscribe: str = "") -> NatsServer:
    config = _LEAST.format(publish=publish, subscribe=subscribe)
    return NatsServer(directory, config=config)


def _as(server: NatsServer, user: str) -> Connection:
    return Connection(ConnectionOptions(servers=(server.url,), user=user, password="p"))


async def test_what_is_not_permitted_is_said_and_never_zero(tmp_path: Path) -> None:
    server = _restricted(tmp_path, '"$JS.API.STREAM.LIST"')
    async with server, _as(server, "all") as owner, _as(server, "few") as connection:
        anybody = Anybody(owner)
        await anybody.make_stream()
        await anybody.make_consumer()
        await anybody.publish(2)
        triage = LiveTriage(connection)
        for _ in range(2):
            snapshot = await triage.look()
            (stream,) = snapshot.streams
            assert not stream.knows_consumers
            assert snapshot.account is None
            assert snapshot.consumers_total == 1
            said = "\n".join(snapshot.not_permitted)
            assert f"list the consumers of {anybody.stream}" in said
            assert f"$JS.API.CONSUMER.LIST.{anybody.stream}" in said
            assert "$JS.API.INFO" in said
            assert "MAX_DELIVERIES" in said
        assert snapshot.requests == 1  # what was refused is not asked again


async def test_nothing_is_permitted_but_the_stream_that_is_named(tmp_path: Path) -> None:
    server = _restricted(
        tmp_path, '"$JS.API.STREAM.INFO.S", "$JS.API.CONSUMER.LIST.S", "$JS.API.DIRECT.GET.S"'
    )
    async with server, _as(server, "all") as owner, _as(server, "few") as connection:
        anybody = Anybody(owner)
        anybody.stream = "S"
        await anybody.make_stream()
        await anybody.make_consumer()
        await anybody.publish(2)

        nameless = await LiveTriage(connection).look()
        assert nameless.streams_total is None
        assert nameless.worst == "unknown"

        snapshot = await LiveTriage(connection, streams=("S",)).look()
        assert _consumer(snapshot, "S").lag_messages == 2
        assert _consumer(snapshot, "S").lag_seconds
        assert snapshot.streams_total is None
        assert any("list streams" in line for line in snapshot.not_permitted)


async def test_lag_in_seconds_is_not_known_where_messages_may_not_be_read(tmp_path: Path) -> None:
    server = _restricted(
        tmp_path, '"$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.CONSUMER.LIST.*"'
    )
    async with server, _as(server, "all") as owner, _as(server, "few") as connection:
        anybody = Anybody(owner)
        await anybody.make_stream()
        await anybody.make_consumer()
        await anybody.publish(2)
        snapshot = await LiveTriage(connection).look()
    found = _consumer(snapshot, anybody.stream)
    assert (found.lag_messages, found.lag_seconds) == (2, None)
    assert any("lag in seconds is not known" in line for line in snapshot.not_permitted)


async def test_a_login_that_may_list_no_consumers_does_not_ask_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_reader, "AT_ONCE", 4)
    monkeypatch.setattr(denials, "ENOUGH", 4)
    server = _restricted(tmp_path, '"$JS.API.INFO", "$JS.API.STREAM.LIST"')
    async with server, _as(server, "all") as owner, _as(server, "few") as connection:
        for _ in range(12):
            anybody = Anybody(owner)
            await anybody.make_stream(storage="memory")
            await anybody.make_consumer()
        snapshot = await LiveTriage(connection).look()
    assert snapshot.requests == 2 + 4
    (line, *_) = snapshot.not_permitted
    assert "and 1 more; it needs to publish to $JS.API.CONSUMER.LIST.*" in line
    assert not any(stream.knows_consumers for stream in snapshot.streams)


async def test_a_snapshot_can_be_kept(connection: Connection, triage: LiveTriage) -> None:
    anybody = Anybody(connection)
    await anybody.make_stream(metadata={"a": "b"})
    await anybody.make_consumer(max_deliver=3)
    await anybody.publish(1)
    snapshot = await triage.look()
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot), type=TriageSnapshot)
    assert kept == snapshot
    assert kept.verdicts_of(anybody.stream, "worker") == anybody.verdicts(snapshot)


async def test_answers_may_not_be_heard(tmp_path: Path) -> None:
    config = """
    authorization { users: [ { user: few, password: p, permissions: {
      publish: [">"], subscribe: ["other.>"] } } ] }
    """
    async with NatsServer(tmp_path, config=config) as server, _as(server, "few") as connection:
        await until(lambda: connection.denied)
        snapshot = await LiveTriage(connection, timeout=0.3).look()
    assert snapshot.problem_kind == "not-permitted"
    assert "_INBOX.>" in snapshot.problem
    assert snapshot.worst == "unknown"


async def test_an_account_without_jetstream(tmp_path: Path) -> None:
    server = _restricted(tmp_path, '">"')
    async with server, _as(server, "outsider") as connection:
        snapshot = await LiveTriage(connection).look()
    assert snapshot.problem_kind == "no-jetstream"
    assert "not for this account" in snapshot.problem
    assert snapshot.streams_total is None
    assert snapshot.worst == "unknown"


async def test_a_domain_that_is_not_there(nats_server: NatsServer) -> None:
    options = ConnectionOptions(servers=(nats_server.url,), js_domain="hbu")
    async with Connection(options) as connection:
        snapshot = await LiveTriage(connection).look()
    assert snapshot.problem_kind == "wrong-domain"
    assert "'hbu'" in snapshot.problem


def test_slow_answers_are_asked_for_less_often() -> None:
    assert wait_after(0.1, 300) == 2.0
    assert wait_after(4.0, 300) == 16.0
    assert wait_after(60.0, 300) == 30.0
    assert wait_after(4.0, 3) == 5.0, "few requests burden nobody"
    assert wait_after(4.0, 3, at_least=10.0) == 10.0


async def test_a_server_that_is_too_old() -> None:
    async with (
        FakeNats(version="2.9.25", server_name="old") as server,
        Connection(ConnectionOptions(servers=(server.url,))) as connection,
    ):
        triage = LiveTriage(connection, timeout=0.2)
        snapshot = await triage.look()
    assert snapshot.problem_kind == "too-old"
    assert "2.9.25" in snapshot.problem
    assert snapshot.worst == "unknown"
