"""``natsconsole setup``: plan first."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from natsconsole.cli.setup import setup
from natsconsole.gateway.jetstream import JetStream
from shipper.connection import Connection
from tests.support.fake_nats import FakeNats
from tests.support.nats_server import NatsServer
from tests.support.programs import run


async def test_prints_the_plan_and_changes_nothing(
    nats_server: NatsServer, connection: Connection
) -> None:
    code, out, _ = await run("natsconsole", "setup", "-s", nats_server.url)

    assert code == 0
    assert "Stream LOGS will be created" in out
    assert "--yes" in out
    _, again, _ = await run("natsconsole", "setup", "-s", nats_server.url)
    assert again == out


async def test_creates_updates_and_then_does_nothing(
    nats_server: NatsServer, connection: Connection
) -> None:
    command = ("natsconsole", "setup", "-s", nats_server.url, "--yes", "--events")
    await run(*command)
    _, out, _ = await run(*command, "--partitions", "4", "--max-age", "1d")
    assert "metadata.natsconsole.partitions" in out
    assert "'10' -> '4'" in out

    _, again, _ = await run(*command, "--partitions", "4", "--max-age", "1d")
    assert again == (
        "Stream LOGS is as asked for.\n"
        "Stream LOGS_EVENTS is as asked for.\n"
        "Stream KV_shippers is as asked for.\n"
    )
    info = await JetStream(connection).stream_info("LOGS")
    assert info.config["discard"] == "new"
    assert info.config["subject_transform"]["dest"] == "logs.{{partition(4)}}.>"


async def test_a_server_that_is_too_old_is_named() -> None:
    async with FakeNats(version="2.11.4", server_name="old") as server:
        code, _, errors = await run("natsconsole", "setup", "-s", server.url)
    assert code == 2
    assert "nats-server 2.11.4" in errors
    assert "2.12 or later" in errors


@pytest.mark.parametrize("prefix", ["", "lo gs", "logs.", "logs.>", "*", "logs..x", "l\x7fogs"])
def test_a_prefix_that_is_no_subject_is_refused_before_anything_else(prefix: str) -> None:
    result = CliRunner().invoke(setup, ["--prefix", prefix, "-s", "nats://127.0.0.1:1"])
    assert result.exit_code == 2
    assert "is no subject without wildcards" in result.output
