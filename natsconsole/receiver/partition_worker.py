"""One partition's worker: take over, then pull, write and acknowledge until something disturbs it.

Whatever goes wrong with the transport has one cure: take over again, from the first message that
the ledger has not committed. So order never depends on redelivery.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from natsconsole.domain.receivers import (
    SAFE_ANSWERS,
    AckPolicy,
    Answer,
    AnswerRule,
    MessageRequest,
    PartitionState,
    PartitionStatus,
)
from natsconsole.gateway.jetstream import ApiError
from natsconsole.gateway.key_value import KeyValueError
from natsconsole.receiver.answers import IN_PROGRESS, NAK, applies, nak_after, split, term
from natsconsole.receiver.backfill import Backfill
from natsconsole.receiver.committer import (
    Batch,
    LostPartitionError,
    Outcome,
    UncertainFileError,
)
from natsconsole.receiver.consumer_settings import UNCHANGED, ConsumerSettings
from natsconsole.receiver.consumers import GroupConsumer
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.held_logs import HeldLogs
from natsconsole.receiver.in_flight import InFlight
from natsconsole.receiver.leases import LeaseLostError
from natsconsole.receiver.partition_lock import PartitionLock
from natsconsole.receiver.partition_logs import LogKey, PartitionLogs, key_of
from natsconsole.receiver.pull import Pull
from natsconsole.receiver.replies import Replies
from natsconsole.receiver.surroundings import Surroundings
from shipper.connection import ConnectionProblem

log = logging.getLogger(__name__)

BATCH = 1000
"""Messages of one commit and of one pull request."""
NAK_PAUSE = 0.5
"""Seconds between two batches of naks: the server redelivers at once, and would spin."""
HOLD_FIRST, HOLD_LONGEST = 0.25, 2.0
"""Seconds between attempts to write a held batch, doubling from first to longest."""
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
ACKNOWLEDGE = AnswerRule()
_TROUBLES = (
    ApiError,
    ConnectionProblem,
    KeyValueError,
    LeaseLostError,
    UncertainFileError,
    OSError,
)


class CannotAnswerError(Exception):
    """A message cannot be answered as somebody wants it. The text says why."""


class NotInFlightError(CannotAnswerError):
    """A message that is to be answered is not in flight here."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"message {sequence} is not in flight here")


@dataclass(slots=True)
class Orders:
    """What the operator wants of every worker. Changed while they run."""

    policy: AckPolicy
    rule: AnswerRule = ACKNOWLEDGE
    settings: ConsumerSettings = UNCHANGED
    paused: bool = False
    draining: bool = False


@dataclass(slots=True)
class _Asked:
    """One message that somebody wants answered now."""

    request: MessageRequest
    done: asyncio.Future[None]


