"""The flags give one set of options, and refuse in one line."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from shipper.connection_flags import connection_flags
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
    for name in ("NATS_URL", "NATS_USER", "NATS_PASSWORD", "NATS_TOKEN", "NATS_CREDS"):
        assert name in text
    assert "nats://127.0.0.1:4222" in text
    assert "Do something." in text
