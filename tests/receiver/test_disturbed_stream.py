"""What is done to the stream under us: purged, made anew, set back, aged, given more partitions."""

from __future__ import annotations

import asyncio
import shutil
import time
from functools import partial
from pathlib import Path

import pytest

from natsconsole.domain.receivers import HostsRequest
from natsconsole.gateway.jetstream import API_PREFIX, JetStream
from natsconsole.gateway.log_stream import LogStream
from natsconsole.receiver import partition_worker, room
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.partition import Partition
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from shipper.wire import SourceRange, publish_subject
from tests.support.nats_server import NatsServer
from tests.support.patience import PatientConnection, patient_options
from tests.support.pipeline import STREAM, Source, make_stream, receiver_config, running
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_worker, "LOOK_AGAIN", 0.3)
    monkeypatch.setattr(room, "INTERVAL", 0.3)


def written(out: Path, source: Source) -> bytes:
    path = out / source.host / source.name
    return path.read_bytes() if path.exists() else b""


async def until_written(out: Path, *sources: Source, within: float = 30) -> None:
    for source in sources:
        await until(
            partial(_is_identical, out, source),
            within=within,
            why=f"{source.host} is written, once and in order",
        )


def _is_identical(out: Path, source: Source) -> bool:
    return written(out, source) == source.content


async def purge(connection: Connection, body: bytes = b"") -> None:
    await connection.request(f"{API_PREFIX}.STREAM.PURGE.LOGS", body)


async def make_anew(connection: Connection, spec: LogStream = STREAM) -> JetStream:
    await connection.request(f"{API_PREFIX}.STREAM.DELETE.LOGS")
    return await make_stream(connection, spec)


async def resend(connection: Connection, source: SourceRange, payload: bytes) -> None:
    """Send a message again, as a shipper that was not told of the first time."""
    await connection.request(
        publish_subject("logs", source.host), payload, headers=source.headers()
    )


def alarms(receiver: Receiver) -> str:
    return "\n".join(receiver.status("").alarms)


