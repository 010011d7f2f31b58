"""One look at a real pipeline, and what the panes read."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from natsconsole.domain.lines import Fate
from natsconsole.gateway.interface import GatewayError, LinkLostError, NotPermittedError
from natsconsole.gateway.jetstream import JetStream, StoredMessage
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.stored_lines import epoch_seconds
from natsconsole.gateway.stream_reader import StreamReader
from natsconsole.receiver.control import Control
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import PATIENT, Source, make_stream, receiver_config, running
from tests.support.waiting import until


@pytest.fixture
async def gateway(connection: Connection) -> LiveGateway:
    await make_stream(connection)
    return LiveGateway(connection, "LOGS")


@pytest.fixture
async def receiver(
    gateway: LiveGateway, nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> AsyncIterator[Receiver]:
    config = receiver_config(tmp_path / "out", settings=PATIENT)
    async with running(nats_server, config) as found:
        await Control(found).serve_on(connection)
        await until(gateway.receivers)
        yield found


async def test_shows_hosts_without_any_receiver(
    gateway: LiveGateway, connection: Connection
) -> None:
    source = Source(connection, "web1.example.net")
    await source.publish_lines(7)
    snapshot = await gateway.look()

    (row,) = snapshot.hosts
    assert (row.host, row.messages, row.lag_messages) == ("web1.example.net", 7, 7)
    assert row.lag_seconds > 0
    assert snapshot.receiver is None
    assert snapshot.is_log_stream


async def test_shows_what_the_receiver_did(
    gateway: LiveGateway, receiver: Receiver, connection: Connection
) -> None:
    source = Source(connection, "web1")
    await source.publish_lines(7)

    async def settled() -> bool:
        snapshot = await gateway.look()
        rows = snapshot.hosts
        return bool(rows) and snapshot.lag_messages == 0 and rows[0].lag_messages == 0

    await until(settled)
    snapshot = await gateway.look()
    assert snapshot.receiver is not None
    assert snapshot.receiver.written_lines == 7
    assert snapshot.hosts[0].lag_seconds == 0
    assert (await gateway.marks(["web1"]))["web1"].fate_of(7) is Fate.ACKED


async def test_withheld_messages_have_countdowns(
    gateway: LiveGateway, receiver: Receiver, connection: Connection
) -> None:
    source = Source(connection, "web1")
    await gateway.look()
    changed = await gateway.set_answer("receiver-1", "withhold")
    assert changed.answer == "withhold"
    await source.publish_lines(3)

    async def three_in_flight() -> bool:
        await gateway.look()
        return len((await gateway.marks(["web1"]))["web1"].unacked) == 3

    await until(three_in_flight)
    marks = (await gateway.marks(["web1"]))["web1"]
    countdown = marks.countdown(1, marks.read_at)
    assert countdown is not None
    assert 0 <= countdown <= 60.0
    assert marks.fate_of(1) in (Fate.DELIVERED, Fate.REDELIVERED)
    assert (await gateway.look()).totals.outstanding_acks == 3


@pytest.mark.parametrize("most", [5, 4], ids=["all are read", "not all are read"])
async def test_no_line_in_flight_is_said_to_be_acked(
    gateway: LiveGateway,
    receiver: Receiver,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    monkeypatch.setattr("natsconsole.gateway.receivers._PAGE", 2)
    monkeypatch.setattr("natsconsole.gateway.receivers._MOST_UNACKED", most, raising=False)
    await gateway.look()
    await gateway.set_answer("receiver-1", "withhold")
    await Source(connection, "web1").publish_lines(5)

    async def none_seems_acked() -> bool:
        marks = (await gateway.marks(["web1"]))["web1"]
        fates = {marks.fate_of(sequence) for sequence in range(1, 6)}
        return len(marks.unacked) == most and fates <= {Fate.DELIVERED, Fate.REDELIVERED}

    await until(none_seems_acked)


async def test_every_change_is_answered_with_the_new_state(
    gateway: LiveGateway, receiver: Receiver
) -> None:
    await gateway.look()

    assert (await gateway.set_policy("receiver-1", "all")).ack_policy == "all"
    assert (await gateway.set_fault("receiver-1", "disk-full")).fault == "disk-full"
    assert (await gateway.set_fault("receiver-1", "none")).fault == "none"
    await gateway.pause("receiver-1")
    await until(lambda: receiver.status("").state == "paused")
    assert (await gateway.resume("receiver-1")).state != "draining"


async def test_read_only_refuses_every_change(connection: Connection) -> None:
    await make_stream(connection)
    gateway = LiveGateway(connection, "LOGS", read_only=True)

    for refused in (
        gateway.set_policy("receiver-1", "none"),
        gateway.set_answer("receiver-1", "nak"),
        gateway.set_fault("receiver-1", "disk-full"),
        gateway.pause("receiver-1"),
        gateway.resume("receiver-1"),
    ):
        with pytest.raises(NotPermittedError, match="read-only"):
            await refused


async def test_a_receiver_that_refuses_says_why(
    gateway: LiveGateway, nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with running(nats_server, receiver_config(tmp_path / "out", lab=False)) as receiver:
        await Control(receiver).serve_on(connection)
        await until(gateway.receivers)
        with pytest.raises(GatewayError, match="--lab"):
            await gateway.set_answer("receiver-1", "nak")
        with pytest.raises(GatewayError, match="receiver-9 is not there"):
            await gateway.pause("receiver-9")


@pytest.mark.parametrize("count", [0, 5, 50, 300])
async def test_recent_lines_are_the_last_ones(
    gateway: LiveGateway, connection: Connection, count: int
) -> None:
    source, other = Source(connection, "web1"), Source(connection, "db1")
    for _ in range(count):
        await source.publish_lines(1)
        await other.publish_lines(1)
    lines = await gateway.recent_lines("web1", 20)

    wanted = [f"web1 line {number:06d}" for number in range(max(0, count - 20), count)]
    assert [line.text for line in lines] == wanted


async def test_lines_after_go_on_from_there(gateway: LiveGateway, connection: Connection) -> None:
    source = Source(connection, "web1")
    await source.publish(b"one\ntwo\n")
    await source.publish(b"three\xff\nfour")
    lines = await gateway.lines_after("web1", 1, 100)

    assert [(line.sequence, line.index, line.text) for line in lines] == [
        (2, 0, "three\udcff"),
        (2, 1, "four"),
    ]
    assert await gateway.lines_after("web1", 2, 100) == ()


async def numbered(connection: Connection, count: int, *, each: int = 1) -> None:
    """Publish messages of so many lines, each followed by another host's."""
    source, other = Source(connection, "web1"), Source(connection, "db1")
    for number in range(count):
        lines = [f"line {number * each + place:06d}\n" for place in range(each)]
        await source.publish("".join(lines).encode())
        await other.publish_lines(1)


