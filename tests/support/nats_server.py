"""The real nats-server, started for one test."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import TracebackType
from typing import Self

from natsconsole.demo.nats_server import nats_server_binary


class NatsServer:
    """A nats-server with JetStream on a free port of this machine.

    Args:
        directory: where its store, configuration and log go.
        config: more configuration text: users, max_payload and so on.
        name: of the server.
    """

    def __init__(self, directory: Path, *, config: str = "", name: str = "test") -> None:
        self.directory = directory
        self.name = name
        self.config = config
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where clients connect, without user information."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process, for signals of a test's own."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has logged."""
        path = self.directory / "nats-server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def start(self) -> Self:
        """Start it, the second time on the same port, and wait until it answers."""
        assert self._process is None, "it is running"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.write_config()
        command = [nats_server_binary(), "-c", str(self.directory / "nats-server.conf")]
        with (self.directory / "nats-server.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        await self._wait_ready()
        return self

    def write_config(self) -> None:
        """Write the configuration file; the server reads it at a start or `reload`."""
        (self.directory / "nats-server.conf").write_text(
            f"""
host: 127.0.0.1
port: {self.port or -1}
server_name: {self.name}
ports_file_dir: {json.dumps(str(self.directory))}
jetstream {{ store_dir: {json.dumps(str(self.directory / "store"))} }}
{self.config}
"""
        )

    async def reload(self, config: str) -> None:
        """Take a new configuration without a restart."""
        self.config = config
        self.write_config()
        before = self.log.count("Reloaded server configuration")
        assert self._process is not None
        self._process.send_signal(1)
        for _ in range(6000):
            if self.log.count("Reloaded server configuration") > before:
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"nats-server did not reload:\n{self.log}")

    async def stop(self) -> None:
        """Stop it in good order; its store stays."""
        await self._end(kill=False)

    async def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        await self._end(kill=True)

    async def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            if kill:
                process.kill()
            else:
                process.terminate()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        self._ports_file(process.pid).unlink(missing_ok=True)

    def _ports_file(self, pid: int) -> Path:
        return self.directory / f"nats-server_{pid}.ports"

    async def _wait_ready(self) -> None:
        assert self._process is not None
        ports = self._ports_file(self._process.pid)
        for _ in range(6000):
            if self._process.returncode is not None:
                raise AssertionError(f"nats-server did not start:\n{self.log}")
            if await self._answers(ports):
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"nats-server is not ready:\n{self.log}")

    async def _answers(self, ports: Path) -> bool:
        try:
            (url, *_) = json.loads(ports.read_text())["nats"]  # noqa: ASYNC240 - a tiny file
            self.port = int(url.rpartition(":")[2])
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except (OSError, ValueError, KeyError):
            return False
        writer.transport.abort()
        await asyncio.sleep(0)
        return True

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
