"""One partition's worker: take over, then pull, write and acknowledge until something disturbs it.

Whatever goes wrong with the transport has one cure: take over again, from the first message that
the ledger has not committed. So order never depends on redelivery.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from natsconsole.domain.receivers import AckPolicy, Answer, PartitionState, PartitionStatus
from natsconsole.gateway.jetstream import ApiError
from natsconsole.receiver.committer import Batch, LogKey, PartitionLogs, UncertainFileError
from natsconsole.receiver.consumers import GroupConsumer
from natsconsole.receiver.delivery import ACK, IN_PROGRESS, NAK, Delivery
from natsconsole.receiver.partition_lock import PartitionLock
from natsconsole.receiver.pull import Pull
from natsconsole.receiver.surroundings import Surroundings
from shipper.connection import ConnectionProblem

log = logging.getLogger(__name__)

BATCH = 500
"""Messages of one commit and of one pull request."""
NAK_PAUSE = 0.5
"""Seconds between two batches of naks: the server redelivers at once, and would spin."""
HOLD_FIRST, HOLD_LONGEST = 0.25, 2.0
"""Seconds between attempts to write a held batch, doubling from first to longest."""
_RETRY = 0.5
_IDLE = 0.5


@dataclass(slots=True)
class Orders:
    """What the operator wants of every worker. Changed while they run."""

    policy: AckPolicy
    answer: Answer = "ack"
    paused: bool = False
    draining: bool = False


class PartitionWorker:
    """Receives one partition. ``run`` returns once it has drained."""

    def __init__(self, partition: int, surroundings: Surroundings, orders: Orders) -> None:
        self.partition = partition
        self.state: PartitionState = "waiting"
        self.reason = "not started"
        self.held_since: float | None = None
        self.logs = PartitionLogs(partition=partition)
        self.delivered: dict[str, int] = {}
        """Highest sequence delivered, by host."""
        self.in_flight: dict[int, Delivery] = {}
        """Delivered and not acknowledged, by sequence."""
        self.redelivered = 0
        """Deliveries beyond a message's first, since the start."""
        self.consumer: GroupConsumer | None = None
        self.last_busy = time.monotonic()
        self._around = surroundings
        self._orders = orders
        self._answer: Answer = orders.answer
        self._lock: PartitionLock | None = None
        self._pull: Pull | None = None
        self._batch: Sequence[Delivery] = ()
        self._refused: dict[LogKey, frozenset[int]] = {}
        self._generation = -1
        self._nudge = asyncio.Event()

    def nudge(self) -> None:
        """Look at the orders now."""
        self._nudge.set()
        if self._pull is not None:
            self._pull.arrived.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in memory and the consumer has nothing more to deliver."""
        pull = self._pull
        if self.state != "running" or pull is None:
            return False
        return pull.pending == 0 and self.unwritten == 0

    @property
    def unwritten(self) -> int:
        """Messages in memory whose lines are not in the files yet."""
        return len(self._batch) + (self._pull.buffered_count if self._pull else 0)

    @property
    def held_messages(self) -> int:
        return len(self._batch) if self.held_since is not None else 0

    def status(self) -> PartitionStatus:
        return PartitionStatus(
            partition=self.partition,
            state=self.state,
            reason=self.reason,
            consumer=self.consumer.name if self.consumer else "",
            delivered=max(self.delivered.values(), default=0),
            committed=self.logs.committed or 0,
            unacked=len(self.in_flight),
            held_messages=self.held_messages,
        )

    async def run(self) -> None:
        """Receive until the orders say to drain."""
        in_progress = asyncio.create_task(self._say_in_progress())
        try:
            while not self._orders.draining:
                try:
                    await self._take_over()
                    await self._receive()
                except (ApiError, ConnectionProblem, UncertainFileError, OSError) as error:
                    self._set("waiting", str(error))
                    await self._wait(_RETRY)
        finally:
            in_progress.cancel()
            if self._pull is not None:
                with contextlib.suppress(ConnectionProblem):
                    await self._pull.close()
            if self._lock is not None:
                self._lock.release()

    async def _take_over(self) -> None:
        """Become the partition's one worker, at the first message that is not committed.

        In this order: no pull open; fence; cut files; unpin and rewind; only then pull.
        """
        await self._leave_pull()
        self._set("taking-over" if self.consumer is None else "switching", "")
        await self._fence()
        if self._orders.draining:
            return
        around = self._around
        await around.connection.wait_connected(around.patience)
        self._generation = around.connection.generation
        await around.watch_epoch()
        self.logs, entry = await around.disk.call(
            lambda: around.committer.take_over(self.partition)
        )
        self.in_flight.clear()
        self._refused = {}
        self._answer = self._orders.answer
        self.consumer = await around.consumers.take(
            self.partition,
            self._orders.policy,
            around.settings,
            filter_subject=around.filter_subject(self.partition),
            first_uncommitted=entry.first_uncommitted,
        )
        pull = Pull(
            around.connection,
            around.stream,
            self.consumer.name,
            host_of=around.host_of,
            batch=BATCH,
            max_bytes=around.max_bytes,
        )
        pull.on_delivery = self._note
        await pull.open()
        self._pull = pull
        self.last_busy = time.monotonic()
        self._set("running", "")

    async def _leave_pull(self) -> None:
        pull, self._pull = self._pull, None
        if pull is None:
            return
        with contextlib.suppress(ConnectionProblem):
            await pull.close()
        if self.consumer is not None and self.consumer.policy == "none":
            # Nobody delivers these again: delivery was their acknowledgement.
            await self._write(pull.take(len(pull.buffered)))

    async def _fence(self) -> None:
        while self._lock is None and not self._orders.draining:
            self._lock = PartitionLock.take(self._around.lock_path(self.partition))
            if self._lock is None:
                self._set("waiting", "another receiver on this machine has this partition")
                await self._wait(_RETRY)

    async def _receive(self) -> None:
        pull = self._pull
        while pull is not None and not self._is_disturbed(pull):
            stopping = self._orders.paused or self._orders.draining
            if not stopping:
                await pull.ask()
            elif self._orders.draining and self._is_drained(pull):
                return
            self._set("paused" if stopping and not self._orders.draining else "running", "")
            deliveries = pull.take(BATCH)
            if deliveries:
                await self._settle(deliveries)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(pull.arrived.wait(), _IDLE)
            pull.check_silence()

    def _is_drained(self, pull: Pull) -> bool:
        """Whether nothing would be lost by leaving: what is still on its way comes again.

        Unless the policy is none; then what the open request brings is waited for.
        """
        if self.consumer is not None and self.consumer.policy == "none":
            return pull.is_quiet
        return pull.buffered_count == 0

    def _is_disturbed(self, pull: Pull) -> bool:
        """Whether to take over again. Leaving nak does, so that refused lines come first."""
        orders = self._orders
        if self._answer != orders.answer:
            before, self._answer = self._answer, orders.answer
            if before == "nak":
                return True
            if self._answer == "ack":
                self._acknowledge_written()
        if self.consumer is None or orders.policy != self.consumer.policy:
            return True
        if pull.disturbance:
            log.warning("partition %s: %s; rewinding", self.partition, pull.disturbance)
            return True
        return self._generation != self._around.connection.generation

    async def _settle(self, deliveries: Sequence[Delivery]) -> None:
        self.last_busy = time.monotonic()
        if self._answer == "nak" and self.consumer and self.consumer.policy != "none":
            self._refuse(deliveries)
            await self._wait(NAK_PAUSE)
            return
        if await self._write(deliveries) and self._answer == "ack":
            self._acknowledge_written()

    def _refuse(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if not delivery.written:
                key = (delivery.host, delivery.source.name if delivery.source else "")
                self._refused[key] = self._refused.get(key, frozenset()) | {delivery.sequence}
        with contextlib.suppress(ConnectionProblem):
            self._around.connection.send([(delivery.reply, NAK) for delivery in deliveries])

    async def _write(self, deliveries: Sequence[Delivery]) -> bool:
        """Write and commit a batch, holding it for as long as the disk refuses.

        Returns False where it was given up because the receiver has to end.
        """
        if not deliveries:
            return True
        self._batch = deliveries
        delay = HOLD_FIRST
        batch = Batch(logs=self.logs, deliveries=deliveries, refused=self._refused)
        try:
            while True:
                try:
                    await self._around.disk.commit(batch)
                except OSError as error:
                    self._hold(error)
                    if self._orders.draining:
                        return False
                    await self._wait(delay)
                    delay = min(delay * 2, HOLD_LONGEST)
                else:
                    self._refused = {}
                    return True
        finally:
            self._batch = ()
            if self.held_since is not None:
                self.held_since = None
                log.info("partition %s: writing again", self.partition)

    def _hold(self, error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        if self.held_since is None:
            self.held_since = time.time()
            log.warning("partition %s: %s; holding %s messages", self.partition, reason,
                        len(self._batch))  # fmt: skip
        self._set("held", f"{reason}: {error.filename}" if error.filename else reason)

    def _acknowledge_written(self) -> None:
        """Acknowledge what is written: each message, or with policy all the highest of a run."""
        policy = self.consumer.policy if self.consumer else "none"
        if policy == "none":
            return
        sequences = sorted(self.in_flight)
        if policy == "all":
            written: list[int] = []
            for sequence in sequences:
                if not self.in_flight[sequence].written:
                    break
                written.append(sequence)
            replies = [self.in_flight[written[-1]].reply] if written else []
        else:
            written = [sequence for sequence in sequences if self.in_flight[sequence].written]
            replies = [self.in_flight[sequence].reply for sequence in written]
        if not replies:
            return
        with contextlib.suppress(ConnectionProblem):
            self._around.connection.send([(reply, ACK) for reply in replies])
            for sequence in written:
                del self.in_flight[sequence]

    def _note(self, delivery: Delivery) -> None:
        """Take note of a delivery as it arrives."""
        host = delivery.host
        if delivery.sequence > self.delivered.get(host, 0):
            self.delivered[host] = delivery.sequence
        if delivery.deliveries > 1:
            self.redelivered += 1
        if self.consumer is None or self.consumer.policy == "none":
            return
        before = self.in_flight.get(delivery.sequence)
        if before is not None and before.written:
            delivery.written = True
        self.in_flight[delivery.sequence] = delivery

    async def _say_in_progress(self) -> None:
        """Keep what waits to be written ours: the server must not deliver it again meanwhile."""
        while True:
            wait = self.consumer.ack_wait_seconds if self.consumer else 30.0
            await asyncio.sleep(max(0.05, wait / 6))
            if self._pull is None or self.consumer is None or self.consumer.policy == "none":
                continue
            if self._answer == "nak" and self.held_since is None:
                continue
            due = time.monotonic() - wait / 3
            waiting = [
                delivery
                for delivery in (*self._batch, *self._pull.buffered)
                if delivery.received < due
            ]
            if not waiting:
                continue
            with contextlib.suppress(ConnectionProblem):
                frames = [(delivery.reply, IN_PROGRESS) for delivery in waiting]
                self._around.connection.send(frames)
                for delivery in waiting:
                    delivery.received = time.monotonic()

    def _set(self, state: PartitionState, reason: str) -> None:
        self.state = state
        self.reason = reason

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nudge.wait(), seconds)
        self._nudge.clear()
