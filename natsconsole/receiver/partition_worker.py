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
from functools import partial

from natsconsole.domain.receivers import MessageRequest
from natsconsole.gateway.jetstream import ApiError
from natsconsole.gateway.key_value import KeyValueError
from natsconsole.receiver.backfill import Backfill
from natsconsole.receiver.batch import Batch
from natsconsole.receiver.committer import LostPartitionError
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.consumers import GroupConsumer
from natsconsole.receiver.leases import LeaseLostError
from natsconsole.receiver.log_files import UncertainFileError
from natsconsole.receiver.orders import Orders
from natsconsole.receiver.partition import Partition
from natsconsole.receiver.partition_answers import PartitionAnswers
from natsconsole.receiver.partition_lock import PartitionLock
from natsconsole.receiver.partition_logs import PartitionLogs
from natsconsole.receiver.partition_writer import PartitionWriter
from natsconsole.receiver.pull import Pull
from natsconsole.receiver.surroundings import Surroundings
from shipper.connection import ConnectionProblem

log = logging.getLogger(__name__)

BATCH = 4000
"""Messages of one commit and of one pull request."""
LOOK_AGAIN = 5.0
"""Seconds between two looks at the consumer: somebody may have edited it."""
UNUSABLE = frozenset({10012, 10025, 10116, 10121, 10183, 10184})
"""Error codes of JetStream for a consumer's configuration that it refuses."""
_RETRY = 0.5
_IDLE = 0.5
_MAKE_ANEW_AFTER = (2, 6, 12)
"""Take-overs in vain after which another consumer may be the cure."""
_LONG = 60.0
"""Seconds after which a disturbance has nothing to do with the one before."""
_RIPENS = 0.02
_TROUBLES = (
    ApiError,
    ConnectionProblem,
    KeyValueError,
    LeaseLostError,
    UncertainFileError,
    OSError,
)


