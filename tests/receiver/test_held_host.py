"""One host's file cannot be written: it waits, the others flow, and in the end nothing is lost."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from natsconsole.domain.receivers import HostsRequest, HostStatus
from natsconsole.gateway.jetstream import JetStream
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

SMALL = ConsumerSettings(ack_wait_seconds=1.0, max_ack_pending=20)
LARGE = ConsumerSettings(ack_wait_seconds=60.0, max_ack_pending=200)


def written(out: Path, source: Source) -> bytes:
    path = out / source.host / source.name
    return path.read_bytes() if path.is_file() else b""


async def until_written(out: Path, *sources: Source) -> None:
    for source in sources:
        await until(partial(is_written, out, source), within=30, why=f"{source.host} is written")


def is_written(out: Path, source: Source) -> bool:
    return written(out, source) == source.content


def host(receiver: Receiver, name: str) -> HostStatus:
    (status,) = receiver.hosts(HostsRequest(hosts=(name,))).hosts
    return status


def break_file(out: Path, source: Source) -> Callable[[], None]:
    """Put a directory where the host's file should be; the result takes it away."""
    path = out / source.host / source.name
    path.mkdir(parents=True)
    return path.rmdir


@pytest.mark.parametrize("policy", ["explicit", "all", "none"])
async def test_the_others_flow_and_it_goes_on_in_order(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    jetstream = await make_stream(connection)
    out = tmp_path / "out"
    broken, well = Source(connection, "broken"), Source(connection, "well")
    heal = break_file(out, broken)
    config = receiver_config(out, ack_policy=policy, settings=LARGE)
    async with running(nats_server, config) as receiver:
        await broken.publish_lines(5)
        await well.publish_lines(5)
        await until_written(out, well)
        await until(lambda: host(receiver, "broken").held)
        assert "is a directory" in host(receiver, "broken").reason
        await until(lambda: receiver.status("").held_messages == 5)
        heal()
        await broken.publish_lines(5)
        await until_written(out, broken, well)
        await until(lambda: not host(receiver, "broken").held)
        status = receiver.status("")
        assert (status.held_messages, status.lost, status.out_of_order) == (0, 0, 0)
        assert status.redelivered == 0

        async def settled() -> bool:
            return await outstanding(jetstream) == 0

        await until(settled)


async def outstanding(jetstream: JetStream) -> int:
    return sum(found.num_ack_pending for found in await jetstream.consumers("LOGS"))


@pytest.mark.parametrize("policy", ["explicit", "all"])
async def test_it_is_parked_and_filled_up_from_the_stream(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    jetstream = await make_stream(connection)
    out = tmp_path / "out"
    broken, well = Source(connection, "broken"), Source(connection, "well")
    heal = break_file(out, broken)
    config = receiver_config(out, ack_policy=policy, settings=SMALL)
    async with running(nats_server, config) as receiver:
        for _ in range(10):
            await broken.publish_lines(10)
            await well.publish_lines(10)
        await until_written(out, well)
        await until(lambda: receiver.status("").parked_hosts == 1)
        assert host(receiver, "broken").parked_from > 0

        async def settled() -> bool:
            return await outstanding(jetstream) == 0

        await until(settled, why="parked lines are acknowledged")
    async with running(nats_server, config) as receiver:
        await until(lambda: receiver.status("").parked_hosts == 1, why="it is parked after a start")
        await broken.publish_lines(10)
        heal()
        await broken.publish_lines(10)
        await until_written(out, broken, well)
        await until(lambda: receiver.status("").parked_hosts == 0)
        await broken.publish_lines(10)
        await until_written(out, broken)
        await until(lambda: receiver.status("").written_lines == 230)
        status = receiver.status("")

    assert (status.lost, status.out_of_order) == (0, 0)


async def test_an_io_error_of_one_file_stops_no_other(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    append = Archive.append
    failing = {"broken/app.log"}

    def fail(self: Archive, path: str, pieces: Sequence[bytes]) -> None:
        if path in failing:
            append(self, path, [pieces[0][: len(pieces[0]) // 2]])
            raise OSError(errno.EIO, "Input/output error", path)
        append(self, path, pieces)

    monkeypatch.setattr(Archive, "append", fail)
    broken, well = Source(connection, "broken"), Source(connection, "well")
    async with running(nats_server, receiver_config(out)) as receiver:
        await broken.publish_lines(5)
        await well.publish_lines(5)
        await until_written(out, well)
        await until(lambda: host(receiver, "broken").held)
        # In the disk thread, which tries again now and then.
        found = await receiver._around.disk.call(lambda: written(out, broken))
        assert found == b"", "half a line was taken back"
        failing.clear()
        await until_written(out, broken)


async def test_a_directory_removed_under_us_is_made_again(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(out)) as receiver:
        await source.publish_lines(5)
        await until(lambda: receiver.status("").written_lines == 5)
        shutil.rmtree(out / "web1")
        before, source.content = source.content, b""
        await source.publish_lines(5)
        await until_written(out, source)
        await until(lambda: receiver.status("").written_lines == 10)
    assert before
