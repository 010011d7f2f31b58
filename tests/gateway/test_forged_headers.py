"""A publisher sends the headers that the server adds: what the server says counts."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from natsconsole.gateway.jetstream import StoredMessage, stored_message
from natsconsole.gateway.stored_lines import epoch_seconds
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import QUICK, make_stream, receiver_config, running
from tests.support.waiting import until

FORGED = {
    "Nats-Stream": "OTHER",
    "Nats-Subject": "logs.0.good",
    "Nats-Sequence": "999999999999",
    "Nats-Time-Stamp": "2001-01-01T00:00:00Z",
    "Nats-Num-Pending": "77",
}


async def publish(connection: Connection, block: bytes) -> None:
    """Publish a header block as it is: nats-py sends no other than well-formed ones."""
    payload = b"line\n"
    head = f"HPUB logs.evil {len(block)} {len(block) + len(payload)}\r\n".encode()
    connection.client.write(head + block + payload + b"\r\n")
    await connection.rtt()


def block_of(fields: dict[str, str], *, status: str = "", end: bytes = b"\r\n\r\n") -> bytes:
    lines = [f"NATS/1.0{status}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + end


def assert_genuine(found: StoredMessage | None) -> None:
    assert found is not None
    assert (found.subject.rpartition(".")[2], found.sequence) == ("evil", 1)
    assert abs(epoch_seconds(found.time) - time.time()) < 60


@pytest.mark.parametrize(
    "block",
    [
        block_of(FORGED),
        block_of(FORGED, end=b"xx"),
        block_of(FORGED | {"A": "b"}, end=b""),
        block_of(FORGED, status=" 404 No Messages"),
    ],
    ids=["well-formed", "no end", "swallows the first", "status"],
)
async def test_stored_messages(connection: Connection, block: bytes) -> None:
    jetstream = await make_stream(connection)
    await publish(connection, block)
    await connection.request("logs.evil", b"second\n")
    found = await jetstream.message_after("LOGS", "logs.>", 1)
    assert_genuine(found)
    assert found is not None
    assert found.pending == 1
    assert_genuine(await jetstream.message_at("LOGS", 1))


async def test_what_is_no_number_ends_nothing(connection: Connection) -> None:
    jetstream = await make_stream(connection)
    await publish(connection, block_of({"Nats-Num-Pending": "many", "Nats-Sequence": "-"}))
    await connection.request("logs.evil", b"second\n")  # then the first is stored
    assert_genuine(await jetstream.message_at("LOGS", 1))


def test_a_status_of_a_publisher_hides_no_message() -> None:
    """Servers before 2.15 keep it."""
    block = block_of({"Nats-Subject": "logs.0.a", "Nats-Sequence": "7"}, status=" 404 No Messages")
    found = stored_message(block, b"line\n")
    assert found is not None
    assert (found.subject, found.sequence) == ("logs.0.a", 7)
    assert stored_message(block_of({}, status=" 404 No Messages"), b"") is None


async def test_the_pin(nats_server: NatsServer, connection: Connection, tmp_path: Path) -> None:
    await make_stream(connection)
    ids: list[str | None] = []

    def hear(_subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        ids.append(msgspec.json.decode(payload).get("id"))

    await connection.subscribe("$JS.API.CONSUMER.MSG.NEXT.LOGS.>", hear)
    for number in range(20):
        await connection.request(f"logs.web{number}", b"line\n", headers={"Nats-Pin-Id": "forged"})
    async with running(nats_server, receiver_config(tmp_path, settings=QUICK)):
        await until(lambda: any(ids))
    assert "forged" not in ids
