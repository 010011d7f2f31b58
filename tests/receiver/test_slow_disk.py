"""A disk that takes longer than ack wait, and than a lease: nothing comes again, all answer."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from natsconsole.domain.receivers import ReceiverStatus, control_subject
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.control import Control
from natsconsole.receiver.membership import TTL
from natsconsole.receiver.opening import open_receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.patience import patient_options
from tests.support.pipeline import Source, make_stream, receiver_config
from tests.support.waiting import until


@pytest.mark.parametrize("seconds", [pytest.param(3.0, marks=pytest.mark.long), 9.0])
async def test_a_sync_longer_than_ack_wait_and_lease(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
) -> None:
    jetstream = await make_stream(connection)
    sources = [Source(connection, f"web{number}") for number in range(4)]
    out = tmp_path / "out"
    sync = Archive.sync
    slow = asyncio.Event()

    def slow_sync(archive: Archive) -> None:
        if slow.is_set():
            slow.clear()
            time.sleep(seconds)
        sync(archive)

    def is_written() -> bool:
        return all(
            (out / one.host / one.name).exists()
            and (out / one.host / one.name).read_bytes() == one.content
            for one in sources
        )

    monkeypatch.setattr(Archive, "sync", slow_sync)
    settings = ConsumerSettings(ack_wait_seconds=seconds * 2 / 3, max_ack_pending=200)
    assert seconds < 5 or seconds > TTL
    options = patient_options(nats_server.url)
    async with (
        Connection(options) as logs,
        Connection(options) as control,
        open_receiver(receiver_config(out, settings=settings), logs, control) as receiver,
    ):
        await Control(receiver).serve_on(control)
        task = asyncio.create_task(receiver.run())
        for source in sources:
            await source.publish_lines(10)
        await until(is_written)
        slow.set()
        answers: list[float] = []
        members: set[tuple[str, ...]] = set()
        ends = time.monotonic() + seconds + 0.5
        while time.monotonic() < ends:
            for source in sources:
                await source.publish_lines(1)
            asked = time.monotonic()
            reply = await connection.request(f"{control_subject('archive', 'receiver-1')}.status")
            answers.append(time.monotonic() - asked)
            members.add(msgspec.json.decode(reply.data, type=ReceiverStatus).members)
            await asyncio.sleep(0.05)
        await until(is_written, within=30)
        status = receiver.status("")
        receiver.drain()
        await task
    answers.sort()
    assert answers[int(len(answers) * 0.95)] < seconds / 4, "no answer waits for the disk"
    assert members == {("receiver-1",)}
    assert (status.redelivered, status.lost, status.doubled, status.out_of_order) == (0, 0, 0, 0)
    assert not any(found.num_redelivered for found in await jetstream.consumers("LOGS"))
