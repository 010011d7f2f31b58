"""The network between one client and the servers, which can be made to fail as networks do.

Bytes that a fault holds up are delivered when it ends, if their connection still lives, as TCP
would deliver them: also a publish whose sender has long given it up.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import Literal

Side = Literal["client", "server"]

_ADDRESS = "127.0.0.1"
_BLOCK = 1 << 14
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_SLOW_BLOCK = 1 << 10
"""A slow line forwards so little at a time, so that messages arrive in pieces."""


class Link:
    """A TCP proxy with a port for each server. A fault lasts until `heal`.

    Args:
        servers: the ports of the servers, on this machine.
    """

    def __init__(self, servers: Sequence[int]) -> None:
        self.ports: list[int] = []
        """Where the client connects, one port a server; known once it is open."""
        self._servers = servers
        self._listeners: list[asyncio.Server] = []
        self._sessions: set[_Session] = set()
        self._passable = asyncio.Event()
        self._passable.set()
        self._bytes_per_second = 0.0
        self._latency = 0.0

    @property
    def urls(self) -> tuple[str, ...]:
        """Where the client connects."""
        return tuple(f"nats://{_ADDRESS}:{port}" for port in self.ports)

    @property
    def session_count(self) -> int:
        """Connections that are open, ghosts included."""
        return len(self._sessions)

    async def open(self) -> None:
        """Listen."""
        for server in self._servers:
            await self._listen(server)

    async def close(self) -> None:
        """End every connection, and listen no more."""
        for listener in self._listeners:
            listener.close()
        self.heal()
        self.reset()
        while self._sessions:
            await asyncio.sleep(0.01)

    def blackhole(self) -> None:
        """Let nothing through, in either direction; nobody is told."""
        self._passable.clear()

    def half_open(self, ghost: Side) -> None:
        """Cut what is connected now, and let one side believe that nothing happened.

        The ghost's bytes go nowhere; it is told when the fault ends. New connections are fine.
        """
        for session in list(self._sessions):
            session.leave_ghost(ghost)

    def slow(self, bytes_per_second: float, latency: float) -> None:
        """Let so much through in each direction of a connection, each piece so many s late."""
        self._bytes_per_second = bytes_per_second
        self._latency = latency

    def reset(self) -> None:
        """Reset what is connected now, ghosts included; new connections are fine."""
        for session in list(self._sessions):
            session.reset()

    def heal(self) -> None:
        """End every fault."""
        self._bytes_per_second = self._latency = 0.0
        self._passable.set()
        for session in list(self._sessions):
            if session.is_ghost:
                session.reset()

    async def passage(self, size: int) -> None:
        """Wait for as long as so many bytes are held up."""
        if self._bytes_per_second:
            await asyncio.sleep(self._latency + size / self._bytes_per_second)
        await self._passable.wait()

    @property
    def block(self) -> int:
        """Bytes to forward at a time."""
        return _SLOW_BLOCK if self._bytes_per_second else _BLOCK

    async def _listen(self, server: int) -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            session = _Session(self, reader, writer)
            self._sessions.add(session)
            try:
                await session.run(server)
            finally:
                self._sessions.discard(session)

        listener = await asyncio.start_server(accept, _ADDRESS, 0, limit=_BLOCK)
        self._listeners.append(listener)
        self.ports.append(listener.sockets[0].getsockname()[1])


class _Session:
    """One connection of the client, and ours to the server."""

    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.is_ghost = False
        self._link = link
        self._client = (reader, writer)
        self._writers: dict[Side, asyncio.StreamWriter] = {"client": writer}
        self._ended = asyncio.Event()

    async def run(self, server: int) -> None:
        """Forward until either side ends, or both are reset."""
        try:
            await self._link.passage(0)
            reader, writer = await asyncio.open_connection(_ADDRESS, server, limit=_BLOCK)
        except OSError:  # the server is down: so it looks to the client
            self.reset()
            return
        self._writers["server"] = writer
        pumps = [
            asyncio.create_task(self._pump(self._client[0], writer)),
            asyncio.create_task(self._pump(reader, self._client[1])),
        ]
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait([*pumps, ended], return_when=asyncio.FIRST_COMPLETED)
            if self.is_ghost:
                await ended
        finally:
            for task in (*pumps, ended):
                task.cancel()
            for each in self._writers.values():
                each.close()

    def leave_ghost(self, side: Side) -> None:
        """Reset the other side's connection; this one stays, and gets no answer."""
        if len(self._writers) < 2:
            return
        self.is_ghost = True
        _reset(self._writers["server" if side == "client" else "client"])

    def reset(self) -> None:
        """Reset both sides."""
        for writer in self._writers.values():
            _reset(writer)
        self._ended.set()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(self._link.block):
                await self._link.passage(len(data))
                if writer.transport.is_closing() and self.is_ghost:
                    continue  # the ghost's bytes go nowhere
                writer.write(data)
                await writer.drain()
            # Whatever was under way when one side ended has reached the other; so may the end.
            await self._link.passage(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
