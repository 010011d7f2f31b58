"""``natsconsole status``: text, the JSON that scripts rely on, and exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from natsconsole.cli.status_text import status_lines
from natsconsole.domain.snapshots import HostRow
from natsconsole.domain.status import Pipeline, Status
from natsconsole.domain.streams import StreamState
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.receiver.control import Control
from shipper.connection import Connection, ConnectionOptions
from tests.support.anybodys import Anybody
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.programs import run
from tests.support.waiting import until

DOCS = Path(__file__).parents[2] / "docs" / "status.md"


async def _status(server: NatsServer, *arguments: str) -> tuple[int, str, str]:
    return await run("natsconsole", "status", "-s", server.url, "--watch", "0", *arguments)


async def _json(server: NatsServer, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = await _status(server, "--json", *arguments)
    found: dict[str, Any] = json.loads(out)
    return code, found


async def test_all_is_well(nats_server: NatsServer, connection: Connection) -> None:
    code, out, errors = await _status(nats_server)
    assert (code, errors) == (0, "")
    assert out.startswith(f"OK · {nats_server.address} · nats 2.")

    anybody = Anybody(connection)
    await anybody.make_stream()
    await anybody.make_consumer()
    await anybody.publish(2)
    for message in await anybody.pull(2):
        await message.answer()
    code, found = await _json(nats_server)
    assert (code, found["worst"], found["verdicts"]) == (0, "ok", [])


async def test_the_worst_verdict_is_the_exit_code(
    nats_server: NatsServer, connection: Connection
) -> None:
    anybody = Anybody(connection)
    await anybody.make_stream(discard="new", max_msgs=3)
    await anybody.make_consumer()
    await anybody.publish(2)
    code, found = await _json(nats_server)
    assert (code, found["worst"]) == (1, "warning")
    (consumer,) = found["consumers"]
    (verdict,) = consumer["verdicts"]
    assert verdict["rule"] == "no-pull"
    assert verdict["evidence"]["lag_messages"] == 2
    assert (consumer["stream"], consumer["name"]) == (anybody.stream, "worker")
    assert consumer["lag_seconds"] > 0

    await anybody.publish(1)
    code, out, _ = await _status(nats_server)
    assert code == 2
    assert out.index("stream-full") < out.index("no-pull")
    assert f"$ nats stream edit {anybody.stream} --max-msgs 6" in out

    other = Anybody(connection)
    await other.make_stream()
    code, found = await _json(nats_server, "--stream", other.stream)
    assert (code, [one["name"] for one in found["streams"]]) == (0, [other.stream])
    code, found = await _json(nats_server, "--stream", "NOPE")
    assert (code, found["verdicts"][0]["rule"]) == (2, "no-stream")


async def test_names_from_the_network_are_made_safe(
    nats_server: NatsServer, connection: Connection
) -> None:
    anybody = Anybody(connection)
    await anybody.make_stream(description="\x1b[31m")
    await anybody.make_consumer("\x1b]0;evil\x07", durable_name="\x1b]0;evil\x07")
    await anybody.publish(1)
    code, out, _ = await _status(nats_server)
    assert code == 1
    assert "␛]0;evil␇" in out
    assert "\x1b" not in out


async def test_hosts_and_receivers_of_a_log_stream(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1.example.net")
    await source.publish_lines(3)
    code, found = await _json(nats_server)
    assert code == 1
    assert [one["rule"] for one in found["verdicts"]] == ["no-receiver"]

    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        await Control(receiver).serve_on(connection)

        async def is_well() -> bool:
            nonlocal code, found
            code, found = await _json(nats_server, "--watch", "1s")
            return (code, found["verdicts"]) == (0, [])

        await until(lambda: receiver.status("").written_lines == 3)
        await until(is_well, within=60)
        _, out, _ = await _status(nats_server)
    (host,) = found["hosts"]
    assert (host["host"], host["lag_messages"]) == ("web1.example.net", 0)
    (told,) = found["receivers"]
    assert (told["name"], told["stream"], told["state"]) == ("receiver-1", "LOGS", "running")
    assert (told["written_lines"], told["lost"], told["doubled"]) == (3, 0, 0)
    assert "web1.example.net" in out
    assert "receiver-1" in out


async def test_no_connection_is_not_knowing(unused_port: int) -> None:
    url = f"nats://127.0.0.1:{unused_port}"
    code, out, errors = await run("natsconsole", "status", "-s", url, "--json")
    assert code == 3
    assert json.loads(out)["worst"] == "unknown"
    assert errors.count("\n") == 1
    assert "connection refused" in errors


async def test_no_jetstream_is_not_knowing(tmp_path: Path) -> None:
    config = "accounts { A { users: [ { user: a, password: p } ] } }"
    async with NatsServer(tmp_path, config=config) as server:
        url = server.url.replace("nats://", "nats://a:p@")
        code, out, _ = await run("natsconsole", "status", "-s", url)
    assert code == 3
    assert out.startswith("UNKNOWN")
    assert "not for this account" in out


async def test_what_is_not_permitted_is_said(tmp_path: Path) -> None:
    config = """
    accounts { A { jetstream: enabled, users: [ { user: a, password: p, permissions: {
      publish: ["$JS.API.STREAM.LIST", "$JS.API.STREAM.CREATE.>"], subscribe: [">"] } } ] } }
    """
    async with NatsServer(tmp_path, config=config) as server:
        url = server.url.replace("nats://", "nats://a:p@")
        _, out, _ = await run("natsconsole", "status", "-s", url, "--json")
    found = json.loads(out)
    assert found["account"] is None
    assert any("$JS.API.INFO" in line for line in found["not_permitted"])


async def test_the_documented_permissions_are_enough(tmp_path: Path) -> None:
    section = DOCS.read_text().partition("## The least permissions")[2]
    block = section.split("```")[1]
    config = f"""
    accounts {{ A {{ jetstream: enabled, users: [
      {{ user: all, password: p }}
      {{ user: few, password: p, permissions: {{ {block} }} }}
    ] }} }}
    """
    async with NatsServer(tmp_path, config=config) as server:
        url = server.url.replace("nats://", "nats://all:p@")
        async with Connection(ConnectionOptions(servers=(url,))) as owner:
            for allow_direct in (True, False):
                anybody = Anybody(owner)
                await anybody.make_stream(allow_direct=allow_direct)
                await anybody.make_consumer()
                await anybody.publish(1)
        url = server.url.replace("nats://", "nats://few:p@")
        code, out, _ = await run("natsconsole", "status", "-s", url, "--json", "--watch", "0")
    found = json.loads(out)
    assert (code, found["not_permitted"], found["problem"]) == (1, [], "")
    assert all(one["lag_seconds"] > 0 for one in found["consumers"])
    assert found["account"] is not None


async def test_every_field_is_documented(nats_server: NatsServer, connection: Connection) -> None:
    anybody = Anybody(connection)
    await anybody.make_stream(max_msgs=5)
    await anybody.make_consumer()
    await anybody.publish(1)
    await make_stream(connection)
    await Source(connection, "web1").publish_lines(1)
    _, found = await _json(nats_server)
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", DOCS.read_text(), re.MULTILINE))
    used = set(found)
    for part in ("streams", "consumers", "hosts", "verdicts"):
        used |= set(found[part][0])
    used |= set(found["server"]) | set(found["account"])
    assert used - documented == set()


def test_every_rule_is_documented() -> None:
    folder = Path(__file__).parents[2] / "natsconsole" / "domain" / "verdicts"
    rules = {
        rule
        for path in folder.glob("*.py")
        for rule in re.findall(r"rule=\"([a-z-]+)\"", path.read_text())
    }
    text = DOCS.read_text()
    assert {rule for rule in rules if f"`{rule}`" not in text} == set()
    assert len(rules) > 20


def test_the_screen_is_not_loaded() -> None:
    code = (
        "import sys, natsconsole.cli.status\n"
        "print([m for m in sys.modules if m.split('.')[0] == 'textual'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_receivers_that_may_not_be_asked_are_not_missing(tmp_path: Path) -> None:
    config = """
    accounts { A { jetstream: enabled, users: [
      { user: all, password: p }
      { user: few, password: p, permissions: {
        publish: ["$JS.API.>"], subscribe: ["_INBOX.>", "$JS.EVENT.ADVISORY.CONSUMER.>"] } }
      { user: fewer, password: p, permissions: {
        publish: ["$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.CONSUMER.LIST.*"]
        subscribe: ["_INBOX.>", "$JS.EVENT.ADVISORY.CONSUMER.>"] } }
    ] } }
    """
    async with NatsServer(tmp_path, config=config) as server:
        url = server.url.replace("nats://", "nats://all:p@")
        async with Connection(ConnectionOptions(servers=(url,))) as owner:
            await make_stream(owner)
            await Source(owner, "web1").publish_lines(3)
        for user, subject in (("few", "$SRV.INFO"), ("fewer", "$JS.API.STREAM.INFO.LOGS")):
            url = server.url.replace("nats://", f"nats://{user}:p@")
            code, out, _ = await run("natsconsole", "status", "-s", url, "--json", "--watch", "0")
            found = json.loads(out)
            assert (code, found["verdicts"]) == (0, [])
            assert any(line.startswith("LOGS: ") and subject in line
                       for line in found["not_permitted"])  # fmt: skip


async def test_a_log_stream_that_does_not_answer_is_not_knowing(tmp_path: Path) -> None:
    """The lists are told, and nobody answers for the stream itself."""
    config = """
    accounts {
      LOGS {
        jetstream: enabled
        users: [ { user: logs, password: p } ]
        exports: [ { service: "$JS.API.>", response_type: stream } ]
      }
      DESK {
        users: [ { user: desk, password: p } ]
        imports: [
          { service: { account: LOGS, subject: "$JS.API.INFO" }, to: "JS.INFO" }
          { service: { account: LOGS, subject: "$JS.API.STREAM.LIST" }, to: "JS.STREAM.LIST" }
        ]
      }
    }
    """
    async with NatsServer(tmp_path, config=config) as server:
        url = server.url.replace("nats://", "nats://logs:p@")
        async with Connection(ConnectionOptions(servers=(url,))) as owner:
            await make_stream(owner)
        url = server.url.replace("nats://", "nats://desk:p@")
        arguments = ("-s", url, "--js-api-prefix", "JS", "--watch", "0")
        code, out, _ = await run("natsconsole", "status", *arguments)
    assert (code, out.split(" ")[0]) == (3, "UNKNOWN")
    assert "hosts and receivers of LOGS are not known:" in out


def test_a_table_that_the_server_cut_says_so() -> None:
    hosts = (HostRow(host="web1"), HostRow(host="web2"))
    found = Pipeline(stream="LOGS", hosts=hosts, hosts_total=2, has_more_hosts=True)
    text = "\n".join(status_lines(Status.of(TriageSnapshot(taken=1.0), (found,))))
    assert "2 of at least 2;" in text


def test_consumers_that_nobody_tells_are_not_called_refused() -> None:
    snapshot = TriageSnapshot(
        taken=1.0,
        streams=(StreamState(name="S", consumers_count=3, knows_consumers=False),),
        streams_total=1,
        problem="nobody tells the consumers of S: their leader does not answer",
    )
    text = "\n".join(status_lines(Status.of(snapshot, ())))
    assert "3 not known" in text
    assert "not permitted" not in text
