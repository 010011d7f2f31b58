"""A very small HTTP server for machines that ask: GET and HEAD of a few fixed paths.

Runs in the event loop and never holds it up: requests are bounded in size, time and number, and
every connection is closed after its answer. No TLS and no log in: bind it where only monitoring
reaches it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple

log = logging.getLogger(__name__)

_MAX_HEAD = 8 << 10
_MAX_CONNECTIONS = 32
_TIME_LIMIT = 10.0
"""Seconds for a request and its answer."""
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class HttpError(Exception):
    """The server cannot listen. The text is one line with the mend."""


@contextlib.contextmanager
def prometheus_needed() -> Iterator[None]:
    """Import inside of it what needs prometheus-client.

    Raises:
        HttpError: it is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("prometheus_client"):
            raise
        raise HttpError(
            "metrics need prometheus-client: pip install 'natsconsole[metrics]'"
        ) from error


class Address(NamedTuple):
    """Where to listen. An empty host is every address of this machine, port 0 any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Reply(NamedTuple):
    """What a request is answered with."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


Handler = Callable[[Mapping[str, str]], Awaitable[Reply]]
"""Answers a request by its headers; their names are in lower case."""


class HttpServer:
    """A server that listens. Made by ``listen``."""

    def __init__(self, routes: Mapping[str, Handler]) -> None:
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, with the ports it got."""
        sockets = self._server.sockets if self._server is not None else ()
        return tuple(Address(*found.getsockname()[:2]) for found in sockets)

    async def listen(self, address: Address) -> None:
        """Bind and begin to answer.

        Raises:
            HttpError: the address cannot be had.
        """
        try:
            self._server = await asyncio.start_server(
                self._accept, address.host or None, address.port, limit=_MAX_HEAD
            )
        except OSError as error:
            reason = _plain_reason(error)
            raise HttpError(
                f"cannot listen on {address}: {reason}; name another address"
            ) from error
        except UnicodeError as error:
            raise HttpError(f"cannot listen on {address}: that is no host name") from error

    async def close(self) -> None:
        """Listen no more and cut what is open."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= _MAX_CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._converse(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Whatever is wrong with a client is no concern of ours.
            with contextlib.suppress(OSError, TimeoutError, EOFError):
                async with asyncio.timeout(_TIME_LIMIT):
                    await self._serve(reader, writer)
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            method, reply = "", Reply(400, b"the request is too long\n")
        else:
            method, reply = await self._answer(head)
        writer.write(_response(reply, with_body=method != "HEAD"))
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        # Closing with unread input would reset the connection under the client's answer.
        while await reader.read(_MAX_HEAD):
            pass  # only reading it matters

    async def _answer(self, head: bytes) -> tuple[str, Reply]:
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return "", Reply(400, b"this is no HTTP/1 request\n")
        method, target, _ = words
        handler = self._routes.get(target.partition("?")[0])
        if handler is None:
            return method, Reply(404, f"try {', '.join(self._routes)}\n".encode())
        if method not in ("GET", "HEAD"):
            return method, Reply(405, b"only GET and HEAD\n")
        fields = (line.partition(":") for line in lines[1:] if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        try:
            return method, await handler(headers)
        except Exception:
            log.exception("a request could not be answered")
            return method, Reply(500, b"failed; see the log\n")


def _response(reply: Reply, *, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}\r\n"
        f"Content-Type: {reply.content_type}\r\n"
        f"Content-Length: {len(reply.body)}\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (reply.body if with_body else b"")


def _plain_reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens there"
    if isinstance(error, socket.gaierror):
        return "this machine knows no such host"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "a port below 1024 needs a privilege"
    return (error.strerror or str(error)).lower()
