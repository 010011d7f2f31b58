"""Messages that can never be written: terminated, kept whole and once; the others are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from natsconsole.receiver import log_files
from natsconsole.receiver.answers import TERM
from natsconsole.receiver.backfill import RETRY_FIRST
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.replies import Replies
from natsconsole.receiver.rotation import Rotation
from shipper.connection import Connection
from tests.support.lab import ONE_PARTITION, SHORT, lab, lines_of
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.programs import Program
from tests.support.waiting import until

LIE = b"the range of this is not its length\n"


async def publish_lie(connection: Connection, source: Source, *, end: int = 9_000_000) -> None:
    """Publish a message of this log whose range contradicts its payload."""
    headers: Mapping[str, str] = {
        "Log-Host": source.host,
        "Log-Name": source.name,
        "Log-File": source.file,
        "Log-Range": f"{len(source.content)}-{end}",
        "Log-Line": str(source.content.count(b"\n")),
    }
    reply = await connection.request(f"logs.{source.host}", LIE, headers=headers)
    assert "seq" in json.loads(reply.data)


@pytest.mark.parametrize("policy", ["explicit", "all", "none"])
async def test_a_range_that_contradicts_its_payload_is_kept_and_terminated(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(
        nats_server, connection, tmp_path / "out", ack_policy=policy, lab=False
    ) as found:
        source, other = Source(connection, "web1"), Source(connection, "web2")
        await source.publish_lines(2)
        await publish_lie(connection, source)
        await source.publish_lines(2)
        await other.publish_lines(1)
        await found.until_settled(6)
        await found.until_lines(5)

        assert found.content(source) == source.content
        assert found.content(other) == other.content
        (kept,) = found.quarantined()
        assert (kept["sequence"], kept["host"], kept["log"]) == (3, "web1", "app.log")
        assert kept["payload"] == LIE
        assert kept["range"] == ["f1", len(lines_of(source, [1, 2])), 9_000_000, 2]
        length = 9_000_000 - kept["range"][1]
        assert kept["reason"] == f"its range says {length} bytes, it has {len(LIE)}"
        if policy != "none":
            await until(lambda: len(found.advised("terminated")) == 1)
            (advisory,) = found.advised("terminated")
            assert (advisory["stream_seq"], advisory["reason"]) == (3, kept["reason"])
        host = found.host("web1")
        assert (host.quarantined, host.lost, host.out_of_order, host.acked) == (1, 0, 0, 5)
        assert found.host("web2").quarantined == 0
        assert found.receiver.status("").quarantined == 1


@pytest.mark.parametrize("header", ["5-", "9-3", "1-99999999999999999999", "\u00bd-2"])
async def test_a_malformed_range_is_written_as_lines(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, header: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", lab=False) as found:
        headers = {"Log-Host": "web1", "Log-Name": "app.log", "Log-File": "f1", "Log-Range": header}
        await connection.request("logs.web1", b"no newline", headers=headers)
        await found.until_settled(1)

        assert (found.out / "web1/web1.log").read_bytes() == b"no newline\n"
        assert found.quarantined() == []


async def test_redelivered_it_is_kept_once(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its termination never reaches the server, so it comes again after ack wait."""
    send = Replies.send
    lost: list[bytes] = []

    def lose(self: Replies, deliveries: object, answer: bytes) -> bool:
        if answer.startswith(TERM):
            lost.append(answer)
            return True
        return send(self, deliveries, answer)  # type: ignore[arg-type]

    monkeypatch.setattr(Replies, "send", lose)
    async with lab(nats_server, connection, tmp_path / "out", ack_wait=SHORT) as found:
        source = Source(connection, "web1")
        await source.publish_lines(1)
        await publish_lie(connection, source)
        await source.publish_lines(1)
        await found.until_redelivered(1)
        await found.until_settled(3)

        assert lost
        assert [one["sequence"] for one in found.quarantined()] == [2]
        host = found.host("web1")
        assert (host.quarantined, host.suppressed) == (1, 1)
        assert found.content(source) == source.content


