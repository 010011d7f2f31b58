# ruff: noqa: SLF001 - nats-py has no public way
"""nats-py's client, made to survive what others send and what a network does.

Private methods of nats-py are overridden here and nowhere else, so its version is pinned and
``tests/shipper/test_connection.py`` sends every hostile frame we know of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client

from shipper.connection_problems import TlsMissingError
from shipper.frame_parser import FrameParser

logger = logging.getLogger(__name__)

Sink = Callable[[str, str, bytes, bytes], None]
"""Takes subject, reply, raw header block (empty where there is none) and payload."""

_READ_SIZE = 1 << 18
_PING = b"PING\r\n"
_PONG = b"PONG\r\n"


class HardenedClient(Client):
    """One client for one stretch of connection: it never reconnects, its owner replaces it.

    All ways in which nats-py loses a connection end one of its three tasks; `wait_lost` sees that,
    whichever it was, and `discard` leaves nothing behind.
    """

    def __init__(self) -> None:
        super().__init__()
        # nats-py's own types are looser than how these are used here.
        self._ps: Any = FrameParser(self)
        self._flush_queue: Any = None
        self._transport: Any = None
        self._reading_task: Any = None
        self._flusher_task: Any = None
        self._ping_interval_task: Any = None
        self._sinks: dict[int, Sink] = {}
        self.hostile_frames = 0
        """Messages that could not be processed."""
        self.complaint = ""
        """What the server or the network last complained of."""
        self.requires_tls = False
        """Say nothing in clear text."""
        self.on_error: Callable[[str], None] | None = None
        """Is called with each -ERR of the server."""

    # What the owner calls.

    def add_sink(self, subject: str, sink: Sink) -> int:
        """Subscribe and return the subscription's id. Messages go to the sink, synchronously."""
        self._sid += 1
        self._sinks[self._sid] = sink
        self.write(f"SUB {subject}  {self._sid}\r\n".encode())
        return self._sid

    def remove_sink(self, sid: int) -> None:
        """Unsubscribe; the sink is called no more."""
        if self._sinks.pop(sid, None) is not None:
            self.write(f"UNSUB {sid}\r\n".encode())

    def write(self, frames: bytes) -> None:
        """Queue frames to be sent and return at once."""
        self._pending.append(frames)
        self._pending_data_size += len(frames)
        if self._flush_queue.empty():
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())

    async def written(self) -> None:
        """Wait until what is queued went to the socket, or the client is lost."""
        future = asyncio.get_running_loop().create_future()
        self._flush_queue.put_nowait(future)
        await future

    async def round_trip(self, timeout: float) -> float:
        """Return the seconds that a PING behind all that is queued took.

        Raises:
            TimeoutError: no answer within ``timeout`` seconds; a late one does no harm.
            ConnectionError: the client was lost meanwhile.
        """
        future = asyncio.get_running_loop().create_future()
        begun = time.perf_counter()
        await self._send_ping(future)
        async with asyncio.timeout(timeout):
            if not await future:
                raise ConnectionError(self.complaint)
        return time.perf_counter() - begun

    async def wait_lost(self) -> None:
        """Return once any of the tasks that make this client work has ended."""
        tasks = {self._reading_task, self._flusher_task, self._ping_interval_task}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._record(str(error) or type(error).__name__)

    def discard(self) -> None:
        """End the client for good: no task, socket or waiting caller is left. Never waits."""
        self._status = Client.CLOSED
        self._sinks.clear()
        for task in (self._reading_task, self._flusher_task, self._ping_interval_task):
            if task is not None:
                task.cancel()
        for sub in list(self._subs.values()):
            _cancel_subscription(sub)
        self._subs.clear()
        for future in self._pongs:
            if not future.done():
                future.set_result(False)
        self._pongs.clear()
        while self._flush_queue is not None and not self._flush_queue.empty():
            waiting = self._flush_queue.get_nowait()
            if not waiting.done():
                waiting.set_result(None)
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
            _hear_the_end(writer)

    # What nats-py calls, made safe.

    def take_message(
        self, sid: int, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        """Hand a message to its sink, if it has one; nothing it raises stops the reader."""
        sink = self._sinks.get(sid)
        if sink is None:
            return False
        try:
            sink(
                subject.decode("utf-8", "surrogateescape"),
                reply.decode("utf-8", "surrogateescape"),
                headers,
                payload,
            )
        except Exception as error:  # noqa: BLE001 - counted and logged
            self._count_hostile(error)
        return True

    def take_malformed(self, line: bytes) -> None:
        """Count a message that cannot be addressed."""
        self._count_hostile(ValueError(repr(line[:200])))

    def _count_hostile(self, error: Exception) -> None:
        self.hostile_frames += 1
        # A flood of them must not become a flood of log lines.
        if self.hostile_frames in (1, 10, 100) or self.hostile_frames % 1000 == 0:
            logger.warning(
                "a message could not be processed (%d so far)", self.hostile_frames, exc_info=error
            )

    def _connect_command(self) -> bytes:
        # The first that is sent, and it holds the login. Whoever strips TLS out of the server's
        # greeting would have nats-py go on without it.
        writer = getattr(self._transport, "_io_writer", None)
        if self.requires_tls and (writer is None or writer.get_extra_info("ssl_object") is None):
            raise TlsMissingError
        command: bytes = super()._connect_command()
        return command

    async def _select_next_server(self) -> None:
        # nats-py's own loops until a server answers; ours lets its owner choose the next one.
        (server, *_) = self._server_pool
        self._current_server = server
        await self._connect_to_server(server)

    async def _read_loop(self) -> None:
        try:
            while data := await self._transport.read(_READ_SIZE):
                await self._ps.parse(data)
            self._record("the server closed the connection")
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the owner replaces the client
            self._record(str(error) or type(error).__name__)

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any
    ) -> None:
        try:
            await super()._process_msg(sid, subject, reply, data, headers)
        except Exception as error:  # noqa: BLE001 - counted and logged
            self._count_hostile(error)

    async def _process_headers(self, headers: Any) -> dict[str, str] | None:
        try:
            fields: dict[str, str] | None = await super()._process_headers(headers)
        except Exception as error:  # noqa: BLE001 - counted and logged
            self._count_hostile(error)
            return None
        return fields

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Any:
        return self.msg_class(
            subject=subject.decode("utf-8", "surrogateescape"),
            reply=reply.decode("utf-8", "surrogateescape"),
            data=data,
            headers=headers,
            _client=self,
            _sid=sid,
        )

    async def _process_ping(self) -> None:
        # Never waits for the socket: the reader would stop reading.
        self.write(_PONG)

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        # Behind what is queued; nats-py's own overtakes it, so that PONGs meet the wrong waiters.
        self._pongs.append(future or asyncio.get_running_loop().create_future())
        self.write(_PING)

    async def _process_pong(self) -> None:
        self._pings_outstanding = 0
        self._pongs_received += 1
        if self._pongs:
            future = self._pongs.pop(0)
            if not future.done():
                future.set_result(True)

    async def _process_err(self, err_msg: str) -> None:
        # The server itself closes the connection where an error is fatal.
        self._record(err_msg)
        if self.on_error is not None:
            self.on_error(err_msg)

    async def _process_info(self, info: Any, initial_connection: bool = False) -> None:
        await super()._process_info(info, initial_connection)
        # nats-py takes a new limit only when it connects.
        self._server_info.update(info)

    async def _process_op_err(self, e: Exception) -> None:
        self._record(str(e) or type(e).__name__)
        if self._reading_task is not None and self._reading_task is not asyncio.current_task():
            self._reading_task.cancel()

    def _record(self, error: str) -> None:
        # What the server said says more than that it then hung up.
        if not (self.complaint and error == "the server closed the connection"):
            self.complaint = error


def _cancel_subscription(sub: Any) -> None:
    task, iterator = sub._wait_for_msgs_task, sub._message_iterator
    if task is not None:
        task.cancel()
    if iterator is not None:
        iterator._cancel()
    for future in list((sub._pending_next_msgs_calls or {}).values()):
        future.cancel()


def _hear_the_end(writer: asyncio.StreamWriter) -> None:
    """Let asyncio know that a reset connection is no news, which its garbage may report else."""
    closed: asyncio.Future[None] | None = getattr(
        getattr(writer, "_protocol", None), "_closed", None
    )
    if closed is not None:
        closed.add_done_callback(lambda ended: None if ended.cancelled() else ended.exception())
