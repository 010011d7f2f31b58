"""Room in the stream: what everybody has passed is purged, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from natsconsole.gateway.jetstream import API_PREFIX, JetStream
from natsconsole.gateway.log_stream import LogStream
from natsconsole.receiver import opening, partition_worker, room
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

SMALL = LogStream(partitions=2, max_age_seconds=3600, max_bytes=200_000)
LINE = b"x" * 1000 + b"\n"


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "INTERVAL", 0.1)
    monkeypatch.setattr(room, "SOON", 0.05)
    monkeypatch.setattr(partition_worker, "LOOK_AGAIN", 0.3)


def is_written(out: Path, source: Source) -> bool:
    path = out / source.host / source.name
    return path.exists() and path.read_bytes() == source.content


async def until_written(out: Path, *sources: Source) -> None:
    for source in sources:
        await until(partial(is_written, out, source), within=30, why=f"{source.host} is written")


async def publish(source: Source, connection: Connection, *, tries: int = 1000) -> bool:
    """Publish one line as a shipper does: again and again while the stream is full."""
    line = b"%06d " % len(source.content) + LINE
    for _ in range(tries):
        reply = await connection.request(f"logs.{source.host}", line)
        if b'"error"' not in reply.data:
            source.content += line
            source.name = f"{source.host}.log"
            return True
        await asyncio.sleep(0.02)
    return False


async def fill(connection: Connection, source: Source) -> int:
    """Publish until the stream refuses."""
    count = 0
    while await publish(source, connection, tries=1):
        count += 1
    return count


async def make_consumer(connection: Connection, name: str, **config: Any) -> None:
    body = {"stream_name": "LOGS", "config": {"durable_name": name, **config}}
    reply = await connection.request(
        f"{API_PREFIX}.CONSUMER.CREATE.LOGS.{name}", msgspec.json.encode(body)
    )
    assert b'"error"' not in reply.data, reply.data


async def first_sequence(jetstream: JetStream) -> int:
    return (await jetstream.stream_info("LOGS")).state.first_seq


def alarms(receiver: Receiver) -> str:
    return "\n".join(receiver.status("").alarms)


@contextlib.asynccontextmanager
async def two_groups(server: NatsServer, tmp_path: Path) -> AsyncIterator[list[Receiver]]:
    one, two = receiver_config(tmp_path / "a"), receiver_config(tmp_path / "b", group="copy")
    async with running(server, one) as first, running(server, two) as second:
        yield [first, second]


async def test_a_full_stream_never_blocks_a_fleet_whose_lines_are_written(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """Ten times the stream's size goes through it; every publish succeeds in the end."""
    jetstream = await make_stream(connection, SMALL)
    sources = [Source(connection, f"web{number}") for number in range(4)]
    async with two_groups(nats_server, tmp_path) as receivers:
        for _ in range(10 * SMALL.max_bytes // len(LINE) // len(sources)):
            for source in sources:
                assert await publish(source, connection)
        await until_written(tmp_path / "a", *sources)
        await until_written(tmp_path / "b", *sources)
        await until(lambda: alarms(receivers[0]) == "")
    info = await jetstream.stream_info("LOGS")
    assert info.state.bytes > 0.3 * SMALL.max_bytes, "some history stays to be looked at"


@pytest.mark.parametrize(
    "config",
    [
        {"ack_policy": "explicit"},
        {"ack_policy": "all", "filter_subjects": ["logs.*.web1", "logs.*.nobody"]},
        {"ack_policy": "explicit", "deliver_subject": "somewhere", "max_ack_pending": 1},
        {"ack_policy": "none"},
    ],
    ids=["explicit", "several filters", "push", "none"],
)
async def test_what_somebody_elses_consumer_still_needs_stays(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, config: dict[str, Any]
) -> None:
    jetstream = await make_stream(connection, SMALL)
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        for _ in range(3):
            await publish(source, connection)
        await until_written(tmp_path / "out", source)
        await make_consumer(connection, "theirs", deliver_policy="all", **config)
        await fill(connection, source)
        await until(lambda: "consumer theirs still needs its oldest messages" in alarms(receiver))
        assert await first_sequence(jetstream) == 1
        await jetstream.delete_consumer("LOGS", "theirs")
        for _ in range(100):
            assert await publish(source, connection)
        await until_written(tmp_path / "out", source)
        await until(lambda: alarms(receiver) == "")


async def test_an_idle_partition_holds_nothing_up(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """Its ack floor is old: its filter has matched nothing for long."""
    await make_stream(connection, SMALL)
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path / "out")):
        for _ in range(600):
            assert await publish(source, connection)
        await until_written(tmp_path / "out", source)


