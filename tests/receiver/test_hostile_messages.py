"""What any client may publish: it costs nobody else a line, and never the receiver itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from natsconsole.domain.integrity import MOST_LOST
from natsconsole.receiver import log_draft, partition_worker
from natsconsole.receiver.committer import Committer
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.ledger import PartitionEntry
from natsconsole.receiver.log_draft import LogDraft
from natsconsole.receiver.partition_logs import PartitionLogs
from shipper.connection import Connection
from tests.support.lab import lab
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

HUGE = 10**18 - 1


async def publish_range(
    connection: Connection, host: str, *, start: int, line: int, payload: bytes = b"x\n"
) -> None:
    """Publish bytes that claim to stand behind so many others, and behind so many lines."""
    headers = {
        "Log-Host": host,
        "Log-Name": "app.log",
        "Log-File": f"f{start}",
        "Log-Range": f"{start}-{start + len(payload)}",
        "Log-Line": str(line),
    }
    await connection.request(f"logs.{host}", payload, headers=headers)


async def publish_raw(server: NatsServer, subject: bytes, payload: bytes) -> None:
    """Publish to a subject that no client library would let pass, and wait until it was taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await reader.readline()
    writer.write(b"CONNECT {}\r\nPUB %b %d\r\n%b\r\nPING\r\n" % (subject, len(payload), payload))
    while await reader.readline() != b"PONG\r\n":
        pass
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("subject", [b"logs.\xff\xfe", b"logs.web1.\xc3\x28"])
async def test_a_host_that_is_no_utf8_goes_to_quarantine(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, subject: bytes
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", lab=False) as found:
        source = Source(connection, "web1")
        await source.publish_lines(1)
        await publish_raw(nats_server, subject, b"hello")
        await source.publish_lines(1)
        await found.until_settled(3)

        assert found.content(source) == source.content
        (kept,) = found.quarantined()
        assert (kept["sequence"], kept["host"], kept["payload"]) == (2, "", b"hello")
        assert "UTF-8" in kept["reason"]


@pytest.mark.parametrize("policy", ["explicit", "all", "none"])
async def test_an_empty_message_that_claims_a_size_is_one_empty_line(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    """Only a consumer with headers_only may say so: no take-over, and nothing waits for one."""
    async with lab(
        nats_server, connection, tmp_path / "out", ack_policy=policy, lab=False
    ) as found:
        source = Source(connection, "web1")
        pulls = {id(worker.partition.pull) for worker in found.receiver._workers}
        for _ in range(3):
            await source.publish_lines(1)
            await connection.request("logs.web2", b"", headers={"Nats-Msg-Size": "500"})
        await source.publish_lines(1)
        await found.until_settled(7)
        await until(lambda: found.content(source) == source.content)

        assert (tmp_path / "out/web2/web2.log").read_bytes() == b"\n\n\n"
        assert {id(worker.partition.pull) for worker in found.receiver._workers} == pulls


async def test_more_lines_than_bytes_go_to_quarantine(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", lab=False) as found:
        source = Source(connection, "web1")
        for start in range(12):
            await publish_range(connection, "evil", start=start, line=HUGE)
            await source.publish_lines(1)
        await found.until_settled(24)

        assert found.content(source) == source.content
        assert len(found.quarantined()) == 12
        assert f"{HUGE} line ends" in found.quarantined()[0]["reason"]
        assert found.host("evil").lost == 0


async def test_huge_gaps_are_counted_as_far_as_numbers_go(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", lab=False) as found:
        source = Source(connection, "web1")
        for number in range(1, 31):
            await publish_range(connection, "evil", start=HUGE - 100 - number, line=HUGE // 2)
        await source.publish_lines(1)
        await found.until_settled(31)

        assert found.content(source) == source.content
        assert found.host("evil").lost == MOST_LOST
        assert found.receiver.status("").lost == MOST_LOST


async def test_a_defect_in_planning_holds_one_log_only(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take = LogDraft.take

    def fail(self: LogDraft, deliveries: Sequence[Delivery], *, doubtful_to: int = 0) -> None:
        if deliveries[0].host == "evil":
            raise RuntimeError("nobody thought of this")
        take(self, deliveries, doubtful_to=doubtful_to)

    monkeypatch.setattr(LogDraft, "take", fail)
    async with lab(nats_server, connection, tmp_path / "out", lab=False) as found:
        evil, source = Source(connection, "evil"), Source(connection, "web1")
        for _ in range(3):
            await evil.publish_lines(1)
            await source.publish_lines(1)
        await until(lambda: found.content(source) == source.content)
        await until(lambda: found.held() == ["evil"])
        assert "runtimeerror: nobody thought of this" in found.host("evil").reason

        monkeypatch.setattr(LogDraft, "take", take)
        await evil.publish_lines(2)
        await found.until_settled(8)
        assert found.content(evil) == evil.content
        host = found.host("evil")
        assert (host.lost, host.doubled, host.out_of_order, host.held) == (0, 0, 0, False)


async def test_a_row_that_the_ledger_cannot_hold_holds_one_log_only(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its bytes are written before the ledger refuses the row: they are taken back each time."""
    monkeypatch.setattr(log_draft, "MOST_LOST", 2**70)
    async with lab(nats_server, connection, tmp_path / "out", lab=False) as found:
        source = Source(connection, "web1")
        for number in range(1, 21):
            await publish_range(connection, "evil", start=HUGE - 100 - number, line=HUGE - 200)
            await source.publish_lines(1)
        await until(lambda: found.content(source) == source.content)
        await until(lambda: found.held() == ["evil"])
        assert "overflowerror" in found.host("evil").reason

        monkeypatch.setattr(log_draft, "MOST_LOST", MOST_LOST)
        await source.publish_lines(1)
        await found.until_settled(41)
        assert (tmp_path / "out/evil/app.log").read_bytes() == b"x\n" * 20
        assert found.content(source) == source.content


async def test_a_defect_in_one_partition_stops_no_other(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partition_worker, "LOOK_AGAIN", 0.5)
    take_over = Committer.take_over

    def fail(self: Committer, partition: int) -> tuple[PartitionLogs, PartitionEntry]:
        if partition == 0:
            raise RuntimeError("nobody thought of this")
        return take_over(self, partition)

    monkeypatch.setattr(Committer, "take_over", fail)
    await make_stream(connection)
    sources = [Source(connection, f"web{number}") for number in range(8)]
    for source in sources:
        await source.publish_lines(2)
    async with running(nats_server, receiver_config(tmp_path / "out", lab=False)) as receiver:
        await until(lambda: receiver.status("").written_lines > 0)
        await until(lambda: "nobody thought of this" in receiver.status("").partitions[0].reason)
        assert 0 < receiver.status("").written_lines < 16

        monkeypatch.setattr(Committer, "take_over", take_over)
        await until(lambda: receiver.status("").written_lines == 16)
    for source in sources:
        path = tmp_path / "out" / source.host / source.name
        assert path.read_bytes() == source.content
