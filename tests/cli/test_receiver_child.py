"""Receivers that a console has started: real processes on a real server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from natsconsole.cli import receiver_child
from natsconsole.cli.receiver_child import ReceiverChildren
from natsconsole.gateway.interface import GatewayError, NotPermittedError
from natsconsole.gateway.live_gateway import LiveGateway
from shipper.connection import Connection, ConnectionOptions
from tests.support.nats_server import NatsServer
from tests.support.pipeline import make_stream
from tests.support.processes import processes_with
from tests.support.waiting import until


def children(server: NatsServer) -> ReceiverChildren:
    return ReceiverChildren(ConnectionOptions(servers=(server.url,)))


@pytest.mark.parametrize("stays", [False, True])
async def test_a_receiver_ends_with_the_console_or_stays(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    stays: bool,
) -> None:
    monkeypatch.setattr(receiver_child, "ENDS_WITHIN", 60.0)
    await make_stream(connection)
    gateway = LiveGateway(connection, "LOGS")
    started = children(nats_server)
    said = await started.start_receiver("LOGS", str(tmp_path / "out"), "receiver-7", stays=stays)
    assert ("stays when this console ends" in said) == stays
    try:

        async def runs() -> bool:
            await gateway.look()
            return [one.name for one in await gateway.receivers()] == ["receiver-7"]

        await until(runs, within=30)
        await started.close()
        left = processes_with(str(tmp_path / "out"), "receive")
        assert bool(left) == stays
    finally:
        for pid in processes_with(str(tmp_path / "out"), "receive"):
            os.kill(pid, signal.SIGKILL)


CONSOLE = """
import asyncio, sys
from natsconsole.cli.receiver_child import ReceiverChildren
from shipper.connection_options import ConnectionOptions

async def console(url, out):
    children = ReceiverChildren(ConnectionOptions(servers=(url,)))
    await children.start_receiver("LOGS", out, "receiver-7", stays=True)
    await children.close()

if sys.version_info < (3, 12) and hasattr(asyncio, "PidfdChildWatcher"):  # the later ones' way
    asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
asyncio.run(console(*sys.argv[1:]))
"""


async def test_a_receiver_that_stays_outlives_the_whole_console(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = str(tmp_path / "out")
    console = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CONSOLE, nats_server.url, out
    )
    try:
        assert await console.wait() == 0
        assert len(processes_with(out, "receive")) == 1
    finally:
        for pid in processes_with(out, "receive"):
            os.kill(pid, signal.SIGKILL)


async def test_a_receiver_that_ends_at_once_tells_why(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_child, "SETTLED_AFTER", 60.0)
    started = children(nats_server)
    with pytest.raises(GatewayError, match=r"receiver-1 ended at once: .*LOGS"):
        await started.start_receiver("LOGS", str(tmp_path / "out"), "receiver-1", stays=False)
    await started.close()


@pytest.mark.parametrize(
    ("name", "directory", "words"),
    [("a b", "out", "use 1 to 32"), ("receiver-1", "file/out", "not a directory")],
)
async def test_what_cannot_be_started_is_explained(
    nats_server: NatsServer, tmp_path: Path, name: str, directory: str, words: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GatewayError, match=words):
        await children(nats_server).start_receiver(
            "LOGS", str(tmp_path / directory), name, stays=False
        )


async def test_a_read_only_console_starts_none(tmp_path: Path) -> None:
    options = ConnectionOptions()
    started = ReceiverChildren(options)
    started.belong_to(options, refusal="context 'prod' is read-only")
    with pytest.raises(NotPermittedError, match="context 'prod' is read-only"):
        await started.start_receiver("LOGS", str(tmp_path / "out"), "receiver-1", stays=False)
    assert not (tmp_path / "out").exists()