class PartitionWorker:
    """Receives one partition while it is ours. ``run`` returns once it has drained."""

    def __init__(self, number: int, surroundings: Surroundings, orders: Orders) -> None:
        self.partition = Partition(number)
        self._around = surroundings
        self._orders = orders
        self._settings = orders.settings
        self._writer = PartitionWriter(self.partition, surroundings, orders)
        self._answers = PartitionAnswers(self.partition, surroundings, orders, self._writer)
        self._backfill = Backfill(surroundings, self._writer)
        self._generation = -1
        self._look_at = 0.0
        self._in_vain = 0
        """Take-overs in a row after which nothing was committed before the next disturbance."""
        self._committed_before = 0
        """What was committed at the last take-over."""
        self._took_over_at = 0.0
        self._make_anew = False
        self._sure_to: int | None = None
        """Up to here all is committed, as of the last look that found the consumer as it must be;
        after a look that did not, the place to begin again."""
        self._is_doubtful = False
        self._tick = 0.0

    def has_settings(self, settings: ConsumerSettings) -> bool:
        """Whether the consumer has these settings, or there is none that could have them."""
        return (
            self.partition.consumer is None
            or self.partition.state != "running"
            or self._settings == settings
        )

    def ask(self, request: MessageRequest) -> asyncio.Future[None]:
        """Answer one message in flight; the result is set when that is done."""
        return self._answers.ask(request)

    async def rotate_silent(self, paths: Sequence[str]) -> None:
        """Close files that nobody writes to any more."""
        logs = self.partition.logs
        try:
            await self._around.disk.call(lambda: self._around.committer.rotate_silent(logs, paths))
        except OSError as error:
            log.warning("partition %s: cannot rotate: %s", self.partition.number, error)

    async def run(self) -> None:
        """Receive, whenever the partition is ours, until the orders say to drain."""
        in_progress = asyncio.create_task(self._answers.say_in_progress())
        try:
            while not self._orders.draining:
                try:
                    if await self._become_owner():
                        await self._take_over()
                        await self._receive()
                        await self._rest_after_disturbance()
                except _TROUBLES as error:
                    self.partition.set("waiting", str(error))
                    await self.partition.wait(_RETRY)
                except Exception as error:
                    # A defect: the other partitions go on, and this one begins again.
                    log.exception("partition %s", self.partition.number)
                    self.partition.set(
                        "waiting", f"a defect of the receiver: {type(error).__name__}: {error}"
                    )
                    await self.partition.wait(LOOK_AGAIN)
                if not self._is_wanted():
                    await self._hand_over()
        finally:
            in_progress.cancel()
            await self._hand_over()

    async def _rest_after_disturbance(self) -> None:
        """Wait a little where taking over again and again does not help."""
        pull = self.partition.pull
        if pull is None or not pull.disturbance:
            return
        committed = self.partition.logs.committed or 0
        is_news = (
            committed > self._committed_before or time.monotonic() - self._took_over_at > _LONG
        )
        self._in_vain = 0 if is_news else self._in_vain + 1
        self._make_anew = pull.is_refused and self._in_vain in _MAKE_ANEW_AFTER
        if self._in_vain > 1:
            self.partition.set("waiting", pull.disturbance)
            await self.partition.wait(min(_RETRY * 2 ** (self._in_vain - 2), LOOK_AGAIN))

    # Whose it is.

    def _is_wanted(self) -> bool:
        """Whether to keep the partition: also while some of its lines wait for a file of ours."""
        if self.partition.number in self._around.leases.wanted:
            return True
        return self.partition.is_ours and bool(
            self.partition.held_logs or self.partition.logs.parked
        )

    async def _become_owner(self) -> bool:
        leases = self._around.leases
        if self.partition.number not in leases.wanted and not self.partition.is_ours:
            self.partition.set("elsewhere", "")
            await self.partition.wait(_IDLE)
            return False
        if self.partition.lock is None:
            self.partition.lock = PartitionLock.take(self._around.lock_path(self.partition.number))
        if self.partition.lock is None:
            self.partition.set("waiting", "another receiver on this machine has this partition")
        elif await leases.acquire(self.partition.number, fenced=True):
            return True
        else:
            owner = leases.owner_of(self.partition.number) or "another receiver"
            self.partition.set("waiting", leases.problem or f"{owner} has this partition")
            await self._release_lock()
        await self.partition.wait(_RETRY)
        return False

    async def _release_lock(self) -> None:
        """Let others write, once nothing of ours can be on its way to the disk any more."""
        lock, self.partition.lock = self.partition.lock, None
        if lock is not None:
            try:
                await self._around.disk.call(
                    lambda: self._around.committer.let_go(self.partition.number)
                )
            finally:
                lock.release()

    async def _hand_over(self) -> None:
        """Let the partition go: what is written is acknowledged, and the server knows it."""
        await self._leave_pull()
        self._answers.fail_asked()
        if self.partition.lock is None:
            return
        with contextlib.suppress(ConnectionProblem):
            await self._around.connection.rtt()
        await self._around.disk.call(lambda: None)  # a commit that was cut short by our end
        await self._around.leases.release(self.partition.number)
        await self._release_lock()
        self.partition.forget()
        self.partition.set("elsewhere", "")

    async def _take_over(self) -> None:
        """Become the partition's one worker, at the first message that is not committed.

        In this order: no pull open; fence; cut files; unpin and rewind; only then pull.
        """
        await self._leave_pull()
        self.partition.set("taking-over" if self.partition.consumer is None else "switching", "")
        around = self._around
        await around.connection.wait_connected(around.patience)
        self._generation = around.connection.generation
        await around.watch_epoch(self.partition.number)
        logs, entry = await around.disk.call(
            lambda: around.committer.take_over(self.partition.number)
        )
        self.partition.forget_deliveries()
        self._answers.begin()
        self._settings = self._orders.settings
        taken = await around.consumers.take(
            self.partition.number,
            self._orders.policy,
            self._settings,
            filter_subject=around.filter_subject(self.partition.number),
            first_uncommitted=self._first_to_read(entry.first_uncommitted),
            passed=partial(self._pass_over, logs),
            anew=self._make_anew,
        )
        if self._make_anew and self.partition.consumer is not None:
            around.alarm(
                f"consumer {self.partition.consumer.name} could not be pulled from; "
                f"{taken.consumer.name} was made in its place"
            )
        self._make_anew = self._is_doubtful = False
        self._sure_to = entry.committed
        self.partition.consumer, logs.doubtful_to = taken.consumer, taken.doubtful_to
        self.partition.logs = logs
        self._committed_before = logs.committed or 0
        if logs.parked or await self._is_anything_kept():
            await self._writer.parked_changed()
        pull = Pull(
            around.connection,
            around.stream,
            self.partition.consumer.name,
            host_of=around.host_of,
            batch=BATCH,
            max_bytes=around.max_bytes,
            group=around.consumers.priority_group,
            after=0 if taken.rewound else None,
        )
        pull.pending = taken.consumer.pending
        await pull.open()
        self.partition.pull = pull
        self.partition.last_busy = self._took_over_at = time.monotonic()
        self._look_at = self.partition.last_busy + LOOK_AGAIN
        self.partition.set("running", "")

    def _first_to_read(self, first_uncommitted: int | None) -> int | None:
        """Return where to begin; before lines that a changed filter may have kept from us."""
        if not self._is_doubtful or first_uncommitted is None:
            return first_uncommitted
        return min(first_uncommitted, (self._sure_to or 0) + 1)

    async def _pass_over(self, logs: PartitionLogs, below: int) -> None:
        """Remember that others have written what is below a sequence."""
        outcome = await self._around.disk.commit(Batch(logs=logs, passed_below=below))
        if outcome.failure is not None:
            raise outcome.failure

    async def _is_anything_kept(self) -> bool:
        """Whether a purge is held up by lines of this partition, parked or not."""
        return any(
            number == self.partition.number for _, number in await self._around.leases.needed()
        )

    async def _leave_pull(self) -> None:
        await self._backfill.stop()
        pull, self.partition.pull = self.partition.pull, None
        if pull is None:
            return
        with contextlib.suppress(ConnectionProblem):
            await pull.close()
        if self.partition.consumer is not None and self.partition.consumer.policy == "none":
            # Nobody delivers these again: delivery was their acknowledgement.
            with contextlib.suppress(LostPartitionError):
                await self._writer.write(pull.take(pull.buffered_count))

    # Receiving.

    async def _receive(self) -> None:
        pull = self.partition.pull
        while pull is not None and not await self._is_disturbed(pull):
            is_leaving = self._orders.draining or not self._is_wanted()
            if is_leaving and self._is_drained(pull):
                return
            if not (is_leaving or self._orders.paused):
                await pull.ask()
            self._set_receiving(is_paused=self._orders.paused and not is_leaving)
            self._backfill.see_to(self.partition.logs)
            await self._answers.answer_asked()
            if self._answers.rule_has_changed:
                continue  # what came since is to be answered as was said before it came
            self.partition.see_arrivals()
            limit = BATCH
            if pull.doubts():
                limit = min(BATCH, pull.buffered_count)
                await self._see_that_payloads_come(pull)
            deliveries = pull.take(limit) if is_leaving or self._is_ripe(pull) else []
            if deliveries or self.partition.held_logs.is_due(time.monotonic()):
                await self._answers.settle(deliveries)
                continue
            if pull.buffered_count:
                await asyncio.sleep(_RIPENS)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(pull.arrived.wait(), _IDLE)
            pull.check_silence()

    def _is_ripe(self, pull: Pull) -> bool:
        """Whether to write: with a sync interval few lines wait for its end, and share a sync."""
        interval = self._around.sync_interval
        if not interval:
            return True
        tick = time.monotonic() // interval
        window = self.partition.consumer.max_ack_pending if self.partition.consumer else 0
        is_due = (
            tick != self._tick or pull.is_full or 0 < window <= 2 * len(self.partition.in_flight)
        )
        if is_due:
            self._tick = tick
        return is_due

    def _set_receiving(self, *, is_paused: bool) -> None:
        held = next(iter(self.partition.held_logs.logs.items()), None)
        if is_paused:
            self.partition.set("paused", "")
        elif self.partition.consumer is not None and self.partition.consumer.paused:
            name = self.partition.consumer.name
            self.partition.set(
                "paused",
                f"consumer {name} is paused by somebody, not by us: it goes on when that ends, "
                f"or with `nats consumer resume {self._around.stream} {name}`",
            )
        elif held is not None:
            (host, _), why = held
            self.partition.set("running", f"{host} is held: {why.reason}")
        elif self.partition.logs.parked:
            host, _ = min(self.partition.logs.parked)
            reason = self._backfill.reason or "its file could not be written"
            self.partition.set("running", f"{host} waits in the stream: {reason}")
        else:
            self.partition.set("running", "")

    def _is_drained(self, pull: Pull) -> bool:
        """Whether nothing would be lost by leaving: what is still on its way comes again.

        Unless the policy is none; then what the open request brings is waited for.
        """
        if self.partition.consumer is not None and self.partition.consumer.policy == "none":
            return pull.is_quiet
        return pull.buffered_count == 0

    async def _is_disturbed(self, pull: Pull) -> bool:
        """Whether to take over again. Leaving nak does, so that refused lines come first."""
        if not self._around.leases.is_held(self.partition.number):
            await self._backfill.stop()
            await self._release_lock()
            return True
        if self.partition.consumer is None or self._orders.policy != self.partition.consumer.policy:
            return True
        if pull.disturbance:
            log.warning("partition %s: %s; rewinding", self.partition.number, pull.disturbance)
            return True
        if self._generation != self._around.connection.generation:
            return True
        await self._see_consumer(pull)
        return self._answers.follow_rule()

    async def _see_consumer(self, pull: Pull) -> None:
        """Follow what was asked of the consumer, and notice what somebody else did to it."""
        consumer, settings = self.partition.consumer, self._orders.settings
        if consumer is None:
            return
        if settings != self._settings:
            try:
                self.partition.consumer = await self._around.consumers.edit(consumer, settings)
            except ApiError as error:
                if error.err_code not in UNUSABLE:
                    raise
                self._around.alarm(f"the server refuses the group's settings: {error}")
            self._settings = settings
        elif time.monotonic() > self._look_at:
            self._look_at = time.monotonic() + LOOK_AGAIN
            await self._around.disk.call(self._around.committer.give_up_unused)
            await self._look_at_consumer(consumer, pull)

    async def _see_that_payloads_come(self, pull: Pull) -> None:
        """Raise ApiError where it is the consumer that keeps payloads from us."""
        if self.partition.consumer is not None:
            try:
                await self._look_at_consumer(self.partition.consumer, pull)
            except ApiError:
                pull.leave_out_empty()
                raise

    async def _look_at_consumer(self, consumer: GroupConsumer, pull: Pull) -> None:
        around = self._around
        delivered, committed = pull.delivered, self.partition.logs.committed
        found = await around.consumers.read(consumer.name)
        if found is None or found.created != consumer.created:
            raise ApiError(409, 0, f"consumer {consumer.name} was replaced by somebody")
        changed = around.consumers.oddity(found, around.filter_subject(self.partition.number))
        if changed:
            around.alarm(f"somebody changed {changed} of consumer {consumer.name}; it is mended")
            self._is_doubtful = True
            raise ApiError(409, 0, f"somebody changed {changed} of consumer {consumer.name}")
        self._sure_to = committed
        self.partition.consumer = found
        if pull.delivered == delivered:
            pull.pending = found.pending  # also after a purge, which nothing is delivered of
