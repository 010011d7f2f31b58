"""A server that says what a test wants, where a real one would not."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self


class FakeNats:
    """Speaks just enough NATS to log a client in; a test does the rest."""

    def __init__(self, **info: Any) -> None:
        self.info = {"server_name": "fake", "version": "2.15.1", "max_payload": 1 << 20} | info
        self.answers_pings = True
        self.reads = True
        self.logins = 0
        self.lines: list[bytes] = []
        """Every line the current client sent."""
        self.port = 0
        self.writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def say(self, data: bytes) -> None:
        """Send bytes to the current client."""
        assert self.writer is not None
        self.writer.write(data)

    def subscription(self, subject: str) -> int:
        """The id under which the current client subscribed to ``subject``."""
        for line in self.lines:
            words = line.split()
            if words[:2] == [b"SUB", subject.encode()]:
                return int(words[-1])
        raise AssertionError(f"no subscription to {subject} in {self.lines}")

    def hang_up(self) -> None:
        """Close the current connection."""
        assert self.writer is not None
        self.writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.writer = writer
        self.lines = []
        writer.write(b"INFO " + json.dumps({"headers": True} | self.info).encode() + b"\r\n")
        try:
            while self.reads and (line := await reader.readline()):
                self.lines.append(line.strip())
                if line.startswith(b"CONNECT"):
                    self.logins += 1
                if line.startswith(b"PING") and self.answers_pings:
                    writer.write(b"PONG\r\n")
            if not self.reads:
                await asyncio.Event().wait()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.sleep(0)
