"""Backfill: writes a parked log's lines from the stream, in order, once its file is well again.

While a log is parked its deliveries are acknowledged and passed over. What was passed over is
read from the stream by direct get. The log is live again once the stream's leader has nothing
more of it: a replica may lag behind what was delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from natsconsole.gateway.jetstream import ApiError
from natsconsole.receiver.batch import Batch, Outcome
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.ledger import LogEntry
from natsconsole.receiver.partition_logs import LogKey, PartitionLogs, key_of
from natsconsole.receiver.quarantine import full_alarm
from shipper.connection import ConnectionProblem

if TYPE_CHECKING:
    from natsconsole.receiver.surroundings import Surroundings

log = logging.getLogger(__name__)

BATCH = 200
"""Messages read and committed at once."""
RETRY_FIRST, RETRY_LONGEST = 1.0, 10.0
"""Seconds between attempts, doubling from first to longest."""


class Listener(Protocol):
    """Whoever must hear that a parked log got further."""

    partition: int

    async def parked_changed(self) -> None: ...


class Backfill:
    """The parked logs of one partition, one after the other."""

    def __init__(self, surroundings: Surroundings, listener: Listener) -> None:
        self.reason = ""
        """Why it does not get further, in plain words."""
        self._around = surroundings
        self._listener = listener
        self._task: asyncio.Task[None] | None = None
        self._commit: asyncio.Future[Outcome] | None = None

    def see_to(self, logs: PartitionLogs) -> None:
        """Begin where there is something to do and nothing is being done."""
        if logs.parked and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(logs))

    async def stop(self) -> None:
        """End; what is being committed is finished first."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._commit is not None:
            await asyncio.wait([self._commit])

    async def _run(self, logs: PartitionLogs) -> None:
        delay = RETRY_FIRST
        while logs.parked:
            for key in sorted(logs.parked):
                try:
                    done = await self._log(logs, key)
                except (ApiError, ConnectionProblem, OSError) as error:
                    self.reason = str(error)
                    done = False
                delay = RETRY_FIRST if done else min(delay * 2, RETRY_LONGEST)
            if logs.parked:
                await asyncio.sleep(delay)
        self.reason = ""

    async def _log(self, logs: PartitionLogs, key: LogKey) -> bool:
        """Write one log's lines as far as the stream has them; False where its file refuses."""
        around, partition = self._around, self._listener.partition
        entry = logs.logs[key]
        position = entry.parked_from
        subject = around.subject_of(partition, key[0])
        while True:
            skipped_to = logs.skipped_to.get(key, 0)
            messages = await around.reader.messages_from(subject, position, batch=BATCH)
            deliveries = [around.delivery_of(message) for message in messages]
            of_log = [delivery for delivery in deliveries if key_of(delivery) == key]
            if not _continues(logs.logs[key], of_log):
                reached = messages[0].sequence if messages else None
                await self._see_what_is_gone(key, position, reached)
            if messages:
                position = messages[-1].sequence + 1
            elif await around.jetstream.leader_has_from(around.stream, subject, position):
                await asyncio.sleep(0.2)  # this replica is behind
                continue
            self._commit = asyncio.ensure_future(
                around.disk.commit(
                    Batch(
                        logs=logs,
                        deliveries=of_log,
                        backfill=key,
                        unpark=None if messages else (key, skipped_to),
                    )
                )
            )
            outcome = await asyncio.shield(self._commit)
            if outcome.failure is not None:
                raise outcome.failure
            if outcome.not_kept:
                around.alarm(full_alarm(partition))
            if key in outcome.broken:
                self.reason = (outcome.broken[key].strerror or "").lower()
                return False
            await self._listener.parked_changed()
            if key not in logs.parked:
                log.info("partition %s: %r is written up to date again", partition, key[0])
                return True

    async def _see_what_is_gone(self, key: LogKey, position: int, reached: int | None) -> None:
        """Say so where the stream has no more what waited between two sequences."""
        info = await self._around.jetstream.stream_info(self._around.stream)
        first = min(info.state.first_seq, reached or info.state.first_seq)
        if first > position:
            self._around.alarm(
                f"the stream has dropped messages from {position:,} to {first - 1:,}: "
                f"lines of {key[0]} that waited there are lost"
            )


def _continues(entry: LogEntry, deliveries: Sequence[Delivery]) -> bool:
    """Whether the ranges prove that nothing is missing before the first of these."""
    source = deliveries[0].source if deliveries else None
    span = entry.spans.get(source.file) if source is not None else None
    return source is not None and span is not None and source.start <= span.end