async def test_purged_while_up_to_date(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    sources = [Source(connection, "web1"), Source(connection, "web2")]
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        for body in (b"", b'{"filter":"logs.*.web1"}', b'{"seq":45}'):
            for source in sources:
                await source.publish_lines(10)
            await until_written(tmp_path / "out", *sources)
            await purge(connection, body)
        for source in sources:
            await source.publish_lines(10)
        await until_written(tmp_path / "out", *sources)
        status = receiver.status("")
        assert (status.lost, status.doubled, status.out_of_order) == (0, 0, 0)


@pytest.mark.parametrize(
    ("body", "lost"),
    [(b"", 40), (b'{"filter":"logs.*.web1"}', 20), (b'{"seq":31}', 10)],
    ids=["whole", "subject", "sequence"],
)
async def test_purged_while_behind(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, body: bytes, lost: int
) -> None:
    """What was purged unread is lost, and the account says how many lines, and which bytes."""
    await make_stream(connection)
    sources = [Source(connection, "web1"), Source(connection, "web2")]
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        for source in sources:
            await source.publish_lines(10)
        await until_written(tmp_path / "out", *sources)
        receiver.pause()
        await until(lambda: receiver.status("").state == "paused")
        await until(lambda: all(map(has_no_open_pull, receiver._partitions)))
        for source in sources:
            await source.publish_lines(20)
        await purge(connection, body)
        for source in sources:
            await source.publish_lines(5)
        receiver.resume()
        await until(lambda: receiver.status("").written_lines == 70 - lost, within=30)
        assert receiver.status("").lost == lost
        assert receiver.status("").out_of_order == 0
        await asyncio.wait_for(receiver.wait_until_idle(0.1), 30)


def has_no_open_pull(partition: Partition) -> bool:
    """Whether the pull request has ended that was open when the receiver paused."""
    return partition.pull is not None and partition.pull.is_quiet


async def test_idle_is_noticed_though_the_rest_was_purged(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    monkeypatch.setattr(partition_worker, "BATCH", 4)
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        receiver.pause()
        await until(lambda: receiver.status("").state == "paused")
        await source.publish_lines(50)
        receiver.resume()
        receiver.pause()
        await purge(connection)
        receiver.resume()
        await asyncio.wait_for(receiver.wait_until_idle(0.3), 30)


async def test_made_anew_under_load(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of the old stream are in flight in several partitions while the new one begins."""
    spec = LogStream(partitions=4, max_age_seconds=3600, max_bytes=64 << 20)
    await make_stream(connection, spec)
    sources = [Source(connection, f"web{number}") for number in range(12)]
    sync = Archive.sync

    def slow_sync(archive: Archive) -> None:
        time.sleep(0.15)
        sync(archive)

    out = tmp_path / "out"
    async with running(nats_server, receiver_config(out)) as receiver:
        for turn in range(3):
            last = [await source.publish(b"first %d\n" % turn) for source in sources]
            await until_written(out, *sources)
            monkeypatch.setattr(Archive, "sync", slow_sync)
            before = {source.host: source.content for source in sources}
            for source in sources:
                await source.publish_lines(10)
            await make_anew(connection, spec)
            for source, range_ in zip(sources, last, strict=True):
                await resend(connection, range_, b"first %d\n" % turn)
                await source.publish(b"the new stream's, %d\n" % turn)
            monkeypatch.setattr(Archive, "sync", sync)
            for source in sources:
                await until(
                    partial(_ends_with, out, source, b"the new stream's, %d\n" % turn),
                    within=30,
                    why=f"{source.host}: the new stream's line is written",
                )
                # What was still unread in the old stream is gone; what is there is in order.
                found = written(out, source)
                lines = found.splitlines()
                assert lines == [one for one in source.content.splitlines() if one in set(lines)]
                assert found.startswith(before[source.host])
                source.content = found
        total = sum(source.content.count(b"\n") for source in sources)
        await until(lambda: receiver.status("").written_lines == total, why="the account goes on")
        assert "was re-created" in alarms(receiver)


def _ends_with(out: Path, source: Source, end: bytes) -> bool:
    return written(out, source).endswith(end)


@pytest.mark.parametrize("partitions", [2, 5, 1])
async def test_made_anew_resent_lines_are_recognised(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, partitions: int
) -> None:
    await make_stream(connection)
    sources = [Source(connection, f"web{number}") for number in range(6)]
    out = tmp_path / "out"
    async with running(nats_server, receiver_config(out)):
        for source in sources:
            await source.publish_lines(5)
        last = [await source.publish(b"acknowledged, and nobody heard\n") for source in sources]
        await until_written(out, *sources)
    await make_anew(connection, LogStream(partitions=partitions, max_age_seconds=3600))
    async with running(nats_server, receiver_config(out)) as receiver:
        for source, range_ in zip(sources, last, strict=True):
            await resend(connection, range_, b"acknowledged, and nobody heard\n")
            await source.publish_lines(2)
        await until_written(out, *sources)
        status = receiver.status("")
        assert (status.lost, status.doubled, status.out_of_order) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["ranges", "plain"])
@pytest.mark.parametrize("more", [3, 300], ids=["still lower", "higher again"])
async def test_set_back_to_a_copy(tmp_path: Path, kind: str, more: int) -> None:
    """Old sequences name new messages, also where the stream is as high again before we look."""
    server = NatsServer(tmp_path / "nats")
    await server.start()
    out, store = tmp_path / "out", server.directory / "store"
    async with _connected(server) as connection:
        await make_stream(connection)
        sources = [Source(connection, f"web{number}") for number in range(4)]

        async def publish(count: int) -> None:
            for number in range(count):
                source = sources[number % len(sources)]
                if kind == "ranges":
                    await source.publish_lines(1)
                else:
                    line = b"plain %d\n" % len(source.content)
                    await connection.request(f"logs.{source.host}", line)
                    source.content += line
                    source.name = f"{source.host}.log"

        async with running(server, receiver_config(out)):
            await publish(50)
            await until_written(out, *sources)
        await server.stop()
        shutil.copytree(store, tmp_path / "copy")
        await server.start()
        await connection.wait_connected(30)
        async with running(server, receiver_config(out)):
            for _ in range(5):
                await publish(50)
                await until_written(out, *sources)
        await server.kill()
        before = {source.host: source.content for source in sources}
        shutil.rmtree(store)
        shutil.copytree(tmp_path / "copy", store)
        await server.start()
        await connection.wait_connected(30)
        await publish(more)
        async with running(server, receiver_config(out)) as receiver:
            if kind == "ranges":
                await until_written(out, *sources)
            for source in sources:
                # Plain lines say not where they belong: some of before come twice, none is lost.
                end = source.content[len(before[source.host]) :]
                await until(partial(_ends_with, out, source, end), within=30)
                assert written(out, source).startswith(before[source.host])
                source.content = written(out, source)
            status = receiver.status("")
            assert (status.lost, status.out_of_order) == (0, 0)
            assert "was set back" in alarms(receiver)
            await publish(8)
            await until_written(out, *sources)
    await server.stop()


def _connected(server: NatsServer) -> Connection:
    return PatientConnection(patient_options(server.url))


async def keep(jetstream: JetStream, *, seconds: int) -> None:
    """Let the stream keep its messages for so long."""
    config = (await jetstream.stream_info("LOGS")).config
    second = 1_000_000_000
    await jetstream.update_stream(
        config | {"max_age": seconds * second, "duplicate_window": second}
    )


async def test_unread_lines_expire(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """Before they do an alarm says so; afterwards the account has them, with their range."""
    jetstream = await make_stream(connection, LogStream(partitions=1, max_age_seconds=3600))
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        await source.publish_lines(3)
        await until_written(tmp_path / "out", source)
        read = source.content
        (consumer,) = await jetstream.consumers("LOGS")
        paused = f"{API_PREFIX}.CONSUMER.PAUSE.LOGS.{consumer.name}"
        await connection.request(paused, b'{"pause_until":"2999-01-01T00:00:00Z"}')
        lost = [await source.publish(b"one\n"), await source.publish(b"two\nthree\n")]
        await keep(jetstream, seconds=20)  # and half of it is time to hear the alarm
        await until(lambda: "the oldest unread message is" in alarms(receiver))

        async def is_expired() -> bool:
            return (await jetstream.stream_info("LOGS")).state.messages == 0

        await keep(jetstream, seconds=1)
        await until(is_expired)
        await keep(jetstream, seconds=3600)
        await connection.request(paused)
        source.content = read
        await source.publish_lines(2)
        await until_written(tmp_path / "out", source)
        await until(lambda: receiver.status("").lost == 3)
        (status,) = receiver.hosts(HostsRequest()).hosts
        (gap,) = status.lost_ranges
        assert (gap.start, gap.end, gap.lines) == (lost[0].start, lost[1].end, 3)
        await until(lambda: "the oldest unread message is" not in alarms(receiver))


async def test_more_partitions_are_noticed(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    sources = [Source(connection, f"web{number}") for number in range(8)]
    out = tmp_path / "out"
    async with running(nats_server, receiver_config(out)) as receiver:
        for source in sources:
            await source.publish_lines(5)
        await until_written(out, *sources)
        await make_stream(connection, LogStream(partitions=6, max_age_seconds=3600))
        await until(lambda: "has 6 partitions now, its receivers know 2" in alarms(receiver))
        for source in sources:
            await source.publish_lines(5)
    async with running(nats_server, receiver_config(out)) as receiver:
        await until_written(out, *sources)
        status = receiver.status("")
        assert (status.lost, status.doubled, status.out_of_order) == (0, 0, 0)
        assert alarms(receiver) == ""
