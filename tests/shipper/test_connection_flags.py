"""The flags give one set of options, and refuse in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from shipper.connection_flags import connection_flags, environment_of
from shipper.connection_options import ConnectionOptions

seen: list[ConnectionOptions] = []


@click.command()
@connection_flags
@click.option("--other", default="x")
def command(connection: ConnectionOptions, other: str) -> None:
    """Do something."""
    seen.append(connection)
    click.echo(f"{connection!r} {other}")


def run(*arguments: str, **environment: str) -> Result:
    seen.clear()
    return CliRunner().invoke(command, arguments, env=environment)


def options(*arguments: str, **environment: str) -> ConnectionOptions:
    result = run(*arguments, **environment)
    assert result.exit_code == 0, result.output
    (found,) = seen
    return found


def test_defaults() -> None:
    assert options() == ConnectionOptions()
    assert options().address == "127.0.0.1:4222"


def test_flags() -> None:
    found = options("-s", "a,nats://b:1", "--user", "u", "--password", "p", "--token", "t")
    assert found.address == "a:4222,b:1"
    assert (found.user, found.password, found.token) == ("u", "p", "t")
    assert options("--creds", "/x/y").creds == Path("/x/y")
    assert options("--creds", "~/y").creds == Path.home() / "y"


def test_environment() -> None:
    found = options(NATS_URL="a:1", NATS_USER="u", NATS_PASSWORD="p", NATS_CREDS="/c")
    assert (found.address, found.user, found.password) == ("a:1", "u", "p")
    assert found.creds == Path("/c")
    assert options(NATS_TOKEN="t").token == "t"
    assert options("-s", "b", NATS_URL="a").address == "b:4222"
    assert options(NATS_URL="").address == "127.0.0.1:4222"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-s", "ws://u:hidden@a"), "only nats:// and tls:// can be used"),
        (("-s", "http://a"), "only nats:// and tls:// can be used"),
        (("-s", "u:hidden@:1"), "names no host"),
        (("-s", "a:b"), "is no URL"),
        (("-s", ","), "no server is named"),
        (("--password", "hidden"), "--password needs --user"),
    ],
)
def test_refusals(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said.lower() in " ".join(result.output.lower().split())
    assert "hidden" not in result.output
    assert "Traceback" not in result.output


def test_help_names_the_variables() -> None:
    text = run("--help").output
    for name in (
        "NATS_URL",
        "NATS_USER",
        "NATS_PASSWORD",
        "NATS_TOKEN",
        "NATS_CREDS",
        "NATS_CONTEXT",
    ):
        assert name in text
    assert "nats://127.0.0.1:4222" in text
    assert "Do something." in text


def contexts(root: Path, selected: str = "", **keys: dict[str, object]) -> str:
    """Write context files and return XDG_CONFIG_HOME."""
    directory = root / "nats" / "context"
    directory.mkdir(parents=True)
    for name, content in keys.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    (root / "nats" / "context.txt").write_text(selected)
    return str(root)


FULL: dict[str, object] = {
    "url": "tls://a:1,b",
    "user": "u",
    "password": "hidden",
    "cert": "/cert",
    "key": "/key",
    "ca": "/ca",
    "tls_first": True,
    "jetstream_domain": "hub",
    "jetstream_event_prefix": "EV",
    "inbox_prefix": "_INBOX_u",
}


def test_a_context_gives_everything(tmp_path: Path) -> None:
    root = contexts(tmp_path, prod=FULL)
    expected = ConnectionOptions(
        context="prod",
        servers=("tls://a:1", "b"),
        user="u",
        password="hidden",
        tls_cert=Path("/cert"),
        tls_key=Path("/key"),
        tls_ca=Path("/ca"),
        tls_first=True,
        js_domain="hub",
        js_event_prefix="EV",
        inbox_prefix="_INBOX_u",
    )
    assert options("--context", "prod", XDG_CONFIG_HOME=root) == expected
    assert options(NATS_CONTEXT="prod", XDG_CONFIG_HOME=root) == expected
    assert expected.api_prefix == "$JS.hub.API"


def test_a_flag_counts_more_than_a_variable_and_both_more_than_the_context(tmp_path: Path) -> None:
    root = contexts(tmp_path, prod=FULL, dev={"url": "dev"})
    found = options("--context", "prod", "-s", "x", "--js-api-prefix", "P", XDG_CONFIG_HOME=root)
    assert found.address == "x:4222"
    assert (found.js_domain, found.api_prefix) == (None, "P")
    assert found.user == "u"
    found = options("--context", "dev", NATS_CONTEXT="prod", XDG_CONFIG_HOME=root)
    assert found.context == "dev"
    found = options("--context", "prod", NATS_URL="y", NATS_INBOX_PREFIX="I", XDG_CONFIG_HOME=root)
    assert (found.address, found.inbox_prefix) == ("y:4222", "I")
    found = options("--inbox-prefix", "J", NATS_CONTEXT="prod", NATS_INBOX_PREFIX="I",
                    XDG_CONFIG_HOME=root)  # fmt: skip
    assert found.inbox_prefix == "J"


@pytest.mark.parametrize(
    ("arguments", "login"),
    [
        ((), ("u", "hidden", None, None, None)),
        (("--password", "p"), ("u", "p", None, None, None)),
        (("--user", "v", "--password", "p"), ("v", "p", None, None, None)),
        (("--token", "t"), (None, None, "t", None, None)),
        (("--creds", "/c"), (None, None, None, Path("/c"), None)),
        (("--nkey", "/n"), (None, None, None, None, Path("/n"))),
    ],
)
def test_a_login_is_never_half_flags_and_half_context(
    tmp_path: Path, arguments: tuple[str, ...], login: tuple[object, ...]
) -> None:
    root = contexts(tmp_path, prod=FULL)
    found = options("--context", "prod", *arguments, XDG_CONFIG_HOME=root)
    assert (found.user, found.password, found.token, found.creds, found.nkey) == login


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"creds": "/c", "token": "t"}, {"creds": Path("/c")}),
        ({"nkey": "/n"}, {"nkey": Path("/n")}),
        ({"user_jwt": "j", "user_seed": "s"}, {"user_jwt": "j", "user_seed": "s"}),
        ({"user_jwt": "j"}, {"user_jwt": "j"}),
        ({"token": "t"}, {"token": "t"}),
        ({}, {}),
    ],
)
def test_each_login_of_a_context(
    tmp_path: Path, keys: dict[str, object], expected: dict[str, Any]
) -> None:
    root = contexts(tmp_path, one=keys)
    assert options("--context", "one", XDG_CONFIG_HOME=root) == ConnectionOptions(
        context="one", **expected
    )


def test_the_selected_context_holds_unless_a_server_is_named(tmp_path: Path) -> None:
    root = contexts(tmp_path, selected="prod", prod=FULL, dev={"url": "dev"})
    assert options(XDG_CONFIG_HOME=root).context == "prod"
    assert options("--context", "dev", XDG_CONFIG_HOME=root).context == "dev"
    assert options(NATS_CONTEXT="dev", XDG_CONFIG_HOME=root).context == "dev"
    elsewhere = ConnectionOptions(servers=("other",))
    assert options("-s", "other", XDG_CONFIG_HOME=root) == elsewhere, "no secret goes there"
    assert options(NATS_URL="other", XDG_CONFIG_HOME=root) == elsewhere


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--context", "prd"), "there is no context 'prd'; did you mean 'prod'? there are bad,"),
        (("--context", "bad"), "context 'bad' is not JSON"),
        (("--context", "ws"), "context 'ws': server 'ws://a': only nats:// and tls:// can be"),
        (("--context", "proxy"), "context 'proxy' goes through a SOCKS proxy, which we cannot do"),
        (("--context", "half"), "context 'half': cert and key go together"),
        (("--context", "dotted"), "context 'dotted': JetStream domain 'a.b': a domain has no dots"),
        (("--js-domain", "a", "--js-api-prefix", "b"), "--js-domain and --js-api-prefix"),
        (("--js-api-prefix", "a.>"), "JetStream API prefix 'a.>': a prefix has no"),
        (("--inbox-prefix", "a."), "inbox prefix 'a.': a prefix has no"),
        ((), "there is no context 'gone'; there are bad,"),
        ((), "it is the selected one: select another, or name a --server"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    root = contexts(
        tmp_path,
        selected="gone",
        prod=FULL,
        ws={"url": "ws://u:hidden@a"},
        proxy={"socks_proxy": "u:hidden@p"},
        half={"cert": "/c"},
        dotted={"jetstream_domain": "a.b"},
    )
    (tmp_path / "nats" / "context" / "bad.json").write_text('{"password": "hidden')
    if arguments and arguments[0] != "--context":
        arguments = ("-s", "a", *arguments)
    result = run(*arguments, XDG_CONFIG_HOME=root)
    assert result.exit_code == 2
    assert said in result.output
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert "hidden" not in result.output


@click.group(invoke_without_command=True)
@connection_flags
def group(connection: ConnectionOptions) -> None:
    """Do something with or without a subcommand."""
    if click.get_current_context().invoked_subcommand is None:
        seen.append(connection)


group.add_command(command, "sub")


@pytest.mark.parametrize(
    ("arguments", "environment", "address"),
    [
        (("-s", "a"), {}, "a:4222"),
        (("-s", "a", "sub"), {}, "a:4222"),
        (("-s", "a", "sub", "-s", "b"), {}, "b:4222"),
        (("sub", "-s", "b"), {"NATS_URL": "c"}, "b:4222"),
        (("-s", "a", "sub"), {"NATS_URL": "c"}, "a:4222"),
        (("sub",), {"NATS_URL": "c"}, "c:4222"),
        (("--context", "no such", "sub", "--context", "prod"), {}, "a:1,b:4222"),
        (("--context", "prod", "sub"), {"NATS_CONTEXT": "no such"}, "a:1,b:4222"),
    ],
)
def test_flags_before_a_subcommand_hold_for_it(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], address: str
) -> None:
    root = contexts(tmp_path, prod=FULL)
    seen.clear()
    result = CliRunner().invoke(group, arguments, env=environment | {"XDG_CONFIG_HOME": root})
    assert result.exit_code == 0, result.output
    (found,) = seen
    assert found.address == address


@pytest.mark.parametrize(
    "arguments",
    [
        ("-s", "nats://u:p@a,b", "--inbox-prefix", "I", "--js-api-prefix", "P"),
        ("-s", "a", "--creds", "/c", "--tlscert", "/x", "--tlskey", "/y", "--tlsca", "/z"),
        ("-s", "a", "--nkey", "/n", "--tlsfirst"),
        ("--context", "prod"),
        ("--context", "prod", "--token", "t"),
        ("--context", "jwt", "-s", "a"),
        (),
    ],
)
def test_a_child_connects_as_its_parent(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    root = contexts(tmp_path, selected="dev", prod=FULL, dev={"url": "dev"},
                    jwt={"user_jwt": "j", "user_seed": "s"})  # fmt: skip
    inherited = {"NATS_CREDS": "/theirs", "NATS_CONTEXT": "dev", "XDG_CONFIG_HOME": root}
    parent = options(*arguments, XDG_CONFIG_HOME=root)
    environment = environment_of(parent, inherited)
    assert options(**environment) == parent
