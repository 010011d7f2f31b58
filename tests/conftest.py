"""What every test can ask for."""

from __future__ import annotations

import compileall
import gc
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings

from shipper.connection import Connection, ConnectionOptions
from tests.support.nats_server import NatsServer

_SCREEN = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    parser.addoption("--long", action="store_true", help="run what takes many minutes, too")


def pytest_configure(config: pytest.Config) -> None:
    """Draw the same examples in each run, however slow the machine; --long draws new ones.

    Hundreds of processes are started: each would compile the programs again where their bytecode
    is not kept. What a session imports and collects is much, and lives long: to look through it
    for garbage as often as Python does by default takes a sixth of the time of a screen's tests.
    """
    gc.set_threshold(10_000, 20, 20)
    if not hasattr(config, "workerinput"):
        for program in ("natsconsole", "shipper"):
            compileall.compile_dir(config.rootpath / program, quiet=1)
    settings.register_profile("same", derandomize=True, deadline=None)
    settings.register_profile("new", max_examples=1000, deadline=None)
    settings.load_profile("new" if config.getoption("--long") else "same")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what takes long first; what takes very long only where it is asked for."""
    if not config.getoption("--long"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes many minutes: --long"))
    items.sort(key=lambda item: item.get_closest_marker("early") is None)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith(("NATS_", "NATSCONSOLE_", "SHIPPER_")) or name in _SCREEN:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")


@pytest_asyncio.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A fresh server with JetStream, for this test alone."""
    server = NatsServer(tmp_path / "nats")
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Connection]:
    """An open connection to it."""
    async with Connection(ConnectionOptions(servers=(nats_server.url,))) as opened:
        yield opened


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port of this machine where nothing listens, and nobody but this test will.

    It stays bound, so that no other test is given it; a server that is told to may listen there.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port