@pytest.mark.parametrize("each", [1, 7])
async def test_a_stream_is_read_back_to_its_beginning(
    gateway: LiveGateway, connection: Connection, each: int
) -> None:
    await numbered(connection, 400, each=each)
    pages = [await gateway.recent_lines("web1", 50)]
    pages[0] = [line for line in pages[0] if line.sequence > pages[0][0].sequence]
    while page := await gateway.lines_before("web1", pages[-1][0].sequence, 50):
        pages.append(page)
    texts = [line.text for page in reversed(pages) for line in page]

    assert texts == [f"line {number:06d}" for number in range(400 * each)]
    assert all(len(page) >= 50 for page in pages[1:-1])


async def test_reading_back_leaps_over_other_hosts(
    gateway: LiveGateway, connection: Connection
) -> None:
    source, other = Source(connection, "web1"), Source(connection, "db1")
    await source.publish_lines(3)
    await other.publish_lines(3000)
    await source.publish_lines(2)

    lines = await gateway.lines_before("web1", 3004, 10)
    assert [line.sequence for line in lines] == [1, 2, 3]
    assert await gateway.lines_before("web1", 1, 10) == ()


class UnderTraffic(JetStream):
    """Lines come between any two requests."""

    def __init__(self, connection: Connection, source: Source) -> None:
        super().__init__(connection)
        self._source = source

    async def message_after(self, stream: str, subject: str, sequence: int) -> StoredMessage | None:
        await self._source.publish_lines(20)
        return await super().message_after(stream, subject, sequence)


@pytest.mark.parametrize("count", [1, 30, 200])
async def test_reading_back_under_traffic_leaves_nothing_out(
    gateway: LiveGateway, connection: Connection, count: int
) -> None:
    source, other = Source(connection, "web1"), Source(connection, "db1")
    sequences = []
    for number in range(60):
        await source.publish_lines(1)
        sequences.append(10 * number + 1)
        await other.publish_lines(9)

    reader = StreamReader(connection, UnderTraffic(connection, source), "LOGS")
    found = await reader.before("logs.*.web1", 601, count)
    assert [message.sequence for message in found] == sequences[-count:]


