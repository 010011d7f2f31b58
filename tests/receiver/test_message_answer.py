"""One message's own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from natsconsole.domain.receivers import MessageRequest, UnackedMessage, UnackedRequest
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.receiver import RefusedError
from shipper.connection import Connection
from tests.support.lab import LONG, SHORT, Lab, lab, lines_of
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source
from tests.support.waiting import until

POLICIES = pytest.mark.parametrize("policy", ["explicit", "all"])


async def give(found: Lab, sequence: int, answer: str, **changes: Any) -> None:
    request = MessageRequest(sequence=sequence, answer=answer, **changes)  # type: ignore[arg-type]
    await found.receiver.answer_message(request)


def unacked(found: Lab, sequence: int) -> UnackedMessage:
    messages = found.receiver.unacked(UnackedRequest()).messages
    return next(one for one in messages if one.sequence == sequence)


@POLICIES
@pytest.mark.parametrize("answer", ["ack", "double-ack"])
async def test_a_withheld_message_is_acknowledged(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str, answer: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        found.choose("withhold")
        source = Source(connection, "web1")
        await source.publish_lines(5)
        await found.until_lines(5)
        await give(found, 3, answer)
        left = [1, 2, 4, 5] if policy == "explicit" else [4, 5]
        await found.until_pending(len(left))
        assert found.unacked() == left
        assert found.host("web1").acked == 5 - len(left)


@POLICIES
async def test_a_withheld_message_is_refused_or_given_up(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        found.choose("withhold")
        source = Source(connection, "web1")
        await source.publish_lines(4)
        await found.until_lines(4)
        await give(found, 4, "nak-delay", delay_seconds=60.0)
        assert 30 < unacked(found, 4).remaining <= 60
        assert unacked(found, 3).remaining > 60, "ack wait of the others"

        await give(found, 4, "in-progress")
        assert LONG - 30 < unacked(found, 4).remaining <= LONG, "its clock begins anew"

        await give(found, 3, "nak")
        await until(lambda: unacked(found, 3).deliveries == 2)
        await until(lambda: [one["stream_seq"] for one in found.advised("nak")] == [4, 3])

        await give(found, 2, "term", reason="seen enough")
        await until(lambda: len(found.advised("terminated")) == 1)
        (advisory,) = found.advised("terminated")
        assert (advisory["stream_seq"], advisory["reason"]) == (2, "seen enough")
        assert found.unacked() == ([1, 3, 4] if policy == "explicit" else [3, 4])
        assert found.quarantined() == [], "its lines are in the file"
        assert found.content(source) == source.content

        found.choose("ack")
        await found.until_settled(4)
        assert found.content(source) == source.content
        host = found.host("web1")
        assert (host.acked, host.quarantined, host.lost) == (4, 0, 0)


async def test_in_progress_puts_redelivery_off(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_wait=SHORT) as found:
        found.choose("withhold")
        await Source(connection, "web1").publish_lines(2)
        await found.until_lines(2)
        while unacked(found, 1).deliveries == 1:
            await give(found, 2, "in-progress")
            await asyncio.sleep(0.02)
        assert unacked(found, 2).deliveries == 1, "the other came again meanwhile"


async def test_a_refused_message_is_written_or_given_up_by_hand(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out") as found:
        found.choose("nak-delay", delay_seconds=60.0)
        source = Source(connection, "web1")
        await source.publish_lines(5)
        await until(lambda: len(found.advised("nak")) == 5)
        await give(found, 2, "ack")
        assert found.content(source) == lines_of(source, [2])
        await give(found, 4, "term", reason="by hand")
        await found.until_pending(3)
        assert found.unacked() == [1, 3, 5]
        (kept,) = found.quarantined()
        assert (kept["sequence"], kept["reason"]) == (4, "by hand")
        assert kept["payload"] == lines_of(source, [4])

        found.choose("ack")
        await found.until_settled(5)
        assert found.content(source) == lines_of(source, [2, 1, 3, 5])
        account, host = found.account(source), found.host("web1")
        assert (account.lost, account.doubled) == (1, 0)
        assert (host.lost, host.quarantined, host.out_of_order) == (1, 1, account.out_of_order)


async def test_with_policy_all_no_ack_goes_past_what_is_not_written(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy="all") as found:
        found.choose("nak-delay", delay_seconds=60.0, hosts="db*")
        db, web = Source(connection, "db1"), Source(connection, "web1")
        await db.publish_lines(2)
        await web.publish_lines(2)
        await found.until_lines(2)
        await until(lambda: len(found.advised("nak")) == 2)
        for answer in ("ack", "double-ack", "term"):
            with pytest.raises(RefusedError, match="would settle 2 below it that are not written"):
                await give(found, 4, answer)
        assert (await found.consumer()).ack_floor.stream_seq == 0
        found.choose("ack")
        await found.until_settled(4)
        assert (found.content(db), found.content(web)) == (db.content, web.content)


async def test_a_message_that_was_not_taken_yet_waits_for_those_before_it(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered at once it would be written before them, and they would pass for repeats."""
    loop = asyncio.get_running_loop()
    is_open = asyncio.Event()
    append = Archive.append

    def slow(self: Archive, path: str, pieces: Sequence[bytes]) -> None:
        if not is_open.is_set():
            asyncio.run_coroutine_threadsafe(is_open.wait(), loop).result(60)
        append(self, path, pieces)

    monkeypatch.setattr(Archive, "append", slow)
    async with lab(nats_server, connection, tmp_path / "out") as found:
        found.choose("withhold")
        source = Source(connection, "web1")
        await source.publish_lines(1)
        await until(lambda: found.receiver.status("").unwritten == 1, why="a write is stuck")
        await source.publish_lines(5)
        await until(lambda: found.unacked() == [1, 2, 3, 4, 5, 6])
        answers = [
            asyncio.create_task(give(found, 5, "ack")),
            asyncio.create_task(give(found, 6, "term", reason="too early")),
        ]
        await asyncio.sleep(0)
        is_open.set()
        await asyncio.gather(*answers)
        await found.until_lines(6)
        assert found.content(source) == source.content
        await found.until_pending(4)
        assert found.unacked() == [1, 2, 3, 4]
        assert found.host("web1").suppressed == 0


