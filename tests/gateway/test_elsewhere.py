"""JetStream in another domain, behind another prefix, and answers under another inbox."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.key_value import KeyValue
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.triage import LiveTriage
from natsconsole.receiver.control import Control
from shipper.connection import Connection, ConnectionOptions, NoRespondersError
from tests.support.anybodys import Anybody, evidence_of
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until


def leaf_port(server: NatsServer) -> int:
    found = re.search(r"leafnode connections on 127\.0\.0\.1:(\d+)", server.log)
    assert found, server.log
    return int(found[1])


def store(server: Path, domain: str) -> str:
    return f"jetstream {{ store_dir: {json.dumps(str(server / 'store'))}, domain: {domain} }}"


async def test_everything_reaches_the_domain_that_is_named(tmp_path: Path) -> None:
    """The nearest server has a JetStream of its own, which must be left alone."""
    at_hub = f"{store(tmp_path / 'hub', 'hub')}\nleafnodes {{ listen: '127.0.0.1:-1' }}"
    async with NatsServer(tmp_path / "hub", config=at_hub) as hub:
        remote = f"leafnodes {{ remotes [ {{ url: 'nats-leaf://127.0.0.1:{leaf_port(hub)}' }} ] }}"
        at_leaf = f"server_name: leaf\n{store(tmp_path / 'leaf', 'leaf')}\n{remote}"
        async with NatsServer(tmp_path / "leaf", config=at_leaf) as leaf:
            options = ConnectionOptions(servers=(leaf.url,), js_domain="hub")
            async with (
                Connection(options) as connection,
                Connection(ConnectionOptions(servers=(hub.url,))) as direct,
            ):
                await until(lambda: answers(connection), why="the leaf has joined")
                await make_stream(connection)
                source = Source(direct, "web1")
                await source.publish_lines(20)
                config = receiver_config(tmp_path / "out")
                async with running(leaf, config, options=options) as receiver:
                    await Control(receiver).serve_on(connection)
                    await until(lambda: receiver.status("").written_lines == 20)
                    await until(lambda: receiver.status("").unacked == 0)
                assert (tmp_path / "out/web1/app.log").read_bytes() == source.content

                gateway = LiveGateway(connection, "LOGS")
                assert [row.host for row in (await gateway.look()).hosts] == ["web1"]
                assert len(await gateway.recent_lines("web1", 100)) == 20
                bucket = KeyValue(connection, JetStream(connection), "bucket")
                await bucket.ensure()
                await bucket.put("key", b"value")
                found = await KeyValue(direct, JetStream(direct), "bucket").get("key")
                assert found is not None
                assert found.value == b"value"
            async with Connection(ConnectionOptions(servers=(leaf.url,))) as near:
                reply = await near.request("$JS.API.STREAM.NAMES")
                assert json.loads(reply.data)["streams"] is None, "the leaf's own was left alone"


async def answers(connection: Connection) -> bool:
    try:
        await connection.request("$JS.API.INFO")
    except NoRespondersError:
        return False
    return True


async def test_a_wrong_domain_is_named(nats_server: NatsServer) -> None:
    options = ConnectionOptions(servers=(nats_server.url,), js_domain="hbu")
    async with Connection(options) as connection:
        with pytest.raises(NoRespondersError, match="JetStream domain 'hbu' does not answer at"):
            await connection.request("$JS.API.INFO")


TWO_ACCOUNTS = """
accounts {
  LOGS {
    jetstream: enabled
    users: [ { user: logs, password: logs } ]
    exports: [
      { service: "$JS.API.>", response_type: stream }
      { stream: "$JS.EVENT.ADVISORY.>" }
    ]
  }
  DESK {
    users: [
      {
        user: desk, password: desk
        permissions {
          publish: { allow: [ "JS.logs.>", "$SRV.>", "natsconsole.>" ] }
          subscribe: { allow: [ "_INBOX_desk.>", "EVENTS.ADVISORY.>", "natsconsole.>" ] }
        }
      }
    ]
    imports: [
      { service: { account: LOGS, subject: "$JS.API.>" }, to: "JS.logs.>" }
      { stream: { account: LOGS, subject: "$JS.EVENT.ADVISORY.>" }, to: "EVENTS.ADVISORY.>" }
    ]
  }
}
"""


@asynccontextmanager
async def two_accounts(directory: Path) -> AsyncIterator[tuple[Connection, Connection]]:
    """Connect to the account that has the stream, and to one that imports it; none is denied."""
    async with NatsServer(directory, config=TWO_ACCOUNTS) as server:
        logs = ConnectionOptions(servers=(server.url,), user="logs", password="logs")
        desk = ConnectionOptions(
            servers=(server.url,),
            user="desk",
            password="desk",
            js_api_prefix="JS.logs",
            js_event_prefix="EVENTS",
            inbox_prefix="_INBOX_desk",
        )
        async with Connection(logs) as connection, Connection(desk) as other:
            yield connection, other
        assert "Permissions Violation" not in server.log


async def test_verdicts_hear_the_events_of_another_account(tmp_path: Path) -> None:
    async with two_accounts(tmp_path) as (connection, other):
        shop = Anybody(connection)
        await shop.make_stream()
        await shop.make_consumer(max_deliver=1)
        await shop.publish(2)
        triage = LiveTriage(other)
        await triage.look()
        refused, ended = await shop.pull(2)
        await refused.answer("-NAK")
        await ended.answer("+TERM")
        await shop.wait_for_pulls(1)  # the server gives up when it would deliver again
        verdict = await shop.verdict(triage, "max-deliveries")
        assert evidence_of(verdict)["given_up"] == 1
        assert (await triage.look()).not_permitted == ()


async def test_another_account_s_jetstream_behind_a_prefix(tmp_path: Path) -> None:
    """And every answer comes to the inbox prefix: the login may hear nothing else."""
    async with two_accounts(tmp_path) as (connection, other):
        jetstream = await make_stream(connection)
        await Source(connection, "web1").publish_lines(300)
        gateway = LiveGateway(other, "LOGS")
        assert [row.messages for row in (await gateway.look()).hosts] == [300]
        assert len(await gateway.recent_lines("web1", 300)) == 300
        assert await gateway.message(7) is not None
        assert await JetStream(other).consumers("LOGS") == []
        await gateway.listen()
        await jetstream.create_consumer("LOGS", {"durable_name": "c", "ack_policy": "explicit"})
        await until(lambda: len(gateway.events().events) == 1)
        (event,) = gateway.events().events
        assert (event.consumer, event.kind) == ("c", "change")
        assert other.denied == set()
