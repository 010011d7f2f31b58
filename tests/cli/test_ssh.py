"""The console through SSH: what a lost connection ends, and what it leaves running."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.processes import processes_with
from tests.support.ssh import SshTerminal, ssh_terminal
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(180)


async def test_a_demo_leaves_nothing_behind_when_the_line_is_cut(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    async with ssh_terminal("natsconsole", "demo", "--dir", str(directory)) as terminal:
        await terminal.shows("HOSTS 12", "● receiver-1", within=60)
        assert len(processes_with(str(directory))) > 3
        terminal.cut()
        await until(lambda: not processes_with(str(directory)), within=60)


async def start_receiver(terminal: SshTerminal, directory: Path, answer: str) -> None:
    terminal.press("R")
    await terminal.shows("RECEIVERS")
    terminal.press("+")
    await terminal.shows("directory for the hosts")
    terminal.press(f"{directory}\r")
    await terminal.shows("its name", "receiver-1")
    terminal.press("\r")
    await terminal.shows("when this console ends")
    terminal.press(f"{answer}\r")
    await until(lambda: bool(processes_with("receive", str(directory))), within=30)


@pytest.fixture
async def out(tmp_path: Path) -> AsyncIterator[Path]:
    """Where a receiver writes that may outlive the console, but not the test."""
    directory = tmp_path / "out"
    yield directory
    for left in processes_with("receive", str(directory)):
        os.kill(left, signal.SIGTERM)
    await until(lambda: not processes_with("receive", str(directory)), within=30)


@pytest.mark.parametrize("answer", ["ends", "stays"])
async def test_a_receiver_ends_or_stays_as_was_asked_when_the_line_is_cut(
    nats_server: NatsServer, connection: Connection, out: Path, answer: str
) -> None:
    await make_stream(connection)
    await Source(connection, "web1").publish(b"one\n")
    async with ssh_terminal("natsconsole", "-s", nats_server.url) as terminal:
        await terminal.shows("HOSTS 1")
        (console,) = processes_with("natsconsole", nats_server.url)
        await start_receiver(terminal, out, answer)
        await until(lambda: any(out.glob("web1/*")), within=30)
        terminal.cut()
        await until(lambda: console not in processes_with(nats_server.url), within=30)
    if answer == "ends":
        await until(lambda: not processes_with("receive", str(out)), within=30)
    else:
        await Source(connection, "web2").publish(b"two\n")
        await until(lambda: any(out.glob("web2/*")), within=30)
        assert processes_with("receive", str(out))


async def test_quitting_gives_the_shell_its_exit_code(
    nats_server: NatsServer, connection: Connection
) -> None:
    await make_stream(connection)
    async with ssh_terminal("natsconsole", "-s", nats_server.url) as terminal:
        await terminal.shows("no host yet")
        terminal.press("q")
        assert await terminal.exit_code() == 0
