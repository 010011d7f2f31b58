"""The console as its user meets it: on a terminal, with a server, signals and a settings file."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from shipper.connection import Connection
from tests.support.anybodys import Anybody
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.terminal import Terminal


@pytest.fixture
async def server(nats_server: NatsServer, connection: Connection) -> NatsServer:
    await make_stream(connection)
    await Source(connection, "web1").publish(b"one\ntwo ERROR\n")
    return nats_server


def state_of(pid: int) -> str:
    """How the process is: T for stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
async def test_ctrl_z_goes_to_the_shell_and_comes_back(server: NatsServer) -> None:
    async with Terminal("natsconsole", "-s", server.url) as terminal:
        await terminal.until(lambda: terminal.shows("HOSTS 1", "two ERROR"), within=30)
        terminal.press("\x1a")
        await terminal.until(lambda: state_of(terminal.pid) == "T", within=30)
        await terminal.until(lambda: b"\x1b[?1049l" in terminal.raw[-400:], within=30)
        before = len(terminal.raw)
        os.kill(terminal.pid, signal.SIGCONT)
        await terminal.until(lambda: b"\x1b[?1049h" in terminal.raw[before:], within=30)
        await terminal.until(lambda: terminal.shows("HOSTS 1", "two ERROR"), within=30)
        terminal.press("q")
        assert await terminal.end() == 0


@pytest.mark.parametrize("how", ["q", "hang-up"])
async def test_a_stray_sigcont_keeps_nothing_from_ending(server: NatsServer, how: str) -> None:
    async with Terminal("natsconsole", "-s", server.url) as terminal:
        await terminal.until(lambda: terminal.shows("HOSTS 1"), within=30)
        for _ in range(3):
            os.kill(terminal.pid, signal.SIGCONT)
        terminal.press("s")
        await terminal.until(lambda: terminal.shows("by host"), within=30)
        if how == "q":
            terminal.press("q")
        else:
            terminal.hang_up()
        await terminal.end(within=30)


async def test_settings_and_keys_come_from_the_file(server: NatsServer, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('timestamps = "utc"\nmouse = false\n[keys]\nhosts.sort = "y"\n')
    async with Terminal("natsconsole", "-s", server.url, "--config", str(path)) as terminal:
        await terminal.until(lambda: terminal.shows("Z two ERROR", "y sort"), within=30)
        assert b"\x1b[?1000h" not in terminal.raw
        terminal.press("s")
        terminal.press("y")
        await terminal.until(lambda: terminal.shows("by host"), within=30)
        terminal.press("?")
        await terminal.until(lambda: terminal.shows("y          Sort the hosts"), within=30)
        terminal.press("q")
        assert await terminal.end() == 0


async def test_where_no_log_stream_is_all_streams_come_first(
    nats_server: NatsServer, connection: Connection
) -> None:
    first, second = Anybody(connection), Anybody(connection)
    await first.make_stream()
    await second.make_stream()
    await second.make_consumer("billing")
    await second.publish(3)
    async with Terminal("natsconsole", "-s", nats_server.url) as terminal:
        await terminal.until(
            lambda: terminal.shows("STREAMS  2", first.stream, second.stream), within=30
        )
        terminal.press("C")
        await terminal.until(lambda: terminal.shows("CONSUMERS  1", "billing"), within=30)
        terminal.press("h")
        await terminal.until(lambda: terminal.shows("which part of the subject"), within=30)
        terminal.press("\r")
        await terminal.until(lambda: terminal.shows("HOSTS 1"), within=30)
        terminal.press("q")
        assert await terminal.end() == 0
