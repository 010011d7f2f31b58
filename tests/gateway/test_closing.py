"""A gateway that is shown no more, on a connection that others go on using."""

from __future__ import annotations

import msgspec

from natsconsole.gateway.live_gateway import LiveGateway
from shipper.connection import Connection
from shipper.wire import HEARTBEAT_SUBJECT, Heartbeat
from tests.support.pipeline import make_stream
from tests.support.waiting import until

HEARTBEAT = msgspec.json.encode(
    Heartbeat(name="box1", instance="a", version="1", started=1.0, sent=2.0, interval_seconds=30.0)
)


async def test_a_gateway_that_is_closed_hears_nothing_more(connection: Connection) -> None:
    await make_stream(connection)
    first = LiveGateway(connection, "LOGS")
    gateway = first.showing("LOGS", None)
    for one in (first, gateway):
        await one.look()
        await one.listen()
    gateway.close()
    await gateway.listen()

    await connection.publish(f"{HEARTBEAT_SUBJECT}.box1", HEARTBEAT)
    payload = b'{"type":"io.nats.jetstream.advisory.v1.nak","id":"1","stream_seq":1}'
    await connection.publish("$JS.EVENT.ADVISORY.CONSUMER.MSG_NAKED.LOGS.c", payload)

    async def is_heard() -> bool:
        return (await first.look()).shippers.alive == 1 and bool(first.events().events)

    await until(is_heard)
    assert (await gateway.look()).shippers.alive == 0
    assert gateway.events().events == ()
