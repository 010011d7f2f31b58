"""A server without room: what nobody stores, and what shippers say of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.gateway.triage import LiveTriage
from shipper.batches import Batch
from shipper.connection import Connection, ConnectionOptions
from shipper.heartbeat import HeartbeatSender
from shipper.problems import Problems
from shipper.publisher import Publisher
from shipper.reader import Survey
from shipper.red_button import RedButton
from shipper.wire import SourceRange
from tests.support.anybodys import Anybody, evidence_of
from tests.support.nats_server import NatsServer
from tests.support.small_disks import small_disk
from tests.support.waiting import until


@contextlib.asynccontextmanager
async def _shipping(
    server: NatsServer, payload: bytes, problem: str, *, timeout: float = 30.0
) -> AsyncIterator[None]:
    """Publish over and over what there is no room for, and tell of the problem by heartbeat."""
    options = ConnectionOptions(servers=(server.url,))
    async with Connection(options) as connection:
        problems, stopping = Problems(), asyncio.Event()
        publisher = Publisher(connection, "logs", problems, stopping, timeout=timeout)
        sender = HeartbeatSender(
            connection, problems, RedButton(connection, problems, set), _survey
        )

        async def publish() -> None:
            start = 0
            while await publisher.publish(_batch(start, payload)):
                start += len(payload)

        tasks = [asyncio.create_task(publish()), asyncio.create_task(sender.run())]
        await until(lambda: problem in problems.kinds, within=30)
        sender.hurry()
        try:
            yield
        finally:
            stopping.set()
            tasks[1].cancel()
            await asyncio.wait(tasks)


async def _told(server: NatsServer) -> Verdict:
    found: list[Verdict] = []
    async with Connection(ConnectionOptions(servers=(server.url,))) as connection:
        triage = LiveTriage(connection)
        assert (await triage.look()).problem == ""
        await triage.ask_shippers()

        async def is_told() -> bool:
            snapshot = await triage.look()
            found[:] = [one for one in snapshot.verdicts_of() if one.rule == "storage-full"]
            return bool(found)

        await until(is_told)
        triage.close()
    return found[0]


async def _verdicts(triage: LiveTriage, count: int) -> Sequence[Verdict]:
    """Look until so many are told: what the account may is left out where it is told late."""
    found: list[Verdict] = []

    async def are_told() -> bool:
        found[:] = (await triage.look()).verdicts_of()
        return len(found) >= count

    await until(are_told)
    return found


async def test_the_server_has_no_room_left(tmp_path: Path) -> None:
    store = json.dumps(str(tmp_path / "store"))
    config = f"jetstream {{ store_dir: {store}, max_file_store: 64KiB }}"
    async with NatsServer(tmp_path, config=config) as server:
        async with Connection(ConnectionOptions(servers=(server.url,))) as connection:
            anybody = Anybody(connection)
            await anybody.make_stream(subjects=["logs.>"])
        async with _shipping(server, b"x" * 9_000, "storage"):
            verdict = await _told(server)
    assert "refused for want of room" in verdict.sentence
    assert "10023" in str(evidence_of(verdict)["said"])


async def test_publishes_get_no_answer_while_the_api_answers(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24 << 20) as disk:
        async with NatsServer(tmp_path / "disk") as server:
            async with Connection(ConnectionOptions(servers=(server.url,))) as connection:
                anybody = Anybody(connection)
                await anybody.make_stream(subjects=["logs.>"])
                disk.fill(1 << 20)
            async with _shipping(server, b"x" * 300_000, "no-answer", timeout=0.2):
                verdict = await _told(server)
    assert verdict.severity == "critical"
    assert "while the JetStream API answers" in verdict.sentence
    assert evidence_of(verdict)["without_answer"] == 1


async def test_the_account_is_near_its_limit(tmp_path: Path) -> None:
    config = """
    accounts { A { jetstream { max_file: 65536 }, users: [ {user: a, password: p} ] } }
    """
    async with (
        NatsServer(tmp_path, config=config) as server,
        Connection(ConnectionOptions(servers=(server.url,), user="a", password="p")) as connection,
    ):
        anybody = Anybody(connection)
        await anybody.make_stream()
        triage = LiveTriage(connection)
        assert not (await triage.look()).verdicts_of()
        while b'"error"' not in (await connection.request(f"{anybody.subject}.a", b"x" * 50)).data:
            pass
        (verdict,) = await _verdicts(triage, 1)
    assert (verdict.rule, verdict.severity) == ("account-limit", "critical")
    assert evidence_of(verdict)["limit"] == "storage"


async def test_the_account_may_have_no_more_streams_and_consumers(tmp_path: Path) -> None:
    config = """
    accounts { A { jetstream { max_streams: 2, max_consumers: 1, max_mem: 65536 },
                   users: [ {user: a, password: p} ] } }
    """
    async with (
        NatsServer(tmp_path, config=config) as server,
        Connection(ConnectionOptions(servers=(server.url,), user="a", password="p")) as connection,
    ):
        one, two, three = (Anybody(connection) for _ in range(3))
        triage = LiveTriage(connection)
        await one.make_stream(storage="memory")
        assert not (await triage.look()).verdicts_of()
        await two.make_stream()
        await two.make_consumer()
        while b'"error"' not in (await connection.request(f"{one.subject}.a", b"x" * 50)).data:
            pass
        told = {
            str(evidence_of(verdict)["limit"]): verdict for verdict in await _verdicts(triage, 3)
        }
        with pytest.raises(AssertionError, match="maximum number of streams"):
            await three.make_stream()
        with pytest.raises(AssertionError, match="maximum consumers"):
            await two.make_consumer("another")
    assert {name: one.severity for name, one in told.items()} == {
        "memory": "critical",
        "streams": "warning",
        "consumers": "warning",
    }
    assert {one.rule for one in told.values()} == {"account-limit"}


async def _survey() -> Survey:
    return Survey()


def _batch(start: int, payload: bytes) -> Batch:
    source = SourceRange(
        host="web1", name="app.log", file="f1", start=start, end=start + len(payload), line=0
    )
    return Batch(source=source, payload=payload, digest="", lines=0)
