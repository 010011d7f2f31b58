"""The nats CLI's contexts in our commands, and in the console."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from natsconsole.cli.contexts import ConsoleContexts, known_contexts
from natsconsole.cli.failures import Failure
from natsconsole.cli.settings_file import as_toml, read_settings
from natsconsole.domain.contexts import Context, ContextSettings
from natsconsole.domain.host_pattern import HostPattern
from natsconsole.gateway.interface import GatewayError, LinkLostError, NotPermittedError
from natsconsole.gateway.jetstream import JetStream
from shipper.connection import Connection
from shipper.nats_context import NatsContext
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.programs import run
from tests.support.terminal import Terminal

Writes = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writes:
    """Writes context files: contents as keywords, and which one is selected."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    directory = tmp_path / "nats" / "context"
    directory.mkdir(parents=True)

    def write_some(selected: str = "", **contexts: object) -> None:
        (tmp_path / "nats" / "context.txt").write_text(selected)
        for name, keys in contexts.items():
            (directory / f"{name}.json").write_text(json.dumps(keys))

    return write_some


def settings_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "natsconsole" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


COMMANDS = (
    ("natsconsole",),
    ("natsconsole", "setup"),
    ("natsconsole", "receive", "--dir", "out"),
    ("natsconsole", "tail"),
    ("shipper", "--once", "/dev/null"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_every_command_takes_a_context(write: Writes, command: tuple[str, ...]) -> None:
    write(prod={"url": "nats://a"}, dev={})
    code, out, err = await run(*command, "--context", "prd")
    expected = "Error: there is no context 'prd'; did you mean 'prod'? there are dev, prod\n"
    assert (code, out, err) == (2, "", expected)


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
async def test_credentials_that_cannot_be_read(
    nats_server: NatsServer, write: Writes, command: tuple[str, ...]
) -> None:
    write(selected="prod", prod={"url": nats_server.url, "creds": "~/gone.creds"})
    code, _, err = await run(*command)
    (line,) = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert "gone.creds': no such file; check --creds or context 'prod'" in line
    assert code == 2
    assert "Traceback" not in err


async def test_a_broken_selected_context_stops_nothing_that_needs_none(
    nats_server: NatsServer, connection: Connection, write: Writes
) -> None:
    await make_stream(connection)
    write(selected="gone")
    assert (await run("natsconsole", "tail", "--no-follow", "-s", nats_server.url))[0] == 0
    assert (await run("natsconsole", "--print-config"))[0] == 0
    assert (await run("natsconsole", "tail", "--help"))[0] == 0
    assert (await run("natsconsole", "tail", "--no-follow"))[0] == 2


async def test_tail_heeds_what_is_said_of_the_context(
    nats_server: NatsServer, connection: Connection, write: Writes, tmp_path: Path
) -> None:
    await JetStream(connection).create_stream(
        {"name": "ORDERS", "subjects": ["orders.>"], "allow_direct": True}
    )
    await connection.request("orders.shop1.new", b"one")
    write(prod={"url": nats_server.url})
    settings_of(tmp_path, '[contexts.prod]\nstream = "ORDERS"\nsubject = "orders.{host}.>"\n')
    code, out, err = await run("natsconsole", "--context", "prod", "tail", "--no-follow")
    assert (code, out, err) == (0, "shop1 one\n", "")


def test_all_that_are_known_without_their_secrets(write: Writes) -> None:
    write(
        selected="prod",
        prod={"description": "Live", "url": "u:hidden@a", "jetstream_domain": "hub"},
        dev={"user": "ann", "password": "hidden"},
        bad={"url": "ws://u:hidden@b"},
    )
    known = {"prod": ContextSettings(production=True)}
    found = known_contexts(known)
    assert found == (
        Context(
            name="bad",
            problem="context 'bad': server 'ws://b': only nats:// and tls:// can be used, "
            "not ws://",
        ),
        Context(name="dev", address="127.0.0.1:4222", login="user 'ann'"),
        Context(
            name="prod",
            description="Live",
            address="a:4222",
            login="user 'u'",
            domain="hub",
            is_selected=True,
            settings=known["prod"],
        ),
    )
    assert "hidden" not in repr(found)


async def test_contexts_are_switched_while_the_console_runs(
    nats_server: NatsServer, connection: Connection, write: Writes, unused_port: int
) -> None:
    await make_stream(connection)
    jetstream = JetStream(connection)
    await jetstream.create_stream(
        {"name": "ORDERS", "subjects": ["orders.>"], "allow_direct": True}
    )
    await Source(connection, "web1").publish_lines(1)
    for subject in ("orders.shop1.new", "orders.shop1.paid", "orders.shop2.new"):
        await connection.request(subject, b"x")
    write(
        dev={"url": nats_server.url},
        prod={"url": nats_server.url},
        down={"url": f"127.0.0.1:{unused_port}"},
    )
    told: list[tuple[str, str]] = []
    contexts = ConsoleContexts(
        {"prod": ContextSettings(read_only=True, stream="ORDERS", subject="orders.{host}.>")},
        on_open=lambda options, gateway: told.append((options.context, gateway.stream)),
    )
    first = await contexts.open("dev")
    assert [row.host for row in (await first.look()).hosts] == ["web1"]
    for name, words in (("down", "no NATS server at"), ("none", "there is no context 'none'")):
        with pytest.raises(GatewayError, match=words):
            await contexts.open(name)
    second = await contexts.open("prod")
    rows = (await second.look()).hosts
    assert [(row.host, row.messages, row.partition) for row in rows] == [
        ("shop1", 2, ""),
        ("shop2", 1, ""),
    ]
    assert len(await second.recent_lines("shop1", 10)) == 2
    assert (second.context.name, first.context.is_production) == ("prod", False)
    with pytest.raises(NotPermittedError, match="your settings file says so of context 'prod'"):
        await second.drain("receiver-1")
    await contexts.leave(first)
    with pytest.raises(LinkLostError):
        await first.look()
    await second.look()
    await contexts.close()
    assert told == [("dev", "LOGS"), ("prod", "ORDERS")]


async def test_what_the_flags_say_holds_in_every_context(
    nats_server: NatsServer, connection: Connection, write: Writes
) -> None:
    await JetStream(connection).create_stream({"name": "A", "subjects": ["a.>"]})
    write(prod={"url": nats_server.url})
    contexts = ConsoleContexts(
        {"prod": ContextSettings(stream="B", subject="b.{host}")},
        stream="A",
        pattern=HostPattern.parse("a.{host>}"),
        read_only=True,
    )
    gateway = await contexts.open("prod")
    assert (await gateway.look()).stream == "A"
    assert gateway.read_only
    await contexts.close()


async def test_a_production_context_is_named_as_such(
    nats_server: NatsServer, connection: Connection, write: Writes, tmp_path: Path
) -> None:
    await make_stream(connection)
    await Source(connection, "web1").publish(b"a line\n")
    write(prod={"url": nats_server.url}, selected="prod")
    settings_of(tmp_path, '[contexts.prod]\nproduction = true\ncolour = "red"\nread-only = true')
    async with Terminal("natsconsole") as terminal:
        await terminal.until(
            lambda: terminal.shows(" natsconsole  prod · ", "PRODUCTION  READ-ONLY", "HOSTS 1"),
            within=30,
        )
        title = b"natsconsole prod PRODUCTION\x07"
        await terminal.until(lambda: title in terminal.raw, within=30)
        terminal.press("q")
        assert await terminal.end() == 0


def test_settings_of_contexts(tmp_path: Path) -> None:
    path = settings_of(
        tmp_path,
        """
        [contexts.prod]
        production = true
        read-only = true
        colour = "red"
        stream = "ORDERS"
        subject = "orders.{host}.>"
        [contexts."a.b"]
        """,
    )
    assert read_settings(path).contexts == {
        "prod": ContextSettings(
            production=True,
            read_only=True,
            colour="red",
            stream="ORDERS",
            subject="orders.{host}.>",
        ),
        "a.b": ContextSettings(),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("contexts = 1", "contexts: make each a table, [contexts.NAME]"),
        ("[contexts]\nprod = 1", "contexts: make each a table, [contexts.NAME]"),
        ("[contexts.p]\nproducton = true", "contexts.p.producton: there is no such setting; did"),
        ("[contexts.p]\nproduction = 1", "contexts.p.production = 1: make it true or false"),
        ('[contexts.p]\ncolour = "mauve"', 'contexts.p.colour = "mauve": make it one of red,'),
        ('[contexts.p]\nsubject = "a.b"', "contexts.p.subject = \"a.b\": pattern 'a.b' needs"),
        ('[contexts.p]\nstream = ""', 'contexts.p.stream = "": make it a stream\'s name'),
    ],
)
def test_what_cannot_be_said_of_a_context(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Failure) as raised:
        read_settings(settings_of(tmp_path, text))
    assert said in raised.value.message


def test_the_documents_say_what_there_is(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/contexts.md").read_text()
    for key in [field.name for field in fields(NatsContext)]:
        assert key in {"name", "not_served"} or f"`{key}`" in text, key
    table = text.partition("```toml\n")[2].partition("```")[0]
    assert read_settings(settings_of(tmp_path, table)).contexts == {
        "prod": ContextSettings(
            production=True,
            read_only=True,
            colour="red",
            stream="ORDERS",
            subject="orders.{host}.>",
        )
    }
    printed = as_toml().partition("# [contexts.prod]")[2].partition("\n\n")[0]
    table = "[contexts.prod]" + printed.replace("\n# ", "\n")
    assert list(read_settings(settings_of(tmp_path, table)).contexts) == ["prod"]