async def test_a_partition_without_consumer_is_not_purged(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """Its receiver has not come yet, or somebody has deleted its consumer."""
    jetstream = await make_stream(connection, SMALL)
    sources = [Source(connection, f"web{number}") for number in range(6)]
    out = tmp_path / "out"
    half = receiver_config(out, partitions=frozenset({0}))
    async with running(nats_server, half) as receiver:
        while all([await publish(source, connection, tries=1) for source in sources]):
            pass
        await until(lambda: "partition 1, without a consumer now, still needs" in alarms(receiver))
        assert await first_sequence(jetstream) == 1
        rest = receiver_config(out, name="receiver-2", partitions=frozenset({1}))
        async with running(nats_server, rest):
            for source in sources:
                assert await publish(source, connection)
            await until_written(out, *sources)


async def test_partitions_that_nobody_knows_yet_are_not_purged(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection, SMALL)
    sources = [Source(connection, f"web{number}") for number in range(8)]
    out = tmp_path / "out"
    async with running(nats_server, receiver_config(out)) as receiver:
        more = LogStream(partitions=6, max_age_seconds=3600, max_bytes=SMALL.max_bytes)
        await make_stream(connection, more)
        while all([await publish(source, connection, tries=1) for source in sources]):
            pass
        await until(lambda: "has 6 partitions now" in alarms(receiver))
        await asyncio.sleep(0.3)
        assert await first_sequence(jetstream) == 1
    async with running(nats_server, receiver_config(out)):
        for source in sources:
            assert await publish(source, connection)
        await until_written(out, *sources)


async def test_lines_of_a_parked_host_are_not_purged(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection, SMALL)
    out = tmp_path / "out"
    parked, well = Source(connection, "parked"), Source(connection, "well")
    (out / "parked" / "parked.log").mkdir(parents=True)
    few = ConsumerSettings(ack_wait_seconds=1.0, max_ack_pending=10)
    async with (
        two_groups(nats_server, tmp_path),
        running(nats_server, receiver_config(out, group="third", settings=few)) as receiver,
    ):
        for _ in range(20):
            assert await publish(parked, connection)
        await until(lambda: receiver.status("").parked_hosts == 1, within=30)
        await fill(connection, well)
        await asyncio.sleep(0.3)
        assert await first_sequence(jetstream) == 1
        (out / "parked" / "parked.log").rmdir()
        for _ in range(300):
            assert await publish(well, connection, tries=500)
        await until_written(out, parked, well)


async def test_where_receivers_do_not_know_of_each_other_nothing_is_purged(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with nats-server 2.10: what another group has parked lies below its ack floor."""
    monkeypatch.setattr(opening, "HAS_TTL", (99, 0, 0))
    jetstream = await make_stream(connection, SMALL)
    parked, well = Source(connection, "parked"), Source(connection, "well")
    (tmp_path / "b" / "parked" / "parked.log").mkdir(parents=True)
    both = frozenset({0, 1})
    few = ConsumerSettings(ack_wait_seconds=1.0, max_ack_pending=10)
    one = receiver_config(tmp_path / "a", partitions=both)
    two = receiver_config(tmp_path / "b", partitions=both, group="copy", settings=few)
    async with running(nats_server, one) as first, running(nats_server, two) as second:
        for _ in range(20):
            assert await publish(parked, connection)
        await until(lambda: second.status("").parked_hosts == 1, within=30)
        await fill(connection, well)
        await until(lambda: "nothing is purged, do it yourself" in alarms(first))
        await until_written(tmp_path / "b", well)
        assert await first_sequence(jetstream) == 1
        (tmp_path / "b" / "parked" / "parked.log").rmdir()
        await until_written(tmp_path / "b", parked)
