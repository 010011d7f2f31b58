"""Ships all logs: one batch of each in flight at a time, many logs side by side.

A second batch of a log is not published before the first is acknowledged, because a refused one
would be overtaken. Disks are left to the reader's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from shipper.batches import SMALLEST_BATCH, Batch, batch_limit
from shipper.checkpoint import Checkpoint
from shipper.connection import Connection
from shipper.figures import Figures
from shipper.heartbeat import HeartbeatSender
from shipper.problems import Problems
from shipper.publisher import BatchTooLargeError, Publisher
from shipper.reader import BATCHES_AHEAD, Following, News, Reader, Survey
from shipper.red_button import RedButton
from shipper.source_log import SourceLog
from shipper.wire import HEARTBEAT_SECONDS

_GATHER_SECONDS = 0.01
STOP_SECONDS = 3.0
"""How long acknowledgements are awaited at the end."""


class Agent:
    """Follows logs until it is stopped, or with ``once`` until all is shipped."""

    def __init__(
        self,
        connection: Connection,
        checkpoint: Checkpoint,
        following: Following,
        *,
        prefix: str,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._once = following.reading.once
        self._problems = Problems()
        self._stopping = asyncio.Event()
        self._awake = asyncio.Event()
        self.figures = Figures()
        """What was shipped since the start."""
        self._publisher = Publisher(
            connection, prefix, self._problems, self._stopping, figures=self.figures
        )
        self._reader = Reader(
            following, checkpoint, self._problems, lambda: batch_limit(connection.max_payload)
        )
        self._lanes: dict[SourceLog, deque[Batch]] = {}
        self._news = News()
        self._tasks: set[asyncio.Task[None]] = set()
        self._disk = ThreadPoolExecutor(1, "disk")
        self.button = RedButton(
            connection, self._problems, lambda: self._reader.hosts, self._order_changed
        )
        """The orders that are obeyed."""
        self._heartbeat = HeartbeatSender(
            connection, self._problems, self.button, self.survey, interval=heartbeat
        )

    @property
    def failures(self) -> int:
        """How many paths cannot be shipped now."""
        return self._reader.failures

    @property
    def log_count(self) -> int:
        """How many logs are followed."""
        return self._reader.log_count

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong now."""
        return self._problems.sentences

    def stop(self) -> None:
        """Read no more, await what is in flight, and end."""
        self._stopping.set()
        self._awake.set()
        self.button.stop()

    def rescan(self) -> None:
        """Look for new files now."""
        self._news.rescan = True
        self._awake.set()

    async def survey(self) -> Survey:
        """Return where all logs stand."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._disk, self._reader.survey)
        except RuntimeError:  # it has ended
            return Survey()

    async def run(self) -> None:
        """Ship."""
        beside = [
            asyncio.create_task(self.button.run(), name="red button"),
            asyncio.create_task(self._heartbeat.run(), name="heartbeat"),
        ]
        with self._disk:
            try:
                async with asyncio.TaskGroup() as publishing:
                    await self._ship(publishing)
                    await self._wait_for_lanes()
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.wait(beside)
                self._disk.submit(self._reader.finish, self._take_news()).result()

    def _order_changed(self) -> None:
        self._heartbeat.hurry()

    async def _ship(self, publishing: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            harvest = await loop.run_in_executor(self._disk, self._reader.turn, self._take_news())
            for log, batch in harvest.batches:
                self._dispatch(log, batch, publishing)
            if self._once and harvest.is_drained:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, harvest.next_turn - time.monotonic())):
                    with self._bell():
                        await self._awake.wait()
            self._awake.clear()

    @contextlib.contextmanager
    def _bell(self) -> Iterator[None]:
        """Wake when a file changed."""
        bell = self._reader.bell
        if bell < 0:
            yield
            return
        loop = asyncio.get_running_loop()

        def ring() -> None:
            loop.remove_reader(bell)
            # Under a steady stream of changes a turn for each would be most of the work.
            loop.call_later(_GATHER_SECONDS, self._awake.set)

        loop.add_reader(bell, ring)
        try:
            yield
        finally:
            loop.remove_reader(bell)

    def _take_news(self) -> News:
        news, self._news = self._news, News()
        return news

    def _dispatch(self, log: SourceLog, batch: Batch, publishing: asyncio.TaskGroup) -> None:
        if log in self._news.too_large:
            return  # it is read again, in smaller portions
        lane = self._lanes.get(log)
        if lane is not None:
            lane.append(batch)
            return
        self._lanes[log] = deque([batch])
        task = publishing.create_task(self._drain(log), name=f"publish {log.place.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, log: SourceLog) -> None:
        lane = self._lanes[log]
        while lane and not self._stopping.is_set():
            try:
                if not await self.button.permit(log.place.host, len(lane[0].payload)):
                    break
                if not await self._publisher.publish(lane[0], labels=log.place.labels):
                    break
            except BatchTooLargeError as error:
                await self._shrink(log, str(error))
                break
            self._news.acked.append((log, lane.popleft()))
            if len(lane) <= BATCHES_AHEAD // 2:
                self._news.hungry.add(log)
                self._awake.set()
        del self._lanes[log]

    async def _shrink(self, log: SourceLog, sentence: str) -> None:
        # Whose it is for the publisher, too, who says so once a smaller one is in the stream.
        self._problems.started((log.place.host, log.place.name), sentence, sentence)
        if len(self._lanes[log][0].payload) <= SMALLEST_BATCH:
            await asyncio.sleep(1.0)
        self._news.too_large.add(log)
        self._news.hungry.add(log)
        self._awake.set()

    async def _wait_for_lanes(self) -> None:
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
