"""Ships standard input: what cannot be read twice, so a restart cannot resume it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import threading

from shipper.agent import STOP_SECONDS
from shipper.batches import Batch, batch_limit, cut
from shipper.connection import Connection
from shipper.heartbeat import HeartbeatSender
from shipper.log_file import new_identity
from shipper.problems import Problems
from shipper.publisher import BatchTooLargeError, Publisher
from shipper.reader import Following, HostStanding, Survey
from shipper.red_button import RedButton
from shipper.wire import SourceRange

logger = logging.getLogger(__name__)

_CHUNK = 1 << 16
_CHUNKS_AHEAD = 64
_NAME = "stdin"


class StandardInput:
    """Reads lines to the end of the input and publishes them."""

    def __init__(self, connection: Connection, following: Following, *, prefix: str) -> None:
        self._connection = connection
        self._host = following.host
        self._reading = following.reading
        self._stopping = asyncio.Event()
        problems = Problems()
        self._publisher = Publisher(connection, prefix, problems, self._stopping)
        self._button = RedButton(connection, problems, lambda: (self._host,), self._order_changed)
        self._heartbeat = HeartbeatSender(connection, problems, self._button, self._survey)
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(_CHUNKS_AHEAD)
        self._content = b""
        self._ends = False
        self._is_readable = True
        self._file = new_identity(os.fstat(0).st_ino)
        self._read = self._lines = 0
        self._inside_line = False

    def stop(self) -> None:
        """Read no more, await what is in flight, and end."""
        self._stopping.set()
        self._button.stop()

    async def run(self) -> bool:
        """Return whether all that there was is in the stream."""
        beside = [
            asyncio.create_task(self._button.run(), name="red button"),
            asyncio.create_task(self._heartbeat.run(), name="heartbeat"),
        ]
        try:
            return await self._run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)

    async def _run(self) -> bool:
        # A thread that nobody waits for: a read from a terminal cannot be interrupted.
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._feed, args=(loop,), name="stdin", daemon=True).start()
        shipping = asyncio.create_task(self._ship())
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({shipping, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({shipping}, timeout=STOP_SECONDS)
        stopped.cancel()
        if not shipping.done():
            shipping.cancel()
            return False
        await shipping
        return self._is_readable and not self._content

    def _order_changed(self) -> None:
        self._heartbeat.hurry()

    async def _survey(self) -> Survey:
        return Survey(hosts={self._host: HostStanding(logs=1, backlog_bytes=len(self._content))})

    def _feed(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            while True:
                chunk = self._next_chunk()
                asyncio.run_coroutine_threadsafe(self._chunks.put(chunk), loop).result()
                if not chunk:
                    return

    def _next_chunk(self) -> bytes:
        while True:
            try:
                return os.read(0, _CHUNK)
            except BlockingIOError:
                # Whoever shares the other end made it so, and may rely on it.
                select.select([0], [], [])
            except OSError as error:
                logger.error(
                    "cannot read standard input: %s; what was read before is shipped",
                    (error.strerror or type(error).__name__).lower(),
                )
                self._is_readable = False
                return b""

    async def _ship(self) -> None:
        while not self._stopping.is_set():
            limit = batch_limit(self._connection.max_payload)
            await self._fill(limit)
            if not self._content and self._ends:
                return
            while (batch := self._next_batch(limit)) is not None:
                if not await self._button.permit(self._host, len(batch.payload)):
                    return
                try:
                    if not await self._publisher.publish(batch):
                        return
                except BatchTooLargeError:
                    limit //= 2
                    continue
                self._take(batch)

    async def _fill(self, limit: int) -> None:
        """Wait for the first bytes, then as long as they may wait for others."""
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while not self._ends and len(self._content) < limit:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await self._chunks.get()
            except TimeoutError:
                return
            self._ends = not chunk
            self._content += chunk
            if deadline is None:
                deadline = loop.time() + self._reading.linger

    def _next_batch(self, limit: int) -> Batch | None:
        place = cut(
            self._content[:limit],
            limit=limit,
            max_line=self._reading.max_line,
            inside_line=self._inside_line,
            final=self._ends and len(self._content) <= limit,
        )
        if place is None:
            return None
        source = SourceRange(
            host=self._host,
            name=_NAME,
            file=self._file,
            start=self._read,
            end=self._read + place.size,
            line=self._lines,
            split=place.split,
        )
        payload = self._content[: place.size]
        return Batch(source=source, payload=payload, digest="", lines=payload.count(b"\n"))

    def _take(self, batch: Batch) -> None:
        self._content = self._content[len(batch.payload) :]
        self._read = batch.source.end
        self._lines += batch.lines
        self._inside_line = not batch.payload.endswith(b"\n")
