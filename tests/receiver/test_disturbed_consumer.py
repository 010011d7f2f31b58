"""What others do to our consumers: nothing is lost or doubled, and it is said in words."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from natsconsole.gateway.jetstream import API_PREFIX, JetStream
from natsconsole.gateway.log_stream import LogStream
from natsconsole.receiver import partition_worker, pull
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.pull import PRIORITY_GROUP
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

ONE = LogStream(partitions=1, max_age_seconds=3600, max_bytes=64 << 20)
FIRST = "archive-p0-explicit-1"


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_worker, "LOOK_AGAIN", 0.3)
    monkeypatch.setattr(pull, "EXPIRES", 0.5)
    monkeypatch.setattr(pull, "HEARTBEAT", 0.1)


class Bench:
    """One receiver of one partition, and what a test does to it from outside."""

    def __init__(self, receiver: Receiver, jetstream: JetStream, connection: Connection) -> None:
        self.receiver = receiver
        self.jetstream = jetstream
        self.connection = connection
        self.requests: list[str] = []
        self.sources = [Source(connection, "web1"), Source(connection, "web2")]

    @property
    def alarms(self) -> str:
        return "\n".join(self.receiver.status("").alarms)

    async def consumer(self) -> str:
        (found,) = [
            one.name
            for one in await self.jetstream.consumers("LOGS")
            if one.name.startswith("archive-")
        ]
        return found

    async def edit(self, **changes: Any) -> None:
        name = await self.consumer()
        config = (await self.jetstream.consumer_info("LOGS", name)).config | changes
        await self.jetstream.edit_consumer("LOGS", config["durable_name"], config)

    async def publish(self, count: int = 10) -> None:
        for _ in range(count):
            for source in self.sources:
                await source.publish_lines(1)

    def is_identical(self) -> bool:
        out = self.receiver.config.directory
        return all(
            (out / one.host / one.name).exists()
            and (out / one.host / one.name).read_bytes() == one.content
            for one in self.sources
        )

    async def until_identical(self, *, within: float = 30) -> None:
        await until(self.is_identical, within=within, why="all is written, once and in order")
        status = self.receiver.status("")
        counted = (status.lost, status.doubled, status.out_of_order, status.quarantined)
        assert counted == (0, 0, 0, 0)

    def count(self, verb: str) -> int:
        return sum(verb in subject for subject in self.requests)


@pytest_asyncio.fixture
async def bench(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> AsyncIterator[Bench]:
    jetstream = await make_stream(connection, ONE)
    # What comes again comes because we ask for it: ack wait is not over within a test.
    settings = ConsumerSettings(ack_wait_seconds=60.0, max_ack_pending=200)
    config = receiver_config(tmp_path / "out", settings=settings)
    async with running(nats_server, config) as receiver:
        bench = Bench(receiver, jetstream, connection)
        await connection.subscribe(
            f"{API_PREFIX}.>", lambda subject, *_: bench.requests.append(subject)
        )
        await bench.publish()
        await bench.until_identical()
        yield bench


@pytest.mark.parametrize(
    "edit",
    [
        {"ack_wait": 200_000_000},
        {"max_ack_pending": 3},
        {"max_deliver": 2},
        {"description": "mine now"},
        {"headers_only": True},
        {"filter_subject": "logs.0.web1"},
        {"max_batch": 10},
        {"max_expires": 100_000_000},
        {"priority_policy": "none", "priority_groups": None, "priority_timeout": 0},
    ],
    ids=lambda edit: next(iter(edit)),
)
async def test_edited_under_us(bench: Bench, edit: dict[str, Any]) -> None:
    bench.requests.clear()
    await bench.edit(**edit)
    await bench.publish()
    await bench.until_identical()
    await until(lambda: bench.count("MSG.NEXT") >= 3 and bench.count("CONSUMER.INFO") >= 3)
    await bench.publish()
    await bench.until_identical()
    assert bench.count("RESET") <= 5, "no hot loop of take-overs"


async def test_a_narrowed_filter_is_said(bench: Bench) -> None:
    await bench.edit(filter_subject="logs.0.nobody")
    await until(lambda: f"somebody changed filter_subject of consumer {FIRST}" in bench.alarms)


async def test_paused_by_the_api(bench: Bench) -> None:
    async def pause(seconds: float) -> None:
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        await bench.connection.request(
            f"{API_PREFIX}.CONSUMER.PAUSE.LOGS.{FIRST}",
            json.dumps({"pause_until": ends.isoformat()}).encode(),
        )

    await pause(3600)
    bench.requests.clear()
    began = time.monotonic()
    await bench.publish()
    await until(lambda: bench.receiver.status("").partitions[0].state == "paused")
    assert f"consumer {FIRST} is paused by somebody" in bench.receiver.status("").reason
    await asyncio.sleep(1)
    pulls_in_time = (time.monotonic() - began) / pull.EXPIRES
    assert bench.count("MSG.NEXT") <= 2 * pulls_in_time + 2, "no hot loop of pulls"
    assert not bench.is_identical()
    await pause(1)
    await bench.until_identical()
    await until(lambda: bench.receiver.status("").partitions[0].state == "running")


@pytest.mark.parametrize("policy", ["explicit", "none"])
async def test_replaced_by_another_of_the_same_name(bench: Bench, policy: str) -> None:
    config = (await bench.jetstream.consumer_info("LOGS", FIRST)).config
    await bench.jetstream.delete_consumer("LOGS", FIRST)
    await bench.publish()
    config |= {"ack_policy": policy, "metadata": {}, "deliver_policy": "new"}
    for key in ("priority_policy", "priority_groups", "priority_timeout", "ack_wait", "max_waiting",
                "max_ack_pending", "max_deliver"):  # fmt: skip
        config.pop(key, None)
    for name in (FIRST, "archive-p0-explicit-2", "archive-p0-explicit-3"):
        body = {"stream_name": "LOGS", "config": config | {"durable_name": name, "name": name}}
        await bench.connection.request(
            f"{API_PREFIX}.CONSUMER.CREATE.LOGS.{name}", msgspec.json.encode(body)
        )
    await bench.publish()
    await bench.until_identical()


async def test_replaced_by_a_push_consumer(bench: Bench) -> None:
    config = (await bench.jetstream.consumer_info("LOGS", FIRST)).config
    await bench.jetstream.delete_consumer("LOGS", FIRST)
    for key in ("priority_policy", "priority_groups", "priority_timeout", "max_waiting"):
        config.pop(key, None)
    body = {"stream_name": "LOGS", "config": config | {"deliver_subject": "somewhere.else"}}
    await bench.connection.request(
        f"{API_PREFIX}.CONSUMER.CREATE.LOGS.{FIRST}", msgspec.json.encode(body)
    )
    await bench.publish()
    await bench.until_identical()


async def test_unpinned_by_somebody(bench: Bench) -> None:
    for _ in range(3):
        await bench.jetstream.unpin_consumer("LOGS", FIRST, PRIORITY_GROUP)
        await bench.publish(3)
    await bench.until_identical()
    assert bench.receiver.status("").redelivered == 0


async def test_another_client_steals_the_pin(bench: Bench) -> None:
    """Whatever it does, the lines are written: in the end from a consumer it does not know."""
    stolen: list[str] = []
    inbox = bench.connection.new_inbox()
    await bench.connection.subscribe(
        inbox, lambda _subject, reply, *_: stolen.append(reply) if reply else None
    )
    ended = asyncio.Event()

    async def steal() -> None:
        while not ended.is_set():
            await bench.jetstream.unpin_consumer("LOGS", FIRST, PRIORITY_GROUP)
            request = {"batch": 100, "expires": int(5e9), "group": PRIORITY_GROUP}
            await bench.connection.publish(
                f"{API_PREFIX}.CONSUMER.MSG.NEXT.LOGS.{FIRST}",
                json.dumps(request).encode(),
                reply=inbox,
            )
            bench.connection.send((reply, b"+ACK") for reply in stolen)
            await asyncio.sleep(0.02)

    thief = asyncio.create_task(steal())
    try:
        await until(lambda: thief.done() or bench.count("MSG.NEXT") > 20)
        await bench.publish(20)
        await bench.until_identical(within=30)
    finally:
        ended.set()
        await asyncio.gather(thief, return_exceptions=True)
    assert stolen


async def test_reset_by_somebody(bench: Bench) -> None:
    await bench.jetstream.reset_consumer("LOGS", FIRST, 1)
    await bench.publish()
    await bench.until_identical()
