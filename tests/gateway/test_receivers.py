"""Finding receivers, and asking them, where anybody may answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from natsconsole.domain.lines import Fate
from natsconsole.domain.receivers import SERVICE_NAME, AnswerRule, UnackedRequest, control_subject
from natsconsole.gateway.interface import GatewayError
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.receiver.control import Control
from shipper.connection import Connection, ConnectionOptions
from tests.support.nats_server import NatsServer
from tests.support.pipeline import PATIENT, Source, make_stream, receiver_config, running
from tests.support.waiting import until


@pytest.fixture
async def gateway(connection: Connection) -> LiveGateway:
    await make_stream(connection)
    return LiveGateway(connection, "LOGS")


async def answer_with(connection: Connection, subject: str, payload: bytes) -> None:
    """Answer all requests on a subject with this."""
    answers: set[asyncio.Task[None]] = set()

    def answer(_subject: str, reply: str, _headers: bytes, _payload: bytes) -> None:
        answers.add(asyncio.create_task(connection.publish(reply, payload)))

    await connection.subscribe(subject, answer)


def service(**changes: object) -> bytes:
    """Return how a receiver is found."""
    metadata: dict[str, Any] = {
        "name": "receiver-1",
        "group": "main",
        "stream": "LOGS",
        "subject": control_subject("main", "receiver-1"),
    }
    return json.dumps({"metadata": metadata | changes}).encode()


async def test_receivers_of_one_name_in_two_groups_are_two(
    gateway: LiveGateway, nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    ours = receiver_config(tmp_path / "ours")
    theirs = receiver_config(tmp_path / "theirs", group="other")
    async with running(nats_server, ours) as first, running(nats_server, theirs) as second:
        await Control(first).serve_on(connection)

        async def one() -> bool:
            return [one.name for one in await gateway.receivers()] == ["receiver-1"]

        await until(one)
        await Control(second).serve_on(connection)

        async def both() -> bool:
            names = [one.name for one in await gateway.receivers()]
            return names == [f"{ours.group}/receiver-1", "other/receiver-1"]

        await until(both)
        assert (await gateway.pause("other/receiver-1")).group == "other"
        assert first.status("").state != "paused"
        with pytest.raises(GatewayError, match="receiver-1 is not there"):
            await gateway.pause("receiver-1")


async def test_a_receiver_that_is_slow_to_be_found_again_is_not_missed(
    gateway: LiveGateway,
    nats_server: NatsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        control = Connection(ConnectionOptions(servers=(nats_server.url,)))
        await control.open()
        await Control(receiver).serve_on(control)
        await until(gateway.receivers)
        monkeypatch.setattr("natsconsole.gateway.receivers._DISCOVERY_INTERVAL", 0.0)
        monkeypatch.setattr("natsconsole.gateway.receivers._DISCOVERY_WAIT", 0.0)
        for _ in range(3):
            assert [one.name for one in await gateway.receivers()] == ["receiver-1"]
        await control.close()
        assert await gateway.receivers() == ()


@pytest.mark.parametrize(
    "forged",
    [
        service(subject="two words"),
        service(subject="orders.delete"),
        service(group="a b", subject=control_subject("a b", "receiver-1")),
        service(name="*", subject=control_subject("main", "*")),
        b'{"metadata": {"name": "\xff"}}',
        b'{"more": ' + b"[" * 100_000,
    ],
    ids=["white space", "another's subject", "no group", "wildcard", "not UTF-8", "deep"],
)
async def test_what_is_no_receiver_is_not_asked(
    gateway: LiveGateway, connection: Connection, forged: bytes
) -> None:
    asked: list[str] = []
    await connection.subscribe("orders.>", lambda subject, *_: asked.append(subject))
    await answer_with(connection, f"$SRV.INFO.{SERVICE_NAME}", forged)
    assert (await gateway.look()).receivers == ()
    assert asked == []


async def test_an_answer_that_is_not_utf8_is_no_answer(
    gateway: LiveGateway, connection: Connection
) -> None:
    await answer_with(connection, f"$SRV.INFO.{SERVICE_NAME}", service())
    await answer_with(connection, f"{control_subject('main', 'receiver-1')}.*", b'{"name": "\xff"}')
    assert (await gateway.look()).receivers == ()


async def test_what_may_not_be_known_to_be_in_flight_is_not_acked(tmp_path: Path) -> None:
    unacked = f"{control_subject('archive', 'receiver-1')}.unacked"
    config = f"""
    authorization {{ users: [
      {{ user: all, password: p }}
      {{ user: desk, password: p, permissions: {{ publish: {{ deny: ["{unacked}"] }} }} }}
    ] }}
    """
    async with NatsServer(tmp_path, config=config) as server:
        every, desk = (
            ConnectionOptions(servers=(server.url,), user=user, password="p")
            for user in ("all", "desk")
        )
        async with Connection(every) as connection, Connection(desk) as other:
            await make_stream(connection)
            out = receiver_config(tmp_path / "out", settings=PATIENT)
            async with running(server, out, options=every) as receiver:
                receiver.set_rule(AnswerRule(answer="withhold"))
                await Control(receiver).serve_on(connection)
                await Source(connection, "web1").publish_lines(2)
                await until(lambda: len(receiver.unacked(UnackedRequest()).messages) == 2)
                gateway = LiveGateway(other, "LOGS")
                await until(gateway.receivers)
                marks = (await gateway.marks(["web1"]))["web1"]
    assert marks.knows_unacked
    assert [marks.fate_of(sequence) for sequence in (1, 2)] == [Fate.DELIVERED] * 2
