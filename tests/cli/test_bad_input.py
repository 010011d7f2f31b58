"""Bad input is one clear line, the right exit code, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import make_stream
from tests.support.programs import run


def the_error(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in stderr, stderr
    assert len(lines) == 1, stderr
    return lines[0]


@pytest.mark.parametrize("command", [["setup"], ["receive", "--dir", "out"]])
async def test_no_server(command: list[str], unused_port: int) -> None:
    address = f"127.0.0.1:{unused_port}"
    code, _, errors = await run("natsconsole", *command, "-s", address)

    assert code == 3
    assert address in the_error(errors)


async def test_bad_credentials(tmp_path: Path) -> None:
    config = 'authorization { user: "ann", password: "s3cret" }'
    async with NatsServer(tmp_path / "nats", config=config) as server:
        code, _, errors = await run(
            "natsconsole", "setup", "-s", server.url, "--user", "ann", "--password", "wr0ng"
        )

    assert code == 3
    assert "'ann'" in the_error(errors)
    assert "wr0ng" not in errors


async def test_no_stream(nats_server: NatsServer, tmp_path: Path) -> None:
    code, _, errors = await run("natsconsole", "receive", "-s", nats_server.url, "--dir", tmp_path)

    assert code == 2
    assert "natsconsole setup --stream LOGS" in the_error(errors)


async def test_directory_is_a_file(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    (tmp_path / "taken").write_text("")
    code, _, errors = await run(
        "natsconsole", "receive", "-s", nats_server.url, "--dir", tmp_path / "taken" / "below"
    )

    assert code == 2
    assert "--dir" in the_error(errors)


async def test_console_without_a_terminal(nats_server: NatsServer) -> None:
    code, _, errors = await run("natsconsole", "-s", nats_server.url)

    assert code == 2
    assert "not a terminal" in the_error(errors)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--max-age", "soon"),
        ("--max-bytes", "lots"),
        ("--partitions", "0"),
        ("--server", "ws://x"),
    ],
)
async def test_bad_values(flag: str, value: str) -> None:
    code, _, errors = await run("natsconsole", "setup", flag, value)

    assert code == 2
    assert "Error: " in errors
    assert "Traceback" not in errors
