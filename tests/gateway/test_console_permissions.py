"""The permissions that docs/console-permissions.md tells people to copy: enough, and no more."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from natsconsole.domain.alerts import alerts
from natsconsole.gateway.interface import GatewayError
from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.key_value import KeyValue
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.log_stream import LogStream
from natsconsole.receiver.control import Control
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection, ConnectionOptions, PermissionDeniedError
from shipper.wire import HEARTBEAT_SUBJECT, ORDERS_BUCKET, Heartbeat, HostPulse
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.programs import Program
from tests.support.waiting import until

DOCUMENT = Path(__file__).parents[2] / "docs/console-permissions.md"
STREAM = LogStream(partitions=2, max_age_seconds=3600, max_bytes=256 << 20, events=True)


def documented(name: str) -> str:
    found = re.search(
        rf"<!-- permissions: {name} -->\n```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL
    )
    assert found
    return found[1]


def users(permissions: str) -> str:
    return f"""
authorization {{
  users: [
    {{ user: admin, password: admin }}
    {{ user: oncall, password: oncall, permissions {{ {permissions} }} }}
  ]
}}
"""


def as_user(server: NatsServer, name: str, inbox: str = "_INBOX") -> ConnectionOptions:
    return ConnectionOptions(servers=(server.url,), user=name, password=name, inbox_prefix=inbox)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats", config=users(documented("one stream"))) as found:
        yield found


@pytest.fixture
async def receiver(server: NatsServer, tmp_path: Path) -> AsyncIterator[Receiver]:
    admin = as_user(server, "admin")
    async with Connection(admin) as connection, Connection(admin) as control:
        await make_stream(connection, STREAM)
        await Source(connection, "web1").publish_lines(20)
        config = receiver_config(tmp_path / "out")
        async with running(server, config, options=admin) as found:
            await Control(found).serve_on(control)
            await until(lambda: found.status("").written_lines == 20)
            yield found


async def heartbeat(server: NatsServer) -> None:
    """Be a shipper for a moment."""
    now = time.time()
    pulse = Heartbeat(
        name="web1",
        instance="1",
        version="1",
        started=now,
        sent=now,
        hosts=(HostPulse(host="web1"),),
    )
    async with Connection(as_user(server, "admin")) as connection:
        await KeyValue(connection, JetStream(connection), ORDERS_BUCKET).ensure()
        await connection.publish(f"{HEARTBEAT_SUBJECT}.web1", msgspec.json.encode(pulse))


async def test_they_are_enough_to_look(server: NatsServer, receiver: Receiver) -> None:
    async with Connection(as_user(server, "oncall", "_INBOX.oncall")) as connection:
        gateway = LiveGateway(connection, "LOGS")
        await gateway.listen()
        await until(gateway.receivers)
        home = await gateway.look()
        assert [row.host for row in home.hosts] == ["web1"]
        assert [one.name for one in home.receivers] == ["receiver-1"]
        assert home.problem == ""
        assert len(await gateway.recent_lines("web1", 50)) == 20
        assert (await gateway.marks(["web1"]))["web1"].delivered == 20
        assert (await gateway.in_flight(None, 10)).silent == ()
        opened = await gateway.open_message(3)
        assert opened is not None
        assert opened.host is not None
        assert "older ones come from stream LOGS_EVENTS" in gateway.events().history
        await heartbeat(server)

        async def hears_it() -> bool:
            return (await gateway.look()).shippers.alive == 1

        await until(hears_it)
        assert "Permissions Violation" not in server.log


async def test_they_are_enough_for_the_screens_of_streams_and_consumers(
    server: NatsServer, receiver: Receiver
) -> None:
    async with Connection(as_user(server, "oncall", "_INBOX.oncall")) as connection:
        triage = LiveGateway(connection, "LOGS").triage

        async def is_all_read() -> bool:
            return {one.lag_seconds for one in (await triage.look()).consumers} == {0.0}

        await until(is_all_read)
        found = await triage.look()
        assert [(one.name, one.messages) for one in found.streams] == [("LOGS", 20)]
        assert len(found.consumers) == STREAM.partitions
        assert "not permitted: to list streams" in " ".join(found.not_permitted)
        assert found.streams_total is None


async def test_they_are_enough_for_tail(server: NatsServer, receiver: Receiver) -> None:
    program = Program(
        "natsconsole", "tail", "web1", "--no-follow", "--user", "oncall",
        "--inbox-prefix", "_INBOX.oncall",
        env={"NATS_URL": server.url, "NATS_PASSWORD": "oncall"},
    )  # fmt: skip
    code, out, err = await (await program.start()).finish()
    assert (code, len(out.splitlines()), err) == (0, 10, "")
    assert "Permissions Violation" not in server.log


async def test_they_change_nothing(server: NatsServer, receiver: Receiver) -> None:
    async with Connection(as_user(server, "oncall", "_INBOX.oncall")) as connection:
        gateway = LiveGateway(connection, "LOGS")
        await until(gateway.receivers)
        with pytest.raises(GatewayError, match="does not let this login publish to"):
            await gateway.pause("receiver-1")
        assert receiver.status("").state == "running"
        jetstream = JetStream(connection)
        with pytest.raises(PermissionDeniedError):
            await jetstream.purge("LOGS", below=10)
        with pytest.raises(PermissionDeniedError):
            await jetstream.delete_consumer("LOGS", "any")
        with pytest.raises(PermissionDeniedError):
            await connection.request("logs.web1", b"a line")


async def test_all_streams_can_be_looked_at(tmp_path: Path) -> None:
    async with NatsServer(tmp_path, config=users(documented("all streams"))) as server:
        async with Connection(as_user(server, "admin")) as connection:
            jetstream = JetStream(connection)
            await jetstream.create_stream({"name": "OTHER", "subjects": ["other.>"]})
            await connection.request("other.host", b"a line")
        async with Connection(as_user(server, "oncall", "_INBOX.oncall")) as connection:
            for verb in ("INFO", "STREAM.LIST", "STREAM.NAMES", "CONSUMER.NAMES.OTHER"):
                await connection.request(f"$JS.API.{verb}")
            gateway = LiveGateway(connection, "OTHER")
            assert [row.host for row in (await gateway.look()).hosts] == ["host"]
            assert len(await gateway.recent_lines("host", 5)) == 1, "the leader was asked"
        assert "Permissions Violation" not in server.log


async def test_what_is_not_permitted_is_said_and_not_shown_as_absent(tmp_path: Path) -> None:
    block = documented("one stream")
    publish, _, subscribe = block.partition("subscribe")
    publish = re.sub(r'\s*"(\$SRV|natsconsole|[^"]*EVENTS)[^"]*",?', "", publish)
    subscribe = re.sub(r'\s*"\$JS[^"]*",?', "", subscribe)
    config = users(f"{publish}subscribe{subscribe}")
    async with NatsServer(tmp_path, config=config) as server:
        async with Connection(as_user(server, "admin")) as connection:
            await make_stream(connection, STREAM)
            await Source(connection, "web1").publish_lines(3)
        async with Connection(as_user(server, "oncall", "_INBOX.oncall")) as connection:
            gateway = LiveGateway(connection, "LOGS")
            await gateway.listen()
            for _ in range(3):
                home = await gateway.look()
            assert [row.messages for row in home.hosts] == [3]
            assert "login publish to '$SRV.INFO.natsconsole-receiver'" in home.problem
            rules = [one.rule for one in alerts(home, gateway.link, home.taken)]
            assert "incomplete-look" in rules
            assert "no-receiver" not in rules
            history = gateway.events().history
            assert "may not hear $JS.EVENT.ADVISORY.STREAM.*.LOGS" in history
            assert "in stream LOGS_EVENTS: this login may not read it" in history
        assert server.log.count("$SRV.INFO") == 1, "it is not asked again at every look"


async def test_a_stream_that_may_not_be_read_is_named(server: NatsServer) -> None:
    async with Connection(as_user(server, "oncall", "_INBOX.oncall")) as connection:
        with pytest.raises(GatewayError, match=r"publish to '\$JS.API.STREAM.INFO.SECRET'; grant"):
            await LiveGateway(connection, "SECRET").look()
