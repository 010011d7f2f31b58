"""What the console hears of shippers, and how it presses the Big Red Button."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from natsconsole.domain.alerts import alerts
from natsconsole.domain.shippers import ButtonOrder
from natsconsole.gateway.interface import GatewayError, NotPermittedError
from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.key_value import KeyValue
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.log_stream import LogStream
from natsconsole.gateway.publishers import Publishers
from natsconsole.gateway.shippers import Shippers
from screenshots.demo_data import receiver
from shipper.connection import Connection, ConnectionOptions
from shipper.wire import (
    HEARTBEAT_SUBJECT,
    ORDERS_BUCKET,
    PING_SUBJECT,
    Heartbeat,
    HostPulse,
    Order,
)
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.waiting import until

WITH_BUTTON = LogStream(partitions=2, max_bytes=64 << 20, button=True)


def beat(*pulses: HostPulse, instance: str = "a", interval: float = 30.0) -> bytes:
    return msgspec.json.encode(
        Heartbeat(
            name="box1",
            instance=instance,
            version="1",
            started=1.0,
            sent=2.0,
            interval_seconds=interval,
            hosts=pulses,
        )
    )


async def test_a_heartbeat_is_joined_to_its_host(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("natsconsole.gateway.shippers.PING_SECONDS", 3600.0)
    await make_stream(connection)
    await Source(connection, "web1").publish_lines(1)
    gateway = LiveGateway(connection, "LOGS")
    pings: list[str] = []
    await connection.subscribe(PING_SUBJECT, lambda subject, *_: pings.append(subject))
    assert (await gateway.look()).hosts[0].shipper is None
    await until(lambda: len(pings) == 1)

    subject = f"{HEARTBEAT_SUBJECT}.box1"
    for foreign in (b"", b"{}", b"[" * 5_000, b'{"name":1}', b"\xff"):
        await connection.publish(subject, foreign)
    pulse = HostPulse(host="web1", backlog_bytes=512, lag_seconds=2.0, paused=True)
    await connection.publish(subject, beat(pulse, HostPulse(host="never-seen")))

    async def is_heard() -> bool:
        return (await gateway.look()).hosts[0].shipper is not None

    await until(is_heard)
    home = await gateway.look()
    (row,) = home.hosts
    assert row.shipper is not None
    assert (row.state, row.shipper.backlog_bytes, row.shipper.machine) == ("paused", 512, "box1")
    assert (home.shippers.alive, home.shippers.hosts, home.shippers.paused_hosts) == (1, 2, 1)
    assert len(pings) == 1


AT_A_DESK = """
accounts {
  LOGS {
    jetstream: enabled
    users: [ { user: logs, password: logs } ]
    exports: [ { service: "$JS.API.>", response_type: stream } ]
  }
  DESK {
    users: [ { user: desk, password: desk } ]
    imports: [
      { service: { account: LOGS, subject: "$JS.API.STREAM.INFO.>" }, to: "JS.STREAM.INFO.>" }
      { service: { account: LOGS, subject: "$JS.API.CONSUMER.>" }, to: "JS.CONSUMER.>" }
      { service: { account: LOGS, subject: "$JS.API.DIRECT.GET.>" }, to: "JS.DIRECT.GET.>" }
    ]
  }
}
"""


@pytest.mark.parametrize("answers", [True, False], ids=["no leader", "nobody"])
async def test_an_orders_bucket_that_fails_costs_no_look(
    tmp_path: Path, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("natsconsole.gateway.shippers.ORDERS_SECONDS", 3600.0)
    async with NatsServer(tmp_path, config=AT_A_DESK) as server:
        logs = ConnectionOptions(servers=(server.url,), user="logs", password="logs")
        desk = ConnectionOptions(
            servers=(server.url,), user="desk", password="desk", js_api_prefix="JS"
        )
        async with Connection(logs) as connection, Connection(desk) as other:
            await make_stream(connection, WITH_BUTTON)
            await Source(connection, "web1").publish_lines(1)
            asked: list[str] = []
            error = b'{"error": {"code": 503, "err_code": 10008, "description": "unavailable"}}'

            async def answer(_subject: str, reply: str, _headers: bytes, _payload: bytes) -> None:
                asked.append(reply)
                await other.publish(reply, error)

            def take(*message: Any) -> None:
                tasks.append(asyncio.ensure_future(answer(*message)))

            tasks: list[asyncio.Future[None]] = []
            if answers:
                await other.subscribe("JS.STREAM.MSG.GET.KV_shippers", take)
            gateway = LiveGateway(other, "LOGS")
            await gateway.look()
            await other.publish(f"{HEARTBEAT_SUBJECT}.box1", beat(HostPulse(host="web1")))

            async def is_heard() -> bool:
                return (await gateway.look()).shippers.alive == 1

            await until(is_heard)
            home = await gateway.look()
            assert [row.host for row in home.hosts] == ["web1"]
            assert home.problem.startswith("whether the red button is pressed is not known")
            assert ("unavailable" in home.problem) is answers
            rules = [one.rule for one in alerts(home, gateway.link, home.taken, receiver())]
            assert {"incomplete-look", "gone receiver-1"} <= set(rules)
            assert len(asked) == answers, "it is not asked again at every look"


async def test_a_shipper_that_is_not_heard_any_more_is_gone(connection: Connection) -> None:
    shippers = Shippers(connection, JetStream(connection))
    await shippers.listen(time.time())
    for instance in ("old", "new"):
        hosts = [HostPulse(host="web1")] + [HostPulse(host="web2")] * (instance == "old")
        await connection.publish(
            f"{HEARTBEAT_SUBJECT}.box1", beat(*hosts, instance=instance, interval=60)
        )
    await until(lambda: shippers.pulse_of("web1"))
    await until(lambda: len(shippers._shippers) == 2)
    now = time.time()
    assert (await shippers.seen(now)).gone == ()
    assert {pulse.is_alive for pulse in shippers.changes(now + 100).values()} == {True}

    shippers._shippers["box1", "new"].heard += 3_000
    gone = shippers.changes(now + 200)
    assert {host: pulse.is_alive for host, pulse in gone.items()} == {"web2": False}
    assert (await shippers.seen(now + 200)).gone == ("box1",)
    assert shippers.changes(now + 300) == {}
    shippers.changes(now + 5_000)
    assert shippers.pulse_of("web2") is None
    assert shippers.pulse_of("web1") is not None


async def test_what_is_lost_at_the_source_is_told(connection: Connection) -> None:
    await make_stream(connection)
    await Source(connection, "web1").publish_lines(1)
    gateway = LiveGateway(connection, "LOGS")
    await gateway.look()
    for instance, lost in (("old", 700), ("new", 0), ("new", 41), ("new", -5)):
        message = msgspec.json.decode(beat(HostPulse(host="web1"), instance=instance))
        await connection.publish(
            f"{HEARTBEAT_SUBJECT}.box1", msgspec.json.encode(message | {"lost_bytes": lost})
        )

    async def is_told() -> bool:
        return (await gateway.look()).shippers.lost_bytes == 741

    await until(is_told)
    home = await gateway.look()
    assert home.shippers.lost_at == ("box1",)
    (found,) = (
        one for one in alerts(home, gateway.link, home.taken) if one.rule == "lost-at-source"
    )
    assert found.severity == "critical"


async def test_what_shippers_say_is_bounded_for_verdicts_too(connection: Connection) -> None:
    publishers = Publishers(connection)
    await publishers.listen()
    message = msgspec.json.decode(beat(HostPulse(host="web1")))
    message |= {"problems": ["x" * 1_000] * 30, "problem_kinds": ["full"] * 30}
    await connection.publish(f"{HEARTBEAT_SUBJECT}.box1", b"[" * 5_000)
    await connection.publish(f"{HEARTBEAT_SUBJECT}.box1", msgspec.json.encode(message))
    await until(publishers.troubles)
    troubles = publishers.troubles()
    assert [one.who for one in troubles] == ["box1"] * 20
    assert {(one.kind, len(one.sentence)) for one in troubles} == {("stream-full", 300)}
    publishers.close()


async def test_what_a_forgotten_shipper_lost_stays_lost(connection: Connection) -> None:
    shippers = Shippers(connection, JetStream(connection))
    await shippers.listen(time.time())
    message = msgspec.json.decode(beat(HostPulse(host="web1"))) | {"lost_bytes": 9}
    await connection.publish(f"{HEARTBEAT_SUBJECT}.box1", msgspec.json.encode(message))
    await until(lambda: shippers.pulse_of("web1"))
    later = time.time() + 5_000
    shippers.changes(later)
    assert shippers.pulse_of("web1") is None
    assert (await shippers.seen(later)).lost_bytes == 9


async def test_the_button_pauses_all_or_one_and_keeps_a_limit(connection: Connection) -> None:
    jetstream = await make_stream(connection, WITH_BUTTON)
    gateway = LiveGateway(connection, "LOGS")
    bucket = KeyValue(connection, jetstream, ORDERS_BUCKET)

    async def order_of(key: str) -> Order | None:
        entry = await bucket.get(key)
        return msgspec.json.decode(entry.value, type=Order) if entry else None

    said = await gateway.order_shippers(ButtonOrder(pauses=True, reason="disk swap"))
    assert said == "all shippers: paused; lines wait in their files until resumed"
    assert await order_of("all") == Order(pause=True, reason="disk swap")
    await gateway.order_shippers(ButtonOrder(pauses=True, host="web1"))
    said = await gateway.order_shippers(ButtonOrder(pauses=False))
    assert said == "all shippers: resumed; 1 paused by name stay so"
    assert await order_of("all") is None

    await bucket.put("host.web1", msgspec.json.encode(Order(pause=True, bytes_per_second=9)))
    await gateway.order_shippers(ButtonOrder(pauses=False, host="web1"))
    assert await order_of("host.web1") == Order(bytes_per_second=9)


async def test_without_a_bucket_or_in_a_read_only_console_nothing_is_pressed(
    connection: Connection,
) -> None:
    await make_stream(connection)
    order = ButtonOrder(pauses=True)
    with pytest.raises(GatewayError, match="natsconsole setup"):
        await LiveGateway(connection, "LOGS").order_shippers(order)
    with pytest.raises(NotPermittedError, match="read-only"):
        await LiveGateway(connection, "LOGS", read_only=True).order_shippers(order)