async def test_reading_back_keeps_few_bytes_of_large_messages(
    gateway: LiveGateway, connection: Connection
) -> None:
    source = Source(connection, "web1")
    for number in range(20):
        await source.publish(f"{number} {'x' * 900_000}\n".encode())

    lines = await gateway.lines_before("web1", 21, 1)
    assert [line.text.partition(" ")[0] for line in lines] == ["16", "17", "18", "19"]
    assert [line.sequence for line in await gateway.recent_lines("web1", 1)] == [20]


async def test_a_moment_is_found(gateway: LiveGateway, connection: Connection) -> None:
    source, other = Source(connection, "web1"), Source(connection, "db1")
    await source.publish_lines(5)
    await other.publish_lines(5)
    between = time.time()
    await other.publish_lines(1)
    await source.publish_lines(5)

    assert await gateway.sequence_at("web1", between) == 12
    assert await gateway.sequence_at("web1", 0) == 1
    assert await gateway.sequence_at("web1", between + 3600) is None


async def test_a_stream_that_is_made_anew_begins_anew(
    gateway: LiveGateway, connection: Connection
) -> None:
    await Source(connection, "web1").publish_lines(9)
    before = await gateway.look()
    await connection.request("$JS.API.STREAM.DELETE.LOGS")
    await make_stream(connection)
    await Source(connection, "web1").publish_lines(2)
    await Source(connection, "db1").publish_lines(1)

    home = await gateway.look()
    assert "" != home.created != before.created
    assert [(row.host, row.messages, row.lag_messages) for row in home.hosts] == [
        ("db1", 1, 1),
        ("web1", 2, 2),
    ]
    assert len(await gateway.recent_lines("web1", 10)) == 2


async def test_looking_makes_nothing_on_the_server(
    gateway: LiveGateway, connection: Connection
) -> None:
    jetstream = await make_stream(connection)
    await Source(connection, "web1").publish_lines(5)
    await gateway.look()
    await gateway.recent_lines("web1", 5)
    await gateway.lines_before("web1", 4, 2)
    await gateway.sequence_at("web1", 0)
    await gateway.marks(["web1"])

    assert await jetstream.consumers("LOGS") == []


async def test_no_stream_names_the_mend(connection: Connection) -> None:
    with pytest.raises(GatewayError, match="natsconsole setup"):
        await LiveGateway(connection, "LOGS").look()


async def test_a_lost_link_is_said_at_once(
    gateway: LiveGateway, nats_server: NatsServer, connection: Connection
) -> None:
    await gateway.look()
    assert gateway.link.state == "live"
    await nats_server.kill()
    await until(lambda: gateway.link.state == "lost")
    with pytest.raises(LinkLostError):
        await gateway.look()

    await nats_server.start()
    await until(lambda: gateway.link.state == "live")
    assert (await gateway.look()).stream == "LOGS"


def test_times_of_jetstream_are_read() -> None:
    assert epoch_seconds("1970-01-01T00:01:00.5Z") == 60.5
    assert epoch_seconds("2026-11-24T13:43:55.995480813Z") == pytest.approx(1795527835.995480813)
    assert epoch_seconds("nonsense") == 0.0


async def test_a_stream_without_direct_get_is_read_from_its_leader(connection: Connection) -> None:
    jetstream = await make_stream(connection)
    info = await jetstream.stream_info("LOGS")
    await jetstream.update_stream(info.config | {"allow_direct": False})
    gateway = LiveGateway(connection, "LOGS")
    web, db = Source(connection, "web1"), Source(connection, "db1")
    for _ in range(5):
        await web.publish_lines(30)
        await db.publish_lines(2)

    snapshot = await gateway.look()
    assert {row.host: row.messages for row in snapshot.hosts} == {"web1": 150, "db1": 10}
    assert [(row.lag_messages, row.lag_seconds > 0) for row in snapshot.hosts] == [(None, True)] * 2
    assert snapshot.hosts_lag >= 2
    assert await gateway.count("LOGS", "logs.*.web1") == 150
    assert await gateway.count("LOGS", ">") == 160
    assert await gateway.count("LOGS", "logs.*.web2") == 0
    opened = await gateway.open_message(160)
    assert opened is not None
    assert opened.message.host == "db1"
    assert await gateway.message(1_000) is None
    assert [line.sequence for line in await gateway.recent_lines("web1", 2)] == [157, 158]
    assert len(await gateway.recent_lines("web1", 200)) == 150
    assert [one.sequence for one in await gateway.lines_after("db1", 128, 10)] == [159, 160]
    assert [one.sequence for one in await gateway.lines_before("db1", 159, 3)][-3:] == [
        96,
        127,
        128,
    ]
    assert await gateway.sequence_at("db1", opened.message.time - 60) == 31
    assert await gateway.sequence_at("db1", opened.message.time + 60) is None
