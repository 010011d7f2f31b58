"""A parked host is filled up from the stream, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from natsconsole.domain.receivers import HostsRequest
from natsconsole.gateway.jetstream import API_PREFIX, StoredMessage
from natsconsole.gateway.stream_reader import StreamReader
from natsconsole.receiver import backfill
from natsconsole.receiver.config import ReceiverConfig
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

FEW = ConsumerSettings(ack_wait_seconds=1.0, max_ack_pending=10)


@pytest.fixture(autouse=True)
def _try_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "RETRY_FIRST", 0.05)
    monkeypatch.setattr(backfill, "RETRY_LONGEST", 0.2)


def is_written(out: Path, source: Source) -> bool:
    path = out / source.host / source.name
    return path.is_file() and path.read_bytes() == source.content


async def until_written(out: Path, *sources: Source) -> None:
    for source in sources:
        await until(
            partial(is_written, out, source),
            within=30,
            why=f"{source.name} of {source.host} is written, once and in order",
        )


def break_file(out: Path, source: Source) -> Callable[[], None]:
    path = out / source.host / source.name
    path.mkdir(parents=True)
    return path.rmdir


def parked_hosts(receiver: Receiver) -> int:
    return receiver.status("").parked_hosts


async def until_noticed(receiver: Receiver) -> None:
    """Wait until no backfill has in memory what the stream has dropped."""
    await until(lambda: any("has dropped" in one for one in receiver.status("").alarms))


def see_account(receiver: Receiver, *, lost: int = 0) -> None:
    status = receiver.status("")
    assert (status.lost, status.doubled, status.out_of_order) == (lost, 0, 0)


@contextlib.asynccontextmanager
async def parked(
    server: NatsServer, config: ReceiverConfig, source: Source
) -> AsyncIterator[tuple[Receiver, Callable[[], None]]]:
    """A receiver with one parked log, and what heals it."""
    heal = break_file(config.directory, source)
    async with running(server, config) as receiver:
        await source.publish_lines(20)
        await until(lambda: parked_hosts(receiver) == 1, why="it is parked")
        yield receiver, heal


async def test_a_replica_that_is_behind(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers that there is nothing more, or not yet all: the leader knows better."""
    await make_stream(connection)
    source = Source(connection, "web1")
    read = StreamReader.messages_from
    calls: list[int] = []

    async def lagging(
        reader: StreamReader, subject: str, sequence: int, *, batch: int, max_bytes: int = 1 << 20
    ) -> list[StoredMessage]:
        found = await read(reader, subject, sequence, batch=batch, max_bytes=max_bytes)
        calls.append(sequence)
        return [] if len(calls) % 2 else found[:3]

    monkeypatch.setattr(StreamReader, "messages_from", lagging)
    config = receiver_config(tmp_path / "out", settings=FEW)
    async with parked(nats_server, config, source) as (receiver, heal):
        heal()
        await source.publish_lines(5)
        await until_written(config.directory, source)
        await until(lambda: parked_hosts(receiver) == 0, within=30)
        await source.publish_lines(5)
        await until_written(config.directory, source)
        see_account(receiver)
    assert len(calls) > 10