async def test_what_is_not_in_flight_or_cannot_be_answered_is_said(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out") as found:
        source = Source(connection, "web1")
        await source.publish_lines(1)
        await found.until_settled(1)
        for answer in ("ack", "double-ack", "nak", "term", "in-progress"):
            with pytest.raises(RefusedError, match="message 1 is not in flight here"):
                await give(found, 1, answer)
        with pytest.raises(RefusedError, match="delay of a nak"):
            await give(found, 1, "nak-delay", delay_seconds=-1.0)

        found.receiver.set_fault("disk-full")
        await source.publish_lines(2)
        await until(lambda: found.receiver.status("").state == "held")
        for answer in ("ack", "nak", "term"):
            with pytest.raises(RefusedError, match=r"partition 0 is held \(no space left"):
                await give(found, 2, answer)
        found.receiver.set_fault("none")
        await found.until_settled(3)
        assert found.content(source) == source.content, "nothing was done later"
        assert found.quarantined() == []


async def test_a_message_of_a_held_log_is_kept_or_given_up(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "web1/app.log").mkdir(parents=True)
    async with lab(nats_server, connection, out) as found:
        source = Source(connection, "web1")
        await source.publish_lines(3)
        await until(lambda: found.held() == ["web1"] and found.unacked() == [1, 2, 3])
        for answer in ("ack", "nak", "withhold"):
            with pytest.raises(RefusedError, match="message 2 is held: is a directory"):
                await give(found, 2, answer)
        await give(found, 2, "in-progress")
        await give(found, 2, "term", reason="in the way")
        assert [one["sequence"] for one in found.quarantined()] == [2]
        assert found.unacked() == [1, 3]

        (out / "web1/app.log").rmdir()
        await found.until_settled(3)
        assert found.content(source) == lines_of(source, [1, 3])
        host = found.host("web1")
        assert (host.lost, host.out_of_order, host.quarantined) == (1, 0, 1)
