"""Driving receivers, and looking at messages, on a real pipeline."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from natsconsole.domain.advisories import Advisory
from natsconsole.domain.receivers import AnswerRule, MessageRequest, SettingsRequest
from natsconsole.gateway.interface import GatewayError, NotPermittedError
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.log_stream import LogStream
from natsconsole.receiver.control import Control
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import (
    PATIENT,
    STREAM,
    Source,
    make_stream,
    receiver_config,
    running,
)
from tests.support.waiting import until

WITHHOLD = AnswerRule(answer="withhold")


@pytest.fixture
async def gateway(connection: Connection) -> LiveGateway:
    await make_stream(connection)
    return LiveGateway(connection, "LOGS")


@contextlib.asynccontextmanager
async def served(
    server: NatsServer, connection: Connection, out: Path, **changes: object
) -> AsyncIterator[Receiver]:
    config = receiver_config(out, **({"settings": PATIENT} | changes))
    async with running(server, config) as receiver:
        await Control(receiver).serve_on(connection)
        yield receiver


@pytest.fixture
async def receiver(
    gateway: LiveGateway, nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> AsyncIterator[Receiver]:
    async with served(nats_server, connection, tmp_path / "out") as found:
        await until(lambda: found.status("").state == "running")
        await until(gateway.receivers)
        yield found


async def in_flight(gateway: LiveGateway, count: int) -> None:
    async def are_there() -> bool:
        return (await gateway.in_flight(None, 100)).total == count

    await until(are_there, why=f"{count} messages are in flight")


async def test_a_rule_and_settings_are_confirmed(gateway: LiveGateway, receiver: Receiver) -> None:
    rule = AnswerRule(answer="nak-delay", delay_seconds=3.0, share=0.5, hosts="web*")
    assert (await gateway.set_rule("receiver-1", rule)).rule == rule
    await gateway.set_settings(
        "receiver-1", SettingsRequest(ack_wait_seconds=7.0, max_deliver=5, max_ack_pending=50)
    )
    await until(lambda: receiver.status("").ack_wait_seconds == 7.0)
    (status,) = await gateway.receivers()
    assert (status.max_deliver, status.max_ack_pending) == (5, 100)
    with pytest.raises(GatewayError, match="must be at least 0\\.001 seconds"):
        await gateway.set_settings("receiver-1", SettingsRequest(ack_wait_seconds=-1.0))


async def test_every_message_in_flight_is_found_opened_and_answered(
    gateway: LiveGateway, receiver: Receiver, connection: Connection
) -> None:
    await gateway.set_rule("receiver-1", WITHHOLD)
    await Source(connection, "web1").publish_lines(3)
    await Source(connection, "db1").publish_lines(2)
    await in_flight(gateway, 5)

    found = await gateway.in_flight(None, 100)
    assert [one.sequence for one in found.messages] == [1, 2, 3, 4, 5]
    assert {one.receiver for one in found.messages} == {"receiver-1"}
    assert all(one.is_lab for one in found.messages)
    assert (await gateway.in_flight(None, 2)).total == 5
    assert len((await gateway.in_flight(None, 2)).messages) == 2
    assert len((await gateway.in_flight(["db1"], 100)).messages) == 2

    async def are_written() -> bool:
        found = await gateway.in_flight(None, 100)
        return all(one.message.written for one in found.messages)

    await until(are_written)
    opened = await gateway.open_message(2)
    assert opened is not None
    assert opened.in_flight is not None
    assert opened.message.host == "web1"
    assert opened.message.first_line == "web1 line 000001"
    assert dict(opened.message.headers)["Log-Host"] == "web1"
    assert not any(name.startswith("Nats-S") for name, _ in opened.message.headers)

    await gateway.answer_message("receiver-1", MessageRequest(sequence=2, answer="ack"))
    await in_flight(gateway, 4)
    opened = await gateway.open_message(2)
    assert opened is not None
    assert opened.in_flight is None
    assert opened.story[0] == "written, and acknowledged"
    with pytest.raises(GatewayError, match="not in flight here"):
        await gateway.answer_message("receiver-1", MessageRequest(sequence=2, answer="ack"))


async def test_a_message_that_is_not_there(gateway: LiveGateway, connection: Connection) -> None:
    await Source(connection, "web1").publish_lines(1)
    assert await gateway.message(99) is None
    assert await gateway.open_message(99) is None
    message = await gateway.message(1)
    assert message is not None
    assert message.payload == b"web1 line 000000\n"


async def test_several_receivers_are_all_heard(
    gateway: LiveGateway,
    receiver: Receiver,
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
) -> None:
    async with served(nats_server, connection, tmp_path / "out", name="receiver-2") as second:
        await until(lambda: second.status("").state == "running", within=30)
        await until(lambda: receiver.status("").state == "running", within=30)

        async def both() -> bool:
            return len(await gateway.receivers()) == 2

        await until(both)
        for name in ("receiver-1", "receiver-2"):
            await gateway.set_rule(name, WITHHOLD)
        for number in range(12):
            await Source(connection, f"web{number}").publish_lines(1)
        await in_flight(gateway, 12)
        found = await gateway.in_flight(None, 100)
        assert {one.receiver for one in found.messages} == {"receiver-1", "receiver-2"}
        for one in found.messages:
            await gateway.answer_message(
                one.receiver, MessageRequest(sequence=one.sequence, answer="ack")
            )
        await in_flight(gateway, 0)
        assert len(await gateway.host_statuses()) == 12
        await gateway.drain("receiver-2")
        await until(lambda: second.status("").state == "draining")


async def test_advisories_are_joined_to_their_message(
    gateway: LiveGateway, receiver: Receiver, connection: Connection
) -> None:
    await gateway.listen()
    await gateway.set_rule("receiver-1", AnswerRule(answer="term", reason="not a log"))
    await Source(connection, "web1").publish_lines(1)

    def terminated() -> list[Advisory]:
        return [one for one in gateway.events().events if one.kind == "terminated"]

    await until(terminated)
    (event,) = terminated()
    assert (event.sequence, event.stream) == (1, "LOGS")
    assert event.sentence == "terminated after 1 delivery: not a log"
    assert "setup --events" in gateway.events().history


async def test_events_of_before_come_from_the_stream_that_kept_them(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(
        connection,
        LogStream(partitions=2, max_age_seconds=3600, max_bytes=STREAM.max_bytes, events=True),
    )
    gateway = LiveGateway(connection, "LOGS")
    async with served(nats_server, connection, tmp_path / "out"):
        await until(gateway.receivers)
        await gateway.set_rule("receiver-1", AnswerRule(answer="nak"))
        await Source(connection, "web1").publish_lines(2)
        late = LiveGateway(connection, "LOGS")

        async def are_kept() -> bool:
            kept = LiveGateway(connection, "LOGS")
            await kept.listen()
            naks = {one.sequence for one in kept.events().events if one.kind == "nak"}
            kept.close()
            return naks == {1, 2}

        await until(are_kept)
        await late.listen()
        await late.listen()
    seen = late.events()
    assert {one.sequence for one in seen.events if one.kind == "nak"} == {1, 2}
    assert seen.history == "older ones come from stream LOGS_EVENTS"
    assert len({one.id for one in seen.events}) == len(seen.events)


async def test_read_only_refuses_these_changes_too(connection: Connection) -> None:
    await make_stream(connection)
    gateway = LiveGateway(connection, "LOGS", read_only=True)
    for refused in (
        gateway.set_rule("receiver-1", WITHHOLD),
        gateway.set_settings("receiver-1", SettingsRequest(max_deliver=3)),
        gateway.answer_message("receiver-1", MessageRequest(sequence=1, answer="ack")),
        gateway.drain("receiver-1"),
    ):
        with pytest.raises(NotPermittedError, match="read-only"):
            await refused


async def test_a_stream_made_for_the_lab_says_so(connection: Connection) -> None:
    await make_stream(connection, LogStream(max_age_seconds=3600, max_bytes=1 << 26, lab=True))
    assert (await LiveGateway(connection, "LOGS").look()).is_lab