async def test_restarted_in_the_middle(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    monkeypatch.setattr(backfill, "BATCH", 2)
    config = receiver_config(tmp_path / "out", settings=FEW)
    path = config.directory / source.host / source.name
    async with parked(nats_server, config, source) as (_, heal):
        await source.publish_lines(80)
        heal()
        await until(path.is_file)
    assert len(path.read_bytes()) < len(source.content), "it was in the middle"
    async with running(nats_server, config) as receiver:
        await source.publish_lines(10)
        await until_written(config.directory, source)
        await until(lambda: parked_hosts(receiver) == 0)
        see_account(receiver)


async def test_healed_and_broken_again(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    monkeypatch.setattr(backfill, "BATCH", 2)
    config = receiver_config(tmp_path / "out", settings=FEW)
    path = config.directory / source.host / source.name
    aside = tmp_path / "aside"
    aside.mkdir()
    async with parked(nats_server, config, source) as (receiver, heal):
        await source.publish_lines(100)
        heal()
        for turn in range(2):
            await until(path.is_file)
            await receiver._around.disk.call(partial(break_again, path, aside / str(turn)))
            await source.publish_lines(5)
            path.rmdir()
        await until(lambda: parked_hosts(receiver) == 0, within=30)
        await source.publish_lines(5)

        def all_is_there() -> bool:
            pieces = [one.read_bytes() for one in sorted(aside.iterdir())]
            last = path.read_bytes() if path.is_file() else b""
            return b"".join([*pieces, last]) == source.content

        await until(all_is_there, within=30)
        see_account(receiver)


def break_again(path: Path, aside: Path) -> None:
    """Put a directory in the file's place: in the disk thread, which would make it anew."""
    path.rename(aside)
    path.mkdir()


async def test_dropped_from_the_stream_meanwhile(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """An alarm says so, the account has them, and the backfill ends."""
    await make_stream(connection)
    source = Source(connection, "web1")
    config = receiver_config(tmp_path / "out", settings=FEW)
    async with parked(nats_server, config, source) as (receiver, heal):
        await connection.request(f"{API_PREFIX}.STREAM.PURGE.LOGS", b'{"seq":11}')
        await until_noticed(receiver)
        source.content = b"".join(source.content.splitlines(keepends=True)[10:])
        heal()
        await source.publish_lines(5)
        await until_written(config.directory, source)
        await until(lambda: parked_hosts(receiver) == 0)
        alarms = "\n".join(receiver.status("").alarms)
        assert "the stream has dropped messages from 1 to 10" in alarms
        assert "lines of web1" in alarms


async def test_all_dropped_from_the_stream(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    config = receiver_config(tmp_path / "out", settings=FEW)
    async with parked(nats_server, config, source) as (receiver, heal):
        await connection.request(f"{API_PREFIX}.STREAM.PURGE.LOGS")
        await until_noticed(receiver)
        source.content = b""
        heal()
        await until(lambda: parked_hosts(receiver) == 0)
        await source.publish_lines(5)
        await until_written(config.directory, source)
        await source.publish_lines(5)
        await until_written(config.directory, source)


async def test_made_anew_while_parked(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """What was parked is gone with the stream; nothing holds a purge of the new one up."""
    await make_stream(connection)
    source = Source(connection, "web1")
    config = receiver_config(tmp_path / "out", settings=FEW)
    async with parked(nats_server, config, source) as (receiver, heal):
        kept = receiver._around.leases.needed
        assert await kept()
        await connection.request(f"{API_PREFIX}.STREAM.DELETE.LOGS")
        await make_stream(connection)
        await until(lambda: parked_hosts(receiver) == 0)
        heal()
        source.content = b""
        await source.publish_lines(5)
        await until_written(config.directory, source)
        assert await kept() == {}


async def test_a_partition_stays_while_a_host_of_it_is_parked(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """Its lines can be filled up only here; healed, the other receiver gets its share."""
    await make_stream(connection)
    source = Source(connection, "web1")
    config = receiver_config(tmp_path / "out", settings=FEW)
    async with parked(nats_server, config, source) as (first, heal):
        (status,) = first.hosts(HostsRequest(hosts=("web1",))).hosts
        other = receiver_config(tmp_path / "there", name="receiver-2", settings=FEW)
        async with running(nats_server, other) as second:
            await until(lambda: second.status("").members == ("receiver-1", "receiver-2"))
            await source.publish_lines(10)
            assert first.status("").partitions[status.partition].owner == ""
            assert parked_hosts(first) == 1
            heal()
            await until_written(config.directory, source)
            await until(
                lambda: any(one.state == "running" for one in second.status("").partitions),
                within=30,
            )
            see_account(first)
            see_account(second)


async def test_one_log_of_several(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    broken, well = Source(connection, "web1"), Source(connection, "web1", name="access.log")
    well.file = "g1"
    config = receiver_config(tmp_path / "out", settings=FEW)
    async with parked(nats_server, config, broken) as (receiver, heal):
        await well.publish_lines(20)
        await until_written(config.directory, well)
        heal()
        await until_written(config.directory, broken, well)
        await until(lambda: parked_hosts(receiver) == 0)
        await broken.publish_lines(5)
        await until_written(config.directory, broken)
        see_account(receiver)


async def test_legacy_subjects(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    config = receiver_config(out, settings=FEW, legacy_subjects=True)
    path = out / "web1" / "web1.log"
    path.mkdir(parents=True)
    async with running(nats_server, config) as receiver:
        for number in range(20):
            await connection.request("logs.p4.web1", b"line %d" % number)
            await connection.request("logs.p4.web2", b"line %d" % number)
        await until(lambda: parked_hosts(receiver) == 1)
        shutil.rmtree(path)
        expected = b"".join(b"line %d\n" % number for number in range(20))
        await until(lambda: path.is_file() and path.read_bytes() == expected, within=30)
        await until(lambda: parked_hosts(receiver) == 0)
        well = out / "web2" / "web2.log"
        await until(lambda: well.is_file() and well.read_bytes() == expected)