class PartitionWorker:
    """Receives one partition while it is ours. ``run`` returns once it has drained."""

    def __init__(self, partition: int, surroundings: Surroundings, orders: Orders) -> None:
        self.partition = partition
        self.state: PartitionState = "waiting"
        self.reason = "not started"
        self.held_since: float | None = None
        self.logs = PartitionLogs(partition=partition)
        self.delivered: dict[str, int] = {}
        """Highest sequence delivered, by host."""
        self.last_delivered = 0
        self.in_flight = InFlight()
        """Delivered and not acknowledged."""
        self.held_logs = HeldLogs()
        """Messages of logs whose own file cannot be written."""
        self.redelivered = 0
        """Deliveries beyond a message's first, since the start."""
        self.consumer: GroupConsumer | None = None
        self.last_busy = time.monotonic()
        self._around = surroundings
        self._orders = orders
        self._rule = orders.rule
        self._settings = orders.settings
        self._lock: PartitionLock | None = None
        self._pull: Pull | None = None
        self._batch: Sequence[Delivery] = ()
        self._refused: dict[LogKey, frozenset[int]] = {}
        self._asked: deque[_Asked] = deque()
        self._replies = Replies(surroundings.connection)
        self._backfill = Backfill(surroundings, self)
        self._generation = -1
        self._look_at = 0.0
        self._in_vain = 0
        """Take-overs in a row after which nothing was delivered before the next disturbance."""
        self._took_over_at = 0.0
        self._make_anew = False
        self._sure_to: int | None = None
        """Up to here all is committed, as of the last look that found the consumer as it must be;
        after a look that did not, the place to begin again."""
        self._is_doubtful = False
        self._tick = 0.0
        self._nudge = asyncio.Event()

    def nudge(self) -> None:
        """Look at the orders now."""
        self._nudge.set()
        if self._pull is not None:
            self._pull.arrived.set()

    @property
    def is_ours(self) -> bool:
        """Whether this receiver has the partition."""
        return self._lock is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in memory and the consumer has nothing more to deliver."""
        if self.state == "elsewhere":
            return True
        pull = self._pull
        if self.state != "running" or pull is None:
            return False
        return pull.pending == 0 and self.unwritten == 0 and not self.logs.parked

    @property
    def unwritten(self) -> int:
        """Messages in memory whose lines are not in the files yet."""
        buffered = self._pull.buffered_count if self._pull else 0
        return len(self._batch) + buffered + len(self.held_logs)

    @property
    def first_unread(self) -> int:
        """The stream sequence behind all that is committed, or acknowledged before we had it."""
        if self.logs.committed is None and self.consumer is not None:
            return self.consumer.ack_floor + 1
        return (self.logs.committed or 0) + 1

    @property
    def held_messages(self) -> int:
        return len(self.held_logs) + (len(self._batch) if self.held_since is not None else 0)

    def wait_of(self, delivery: Delivery) -> float:
        """Return the seconds from now until a message in flight is delivered again."""
        wait = self.consumer.wait(delivery.deliveries) if self.consumer else 0.0
        return self.in_flight.due(delivery, wait) - time.monotonic()

    def has_settings(self, settings: ConsumerSettings) -> bool:
        """Whether the consumer has these settings, or there is none that could have them."""
        return self.consumer is None or self.state != "running" or self._settings == settings

    def status(self) -> PartitionStatus:
        owner = self._around.leases.owner_of(self.partition)
        return PartitionStatus(
            partition=self.partition,
            state=self.state,
            reason=self.reason,
            consumer=self.consumer.name if self.consumer else "",
            delivered=self.last_delivered,
            committed=self.logs.committed or 0,
            unacked=len(self.in_flight),
            held_messages=self.held_messages,
            owner="" if self.is_ours else owner,
        )

    def ask(self, request: MessageRequest) -> asyncio.Future[None]:
        """Answer one message in flight; the result is set when that is done."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(request, done))
        self.nudge()
        return done

    async def rotate_silent(self, paths: Sequence[str]) -> None:
        """Close files that nobody writes to any more."""
        logs = self.logs
        try:
            await self._around.disk.call(lambda: self._around.committer.rotate_silent(logs, paths))
        except OSError as error:
            log.warning("partition %s: cannot rotate: %s", self.partition, error)

    async def run(self) -> None:
        """Receive, whenever the partition is ours, until the orders say to drain."""
        in_progress = asyncio.create_task(self._say_in_progress())
        try:
            while not self._orders.draining:
                try:
                    if await self._become_owner():
                        await self._take_over()
                        await self._receive()
                        await self._rest_after_disturbance()
                except _TROUBLES as error:
                    self._set("waiting", str(error))
                    await self._wait(_RETRY)
                if not self._is_wanted():
                    await self._hand_over()
        finally:
            in_progress.cancel()
            await self._hand_over()

    async def _rest_after_disturbance(self) -> None:
        """Wait a little where taking over again and again does not help."""
        pull = self._pull
        if pull is None or not pull.disturbance:
            return
        is_news = pull.delivered or time.monotonic() - self._took_over_at > _LONG
        self._in_vain = 0 if is_news else self._in_vain + 1
        self._make_anew = pull.is_refused and self._in_vain in _MAKE_ANEW_AFTER
        if self._in_vain > 1:
            self._set("waiting", pull.disturbance)
            await self._wait(min(_RETRY * 2 ** (self._in_vain - 2), LOOK_AGAIN))

    # Whose it is.

    def _is_wanted(self) -> bool:
        """Whether to keep the partition: also while some of its lines wait for a file of ours."""
        if self.partition in self._around.leases.wanted:
            return True
        return self.is_ours and bool(self.held_logs or self.logs.parked)

    async def _become_owner(self) -> bool:
        leases = self._around.leases
        if self.partition not in leases.wanted and not self.is_ours:
            self._set("elsewhere", "")
            await self._wait(_IDLE)
            return False
        if self._lock is None:
            self._lock = PartitionLock.take(self._around.lock_path(self.partition))
        if self._lock is None:
            self._set("waiting", "another receiver on this machine has this partition")
        elif await leases.acquire(self.partition, fenced=True):
            return True
        else:
            owner = leases.owner_of(self.partition) or "another receiver"
            self._set("waiting", leases.problem or f"{owner} has this partition")
            await self._release_lock()
        await self._wait(_RETRY)
        return False

    async def _release_lock(self) -> None:
        """Let others write, once nothing of ours can be on its way to the disk any more."""
        lock, self._lock = self._lock, None
        if lock is not None:
            try:
                await self._around.disk.call(lambda: self._around.committer.let_go(self.partition))
            finally:
                lock.release()

    async def _hand_over(self) -> None:
        """Let the partition go: what is written is acknowledged, and the server knows it."""
        await self._leave_pull()
        self._fail_asked()
        if self._lock is None:
            return
        with contextlib.suppress(ConnectionProblem):
            await self._around.connection.rtt()
        await self._around.disk.call(lambda: None)  # a commit that was cut short by our end
        await self._around.leases.release(self.partition)
        await self._release_lock()
        self.logs = PartitionLogs(partition=self.partition)
        self.in_flight.clear()
        self.held_logs.clear()
        self.delivered.clear()
        self.consumer = None
        self._set("elsewhere", "")

    async def _take_over(self) -> None:
        """Become the partition's one worker, at the first message that is not committed.

        In this order: no pull open; fence; cut files; unpin and rewind; only then pull.
        """
        await self._leave_pull()
        self._set("taking-over" if self.consumer is None else "switching", "")
        around = self._around
        await around.connection.wait_connected(around.patience)
        self._generation = around.connection.generation
        await around.watch_epoch(self.partition)
        logs, entry = await around.disk.call(lambda: around.committer.take_over(self.partition))
        self.in_flight.clear()
        self.held_logs.clear()
        self._refused = {}
        self._rule, self._settings = self._orders.rule, self._orders.settings
        taken = await around.consumers.take(
            self.partition,
            self._orders.policy,
            self._settings,
            filter_subject=around.filter_subject(self.partition),
            first_uncommitted=self._first_to_read(entry.first_uncommitted),
            passed=partial(self._pass_over, logs),
            anew=self._make_anew,
        )
        if self._make_anew and self.consumer is not None:
            around.alarm(
                f"consumer {self.consumer.name} could not be pulled from; "
                f"{taken.consumer.name} was made in its place"
            )
        self._make_anew = self._is_doubtful = False
        self._sure_to = entry.committed
        self.consumer, logs.doubtful_to = taken.consumer, taken.doubtful_to
        self.logs = logs
        if logs.parked or await self._is_anything_kept():
            await self.parked_changed()
        pull = Pull(
            around.connection,
            around.stream,
            self.consumer.name,
            host_of=around.host_of,
            batch=BATCH,
            max_bytes=around.max_bytes,
            group=around.consumers.priority_group,
            after=0 if taken.rewound else None,
        )
        pull.pending = taken.consumer.pending
        await pull.open()
        self._pull = pull
        self.last_busy = self._took_over_at = time.monotonic()
        self._look_at = self.last_busy + LOOK_AGAIN
        self._set("running", "")

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
        return any(number == self.partition for _, number in await self._around.leases.needed())

    async def _leave_pull(self) -> None:
        await self._backfill.stop()
        pull, self._pull = self._pull, None
        if pull is None:
            return
        with contextlib.suppress(ConnectionProblem):
            await pull.close()
        if self.consumer is not None and self.consumer.policy == "none":
            # Nobody delivers these again: delivery was their acknowledgement.
            with contextlib.suppress(LostPartitionError):
                await self._write(pull.take(pull.buffered_count))

    # Receiving.

    async def _receive(self) -> None:
        pull = self._pull
        while pull is not None and not await self._is_disturbed(pull):
            is_leaving = self._orders.draining or not self._is_wanted()
            if is_leaving and self._is_drained(pull):
                return
            if not (is_leaving or self._orders.paused):
                await pull.ask()
            self._set_receiving(is_paused=self._orders.paused and not is_leaving)
            self._backfill.see_to(self.logs)
            await self._answer_asked()
            if self._rule != self._orders.rule:
                continue  # what came since is to be answered as was said before it came
            self.see_arrivals()
            deliveries = pull.take(BATCH) if is_leaving or self._is_ripe(pull) else []
            if deliveries or self.held_logs.is_due(time.monotonic()):
                await self._settle(deliveries)
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
        window = self.consumer.max_ack_pending if self.consumer else 0
        is_due = tick != self._tick or pull.is_full or 0 < window <= 2 * len(self.in_flight)
        if is_due:
            self._tick = tick
        return is_due

    def _set_receiving(self, *, is_paused: bool) -> None:
        held = next(iter(self.held_logs.logs.items()), None)
        if is_paused:
            self._set("paused", "")
        elif self.consumer is not None and self.consumer.paused:
            name = self.consumer.name
            self._set(
                "paused",
                f"consumer {name} is paused by somebody, not by us: it goes on when that ends, "
                f"or with `nats consumer resume {self._around.stream} {name}`",
            )
        elif held is not None:
            (host, _), why = held
            self._set("running", f"{host} is held: {why.reason}")
        elif self.logs.parked:
            host, _ = min(self.logs.parked)
            reason = self._backfill.reason or "its file could not be written"
            self._set("running", f"{host} waits in the stream: {reason}")
        else:
            self._set("running", "")

    def _is_drained(self, pull: Pull) -> bool:
        """Whether nothing would be lost by leaving: what is still on its way comes again.

        Unless the policy is none; then what the open request brings is waited for.
        """
        if self.consumer is not None and self.consumer.policy == "none":
            return pull.is_quiet
        return pull.buffered_count == 0

    async def _is_disturbed(self, pull: Pull) -> bool:
        """Whether to take over again. Leaving nak does, so that refused lines come first."""
        if not self._around.leases.is_held(self.partition):
            await self._backfill.stop()
            await self._release_lock()
            return True
        if self.consumer is None or self._orders.policy != self.consumer.policy:
            return True
        if pull.disturbance:
            log.warning("partition %s: %s; rewinding", self.partition, pull.disturbance)
            return True
        if self._generation != self._around.connection.generation:
            return True
        await self._see_consumer(pull)
        return self._follow_rule()

    def _follow_rule(self) -> bool:
        before, rule = self._rule, self._orders.rule
        if before == rule:
            return False
        self._rule = rule
        if self.consumer is not None and self.consumer.policy == "none":
            return False  # it heeds no answer, and a rewind would cost what is on its way
        if before.answer in {"nak", "nak-delay"}:
            return True
        if rule.answer in SAFE_ANSWERS:
            self._acknowledge(self.in_flight.written())
        elif before.answer == "in-progress":
            self.in_flight.leave_written()
        return False

    async def _see_consumer(self, pull: Pull) -> None:
        """Follow what was asked of the consumer, and notice what somebody else did to it."""
        consumer, settings = self.consumer, self._orders.settings
        if consumer is None:
            return
        if settings != self._settings:
            try:
                self.consumer = await self._around.consumers.edit(consumer, settings)
            except ApiError as error:
                if error.err_code not in UNUSABLE:
                    raise
                self._around.alarm(f"the server refuses the group's settings: {error}")
            self._settings = settings
        elif time.monotonic() > self._look_at:
            self._look_at = time.monotonic() + LOOK_AGAIN
            await self._look_at_consumer(consumer, pull)

    async def _look_at_consumer(self, consumer: GroupConsumer, pull: Pull) -> None:
        around = self._around
        delivered, committed = pull.delivered, self.logs.committed
        found = await around.consumers.read(consumer.name)
        if found is None or found.created != consumer.created:
            raise ApiError(409, 0, f"consumer {consumer.name} was replaced by somebody")
        changed = around.consumers.oddity(found, around.filter_subject(self.partition))
        if changed:
            around.alarm(f"somebody changed {changed} of consumer {consumer.name}; it is mended")
            self._is_doubtful = True
            raise ApiError(409, 0, f"somebody changed {changed} of consumer {consumer.name}")
        self._sure_to = committed
        self.consumer = found
        if pull.delivered == delivered:
            pull.pending = found.pending  # also after a purge, which nothing is delivered of

    async def _settle(self, deliveries: Sequence[Delivery]) -> None:
        """Write and answer a batch as the rule says."""
        if deliveries:
            self.last_busy = time.monotonic()
        rule = self._rule
        if rule.answer == "ack" or (self.consumer and self.consumer.policy == "none"):
            self._acknowledge(await self._write(deliveries))
            return
        chosen, others = split(rule, deliveries)

        def is_kept(delivery: Delivery) -> bool:
            return applies(rule, delivery)

        if rule.answer in {"nak", "nak-delay"}:
            self._refuse(chosen, rule)
            self._acknowledge(await self._write(others), is_kept)
            if rule.answer == "nak" and chosen:
                await self._wait(NAK_PAUSE)
        elif rule.answer == "term":
            terminated = [(one, rule.reason or "terminated by hand") for one in chosen]
            self._acknowledge(await self._write(others, terminated), is_kept)
        else:
            written = await self._write(deliveries)
            for_rule, others = split(rule, written)
            self._acknowledge(others, is_kept)
            if rule.answer == "double-ack":
                await self._acknowledge_twice(for_rule)
            elif rule.answer == "withhold":
                self.in_flight.leave(for_rule)

    def _refuse(self, deliveries: Sequence[Delivery], rule: AnswerRule | MessageRequest) -> None:
        for delivery in deliveries:
            if not delivery.written:
                key = key_of(delivery)
                self._refused[key] = self._refused.get(key, frozenset()) | {delivery.sequence}
        answer, until = NAK, time.monotonic()
        if rule.answer == "nak-delay":
            answer = nak_after(rule.delay_seconds)
            until += rule.delay_seconds
        self._replies.send(deliveries, answer)
        self.in_flight.leave(deliveries, until)

    # Writing.

    async def _write(
        self,
        deliveries: Sequence[Delivery],
        terminated: Sequence[tuple[Delivery, str]] = (),
    ) -> list[Delivery]:
        """Write and commit a batch, holding it for as long as the disk refuses.

        Returns what is written, held messages of logs that are well again among it; nothing
        where the batch was given up because the receiver has to end.
        """
        now = time.monotonic()
        batch, waiting = self.held_logs.compose(deliveries, now)
        if not (batch or waiting or terminated):
            return []
        for key, sequences in waiting.items():
            self._refused[key] = self._refused.get(key, frozenset()) | sequences
        outcome = await self._commit(
            Batch(logs=self.logs, deliveries=batch, refused=self._refused, terminated=terminated)
        )
        if outcome is None:
            return []
        self._refused = {}
        for host, _ in self.held_logs.learn(outcome, now):
            log.info("partition %s: writing %r again", self.partition, host)
        for (host, _), error in outcome.broken.items():
            log.warning("partition %s: holding %r: %s", self.partition, host, error)
        for delivery, reason in outcome.terminated:
            self._terminate(delivery, reason)
        given_up = {delivery.sequence for delivery, _ in outcome.terminated}
        written = [one for one in batch if one.written and one.sequence not in given_up]
        return written + await self._park()

    async def _commit(self, batch: Batch) -> Outcome | None:
        """Commit, again and again while the disk refuses; None where we have to end first."""
        self._batch = batch.deliveries
        delay = HOLD_FIRST
        try:
            while True:
                outcome = await self._around.disk.commit(batch)
                if outcome.failure is None:
                    return outcome
                if isinstance(outcome.failure, LostPartitionError) or not self._may_hold():
                    raise outcome.failure
                self._hold(outcome.failure)
                if self._orders.draining:
                    return None
                await self._wait(delay)
                delay = min(delay * 2, HOLD_LONGEST)
        finally:
            self._batch = ()
            if self.held_since is not None:
                self.held_since = None
                log.info("partition %s: no longer held", self.partition)

    def _may_hold(self) -> bool:
        """Whether to keep a batch that cannot be written: others may have a better disk."""
        leases = self._around.leases
        return leases.is_held(self.partition) and (
            self._orders.draining or self.partition in leases.wanted
        )

    def _hold(self, error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        if self.held_since is None:
            self.held_since = time.time()
            log.warning("partition %s: %s; holding %s messages", self.partition, reason,
                        len(self._batch))  # fmt: skip
        self._set("held", f"{reason}: {error.filename}" if error.filename else reason)

    async def _park(self) -> list[Delivery]:
        """Leave the lines of held logs in the stream where they take too much of our room."""
        most = (self.consumer.max_ack_pending if self.consumer else 0) or BATCH
        limit = most // 2
        is_blocked = (
            self.consumer is not None
            and self.consumer.policy == "all"
            and len(self.in_flight) >= limit
        )
        park = self.held_logs.to_park(0 if is_blocked else limit)
        if not park:
            return []
        first = min([*park.values(), *self._parked_from()])
        await self._around.leases.keep_from(self.partition, first)
        outcome = await self._commit(Batch(logs=self.logs, park=park))
        if outcome is None:
            return []
        for host, _ in park:
            log.warning("partition %s: %r waits in the stream until its file can be written",
                        self.partition, host)  # fmt: skip
        parked = self.held_logs.release(park)
        for delivery in parked:
            delivery.written = True
        return parked

    def _parked_from(self) -> list[int]:
        return [self.logs.logs[key].parked_from for key in self.logs.parked]

    async def parked_changed(self) -> None:
        """Keep what is parked from being purged, and no more than that."""
        with contextlib.suppress(ApiError, KeyValueError, ConnectionProblem, LeaseLostError):
            await self._around.leases.keep_from(
                self.partition, min(self._parked_from(), default=None)
            )

    # Answering.

    def _acknowledge(
        self, written: Sequence[Delivery], is_kept: Callable[[Delivery], bool] = lambda _: False
    ) -> None:
        """Acknowledge what is written: each message, or with policy all the highest of a run."""
        policy = self.consumer.policy if self.consumer else "none"
        if policy == "none" or not written:
            return
        if not self._around.leases.is_held(self.partition):
            return
        to_send, settled = self.in_flight.to_acknowledge(policy, written, is_kept)
        if self._replies.acknowledge(to_send):
            self.in_flight.settle(settled)

    async def _acknowledge_twice(self, written: Sequence[Delivery]) -> None:
        """Acknowledge, and count as settled only what the server confirms."""
        policy = self.consumer.policy if self.consumer else "none"
        to_send, settled = self.in_flight.to_acknowledge(policy, written)
        confirmed = await self._replies.acknowledge_confirmed(to_send)
        if policy != "all" or not confirmed:
            self.in_flight.leave(settled)  # what is not confirmed comes again
            settled = confirmed
        self.in_flight.settle(settled)

    def _terminate(self, delivery: Delivery, reason: str) -> None:
        """Refuse for good what is written or in quarantine.

        With policy all that settles everything below it too: where something below is not written
        it waits for the ack instead.
        """
        if self._unwritten_below(delivery):
            delivery.written = True
            return
        self._replies.send([delivery], term(reason))
        self.in_flight.settle(self._settled_with(delivery))

    def _settled_with(self, delivery: Delivery) -> Sequence[Delivery]:
        """Return what an ack of one message settles."""
        is_all = self.consumer is not None and self.consumer.policy == "all"
        return self.in_flight.up_to(delivery.sequence) if is_all else [delivery]

    def _unwritten_below(self, delivery: Delivery) -> int:
        """Return how many messages an ack of this one would settle that are not written."""
        return sum(
            not one.written and one.sequence != delivery.sequence
            for one in self._settled_with(delivery)
        )

    async def _answer_asked(self) -> None:
        self.see_arrivals()
        """Answer what was asked for; what is still to be taken from the pull waits for it."""
        waiting = []
        while self._asked:
            asked = self._asked.popleft()
            if asked.done.done():
                continue  # nobody waits for it any more
            delivery = self.in_flight.get(asked.request.sequence)
            if delivery is not None and self._is_untaken(delivery):
                waiting.append(asked)
                continue
            try:
                if delivery is None:
                    raise NotInFlightError(asked.request.sequence)
                await self._answer_one(delivery, asked.request)
            except CannotAnswerError as error:
                if not asked.done.done():
                    asked.done.set_exception(error)
            else:
                if not asked.done.done():
                    asked.done.set_result(None)
        self._asked.extend(waiting)

    def _is_untaken(self, delivery: Delivery) -> bool:
        """Whether a message has come and no rule has been applied to it yet.

        Written or given up now, it would make repeats of those that came before it.
        """
        return not (
            delivery.written
            or self.in_flight.is_left(delivery)
            or self.held_logs.has(delivery.sequence)
        )

    async def _answer_one(self, delivery: Delivery, request: MessageRequest) -> None:
        answer: Answer = request.answer
        sequence = delivery.sequence
        if answer == "in-progress":
            self._replies.send([delivery], IN_PROGRESS)
            delivery.received = time.monotonic()
            if self.in_flight.is_left(delivery):
                self.in_flight.leave([delivery])
            return
        if answer != "term" and self.held_logs.has(sequence):
            reason = self.held_logs.reason_of(delivery.host)
            raise CannotAnswerError(f"message {sequence} is held: {reason}")
        if answer in {"nak", "nak-delay"}:
            self._refuse([delivery], request)
        elif answer == "withhold":
            self.in_flight.leave([delivery])
        else:
            unwritten = self._unwritten_below(delivery)
            if unwritten:
                raise CannotAnswerError(
                    f"message {sequence} cannot be settled: with ack policy all that would settle "
                    f"{unwritten} below it that are not written"
                )
            await self._settle_one(delivery, request)

    async def _settle_one(self, delivery: Delivery, request: MessageRequest) -> None:
        if request.answer == "term":
            reason = request.reason or "terminated by hand"
            if delivery.written:
                self._terminate(delivery, reason)
            else:
                self.held_logs.drop(delivery.sequence)
                self._acknowledge(await self._write([], [(delivery, reason)]))
            return
        if not delivery.written:
            written = await self._write([delivery])
            self._acknowledge([one for one in written if one is not delivery])
        if not delivery.written:
            raise CannotAnswerError(f"message {delivery.sequence} cannot be written now")
        if request.answer == "ack":
            self._replies.acknowledge([delivery])
        elif not await self._replies.acknowledge_confirmed([delivery]):
            raise CannotAnswerError(
                f"the server did not confirm the ack of message {delivery.sequence}"
            )
        self.in_flight.settle(self._settled_with(delivery))

    def _fail_asked(self) -> None:
        while self._asked:
            asked = self._asked.popleft()
            if not asked.done.done():
                asked.done.set_exception(NotInFlightError(asked.request.sequence))

    def see_arrivals(self) -> None:
        """Take note of what has been delivered since the last look."""
        arrivals = self._pull.arrivals() if self._pull is not None else []
        if not arrivals:
            return
        again = sum(one.deliveries > 1 for one in arrivals)
        self.redelivered += again
        delivered = self.delivered
        for one in arrivals:
            if not again or one.sequence > delivered.get(one.host, 0):
                delivered[one.host] = one.sequence
        self.last_delivered = max(arrivals[-1].sequence, self.last_delivered)
        if self.consumer is not None and self.consumer.policy != "none":
            self.in_flight.note(arrivals, are_new=not again)

    async def _say_in_progress(self) -> None:
        """Keep what waits ours: the server must not deliver it again meanwhile.

        Looks often, since ack wait may be shortened while it sleeps.
        """
        while True:
            wait = self.consumer.wait(1) if self.consumer else 0.0
            await asyncio.sleep(min(max(0.05, wait / 6), _IDLE) if wait else _IDLE / 2)
            if self._pull is None or self.consumer is None or self.consumer.policy == "none":
                continue
            if not self._around.leases.is_held(self.partition):
                continue
            self.see_arrivals()
            due = time.monotonic() - self.consumer.wait(1) / 3
            waiting = [
                one
                for one in self.in_flight
                if one.received < due and not self.in_flight.is_left(one)
            ]
            if self._replies.send(waiting, IN_PROGRESS):
                for delivery in waiting:
                    delivery.received = time.monotonic()

    def _set(self, state: PartitionState, reason: str) -> None:
        self.state = state
        self.reason = reason

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nudge.wait(), seconds)
        self._nudge.clear()