@pytest.mark.parametrize("point", ["half", "write", "commit"])
async def test_killed_it_is_kept_once(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, point: str
) -> None:
    """kill -9 in the middle of its line, before its commit, and between commit and term."""
    jetstream = await make_stream(connection, ONE_PARTITION)
    out = tmp_path / "out"
    source = Source(connection, "web1")
    await publish_lie(connection, source)
    program = Program(
        "tests.support.receiver_with_kill_point",
        "-s", nats_server.url, "--dir", str(out), "--ack-wait", "1s", "--exit-when-idle", "5s",
        env={"NATSCONSOLE_KILL_POINT": f"{point}:1"},
    )  # fmt: skip
    async with program:
        code, _, errors = await program.finish_served()
    assert code == -9, errors
    async with lab(nats_server, connection, out, jetstream=jetstream) as found:
        await source.publish_lines(2)
        await found.until_lines(2)
        await found.until_settled(3)

        (kept,) = found.quarantined()
        assert (kept["sequence"], kept["payload"]) == (1, LIE)
        assert found.host("web1").quarantined == 1
        assert found.content(source) == source.content


async def test_in_a_log_whose_file_is_broken_it_costs_no_other_line(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """Held, then parked, then backfilled: the lie among them is kept once, the lines all come."""
    out = tmp_path / "out"
    (out / "web1/app.log").mkdir(parents=True)
    settings = ConsumerSettings(ack_wait_seconds=2.0, max_ack_pending=20)
    async with lab(nats_server, connection, out, settings=settings, lab=False) as found:
        source = Source(connection, "web1")
        await source.publish_lines(2)
        await publish_lie(connection, source)
        await source.publish_lines(2)
        await until(lambda: found.held() == ["web1"])
        await source.publish_lines(12)
        await until(lambda: found.host("web1").parked_from > 0, within=30)
        await source.publish_lines(2)
        await publish_lie(connection, source)
        await source.publish_lines(2)
        await found.until_settled(22)
        (out / "web1/app.log").rmdir()
        await until(
            lambda: found.content(source) == source.content,
            within=30 * RETRY_FIRST,
            why="it is backfilled",
        )
        await until(lambda: found.host("web1").parked_from == 0, within=30)

        assert [one["sequence"] for one in found.quarantined()] == [3, 20]
        host = found.host("web1")
        assert (host.lost, host.out_of_order, host.quarantined) == (0, 0, 2)
        assert (host.held, host.unacked, host.acked) == (False, 0, 22)
        await source.publish_lines(1)
        await found.until_settled(23)
        assert found.content(source) == source.content


async def test_the_account_survives_a_restart(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    async with lab(nats_server, connection, out) as found:
        source = Source(connection, "web1")
        await source.publish_lines(2)
        await publish_lie(connection, source)
        await found.until_settled(3)
        found.choose("term", reason="on purpose")
        await source.publish_lines(2)
        await found.until_settled(5)
        found.choose("nak", share=0.4)
        await source.publish_lines(6)
        await found.until_redelivered(2)
        found.choose("ack")
        await found.until_settled(11)
        before = found.host("web1")
        account, jetstream = found.account(source), found.jetstream
        assert (before.lost, before.quarantined) == (account.lost, 3) == (2, 3)
        assert before.out_of_order == account.out_of_order > 0
        assert before.lost_ranges
        assert (account.doubled, account.foreign) == (0, 0)
    async with lab(nats_server, connection, out, jetstream=jetstream) as found:
        after = found.host("web1")
        for name in (
            "written", "written_lines", "written_messages", "acked", "suppressed", "lost",
            "lost_ranges", "out_of_order", "quarantined", "doubled", "last_written",
        ):  # fmt: skip
            assert getattr(after, name) == getattr(before, name), name


async def test_a_full_quarantine_stops_nobody(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_files, "MOST_BYTES", 1000)
    out = tmp_path / "out"
    rotation = Rotation(size=400)
    async with lab(nats_server, connection, out, rotation=rotation) as found:
        source = Source(connection, "web1")
        for _ in range(8):
            await publish_lie(connection, source)
            await source.publish_lines(1)
        await found.until_settled(16)

        kept = len(found.quarantined())
        assert 2 <= kept <= 4
        assert found.host("web1").quarantined == 8
        (alarm,) = found.receiver.status("").alarms
        assert alarm.startswith("the quarantine of partition 0 is full")
        path = out / ".natsconsole/quarantine-p0.jsonl"
        assert path.stat().st_size <= 1000
        assert len(list(path.parent.glob("quarantine-*"))) == 1, "it is not rotated"
        path.rename(path.with_suffix(".old"))
        await publish_lie(connection, source)
        await found.until_settled(17)
        assert [one["sequence"] for one in found.quarantined()] == [17]
    rotated = sorted((out / "web1").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert b"".join(one.read_bytes() for one in rotated) == source.content
