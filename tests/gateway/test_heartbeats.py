"""What the console hears of shippers, and how it presses the Big Red Button."""

from __future__ import annotations

import time

import msgspec
import pytest

from natsconsole.domain.shippers import ButtonOrder
from natsconsole.gateway.interface import GatewayError, NotPermittedError
from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.key_value import KeyValue
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.log_stream import LogStream
from natsconsole.gateway.shippers import Shippers
from shipper.connection import Connection
from shipper.wire import (
    HEARTBEAT_SUBJECT,
    ORDERS_BUCKET,
    PING_SUBJECT,
    Heartbeat,
    HostPulse,
    Order,
)
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


async def test_a_heartbeat_is_joined_to_its_host(connection: Connection) -> None:
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
