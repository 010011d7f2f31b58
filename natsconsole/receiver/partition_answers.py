"""Answers one partition's messages: by the rule, and one by one where somebody asks for it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from natsconsole.domain.receivers import (
    SAFE_ANSWERS,
    Answer,
    AnswerRule,
    MessageRequest,
)
from natsconsole.receiver.answers import IN_PROGRESS, NAK, applies, nak_after, split, term
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.orders import Orders
from natsconsole.receiver.partition import Partition
from natsconsole.receiver.partition_logs import key_of
from natsconsole.receiver.partition_writer import PartitionWriter
from natsconsole.receiver.replies import Replies
from natsconsole.receiver.surroundings import Surroundings

NAK_PAUSE = 0.5
"""Seconds between two batches of naks: the server redelivers at once, and would spin."""
IN_PROGRESS_LOOK = 0.5
"""Seconds at most between two looks at what is to be said in progress: ack wait may be edited."""


class CannotAnswerError(Exception):
    """A message cannot be answered as somebody wants it. The text says why."""


class NotInFlightError(CannotAnswerError):
    """A message that is to be answered is not in flight here."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"message {sequence} is not in flight here")


@dataclass(slots=True)
class _Asked:
    """One message that somebody wants answered now."""

    request: MessageRequest
    done: asyncio.Future[None]


class PartitionAnswers:
    """What the server is told of one partition's messages."""

    def __init__(
        self,
        partition: Partition,
        surroundings: Surroundings,
        orders: Orders,
        writer: PartitionWriter,
    ) -> None:
        self._partition = partition
        self._around = surroundings
        self._orders = orders
        self._writer = writer
        self._rule = orders.rule
        self._replies = Replies(surroundings.connection)
        self._asked: deque[_Asked] = deque()

    @property
    def rule_has_changed(self) -> bool:
        """Whether ``follow_rule`` is to be called before more is taken."""
        return self._rule != self._orders.rule

    def begin(self) -> None:
        """Follow the present rule from here on: all comes again."""
        self._rule = self._orders.rule

    def follow_rule(self) -> bool:
        before, rule = self._rule, self._orders.rule
        if before == rule:
            return False
        self._rule = rule
        if self._partition.policy == "none":
            return False  # it heeds no answer, and a rewind would cost what is on its way
        if before.answer in {"nak", "nak-delay"}:
            return True
        if rule.answer in SAFE_ANSWERS:
            self.acknowledge(self._partition.in_flight.written())
        elif before.answer == "in-progress":
            self._partition.in_flight.leave_written()
        return False

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Write and answer a batch as the rule says."""
        if deliveries:
            self._partition.last_busy = time.monotonic()
        rule = self._rule
        if rule.answer == "ack" or (
            self._partition.consumer and self._partition.consumer.policy == "none"
        ):
            self.acknowledge(await self._write(deliveries))
            return
        chosen, others = split(rule, deliveries)

        def is_kept(delivery: Delivery) -> bool:
            return applies(rule, delivery)

        if rule.answer in {"nak", "nak-delay"}:
            self._refuse(chosen, rule)
            self.acknowledge(await self._write(others), is_kept)
            if rule.answer == "nak" and chosen:
                await self._partition.wait(NAK_PAUSE)
        elif rule.answer == "term":
            terminated = [(one, rule.reason or "terminated by hand") for one in chosen]
            self.acknowledge(await self._write(others, terminated), is_kept)
        else:
            written = await self._write(deliveries)
            for_rule, others = split(rule, written)
            self.acknowledge(others, is_kept)
            if rule.answer == "double-ack":
                await self._acknowledge_twice(for_rule)
            elif rule.answer == "withhold":
                self._partition.in_flight.leave(for_rule)

    def _refuse(self, deliveries: Sequence[Delivery], rule: AnswerRule | MessageRequest) -> None:
        for delivery in deliveries:
            if not delivery.written:
                self._partition.refuse(key_of(delivery), frozenset({delivery.sequence}))
        answer, until = NAK, time.monotonic()
        if rule.answer == "nak-delay":
            answer = nak_after(rule.delay_seconds)
            until += rule.delay_seconds
        self._replies.send(deliveries, answer)
        self._partition.in_flight.leave(deliveries, until)

    async def _write(
        self,
        deliveries: Sequence[Delivery],
        terminated: Sequence[tuple[Delivery, str]] = (),
    ) -> list[Delivery]:
        """Write, and refuse what went to quarantine; returns what is to be acknowledged."""
        written = await self._writer.write(deliveries, terminated)
        for delivery, reason in written.terminated:
            self.terminate(delivery, reason)
        return written.deliveries

    def acknowledge(
        self, written: Sequence[Delivery], is_kept: Callable[[Delivery], bool] = lambda _: False
    ) -> None:
        """Acknowledge what is written: each message, or with policy all the highest of a run."""
        policy = self._partition.policy
        if policy == "none" or not written:
            return
        if not self._around.leases.is_held(self._partition.number):
            return
        to_send, settled = self._partition.in_flight.to_acknowledge(policy, written, is_kept)
        if self._replies.acknowledge(to_send):
            self._partition.in_flight.settle(settled)

    async def _acknowledge_twice(self, written: Sequence[Delivery]) -> None:
        """Acknowledge, and count as settled only what the server confirms."""
        policy = self._partition.policy
        to_send, settled = self._partition.in_flight.to_acknowledge(policy, written)
        confirmed = await self._replies.acknowledge_confirmed(to_send)
        if policy != "all" or not confirmed:
            self._partition.in_flight.leave(settled)  # what is not confirmed comes again
            settled = confirmed
        self._partition.in_flight.settle(settled)

    def terminate(self, delivery: Delivery, reason: str) -> None:
        """Refuse for good what is written or in quarantine.

        With policy all that settles everything below it too: where something below is not written
        it waits for the ack instead.
        """
        if self._unwritten_below(delivery):
            delivery.written = True
            return
        self._replies.send([delivery], term(reason))
        self._partition.in_flight.settle(self._settled_with(delivery))

    def _settled_with(self, delivery: Delivery) -> Sequence[Delivery]:
        """Return what an ack of one message settles."""
        is_all = self._partition.policy == "all"
        return self._partition.in_flight.up_to(delivery.sequence) if is_all else [delivery]

    def _unwritten_below(self, delivery: Delivery) -> int:
        """Return how many messages an ack of this one would settle that are not written."""
        return sum(
            not one.written and one.sequence != delivery.sequence
            for one in self._settled_with(delivery)
        )

    def ask(self, request: MessageRequest) -> asyncio.Future[None]:
        """Answer one message in flight; the result is set when that is done."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(request, done))
        self._partition.nudge()
        return done

    async def answer_asked(self) -> None:
        """Answer what was asked for; what is still to be taken from the pull waits for it."""
        self._partition.see_arrivals()
        waiting = []
        while self._asked:
            asked = self._asked.popleft()
            if asked.done.done():
                continue  # nobody waits for it any more
            delivery = self._partition.in_flight.get(asked.request.sequence)
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
            or self._partition.in_flight.is_left(delivery)
            or self._partition.held_logs.has(delivery.sequence)
        )

    async def _answer_one(self, delivery: Delivery, request: MessageRequest) -> None:
        answer: Answer = request.answer
        sequence = delivery.sequence
        if answer == "in-progress":
            self._replies.send([delivery], IN_PROGRESS)
            delivery.received = time.monotonic()
            if self._partition.in_flight.is_left(delivery):
                self._partition.in_flight.leave([delivery])
            return
        if answer != "term" and self._partition.held_logs.has(sequence):
            reason = self._partition.held_logs.reason_of(delivery.host)
            raise CannotAnswerError(f"message {sequence} is held: {reason}")
        if answer in {"nak", "nak-delay"}:
            self._refuse([delivery], request)
        elif answer == "withhold":
            self._partition.in_flight.leave([delivery])
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
                self.terminate(delivery, reason)
            else:
                self._partition.held_logs.drop(delivery.sequence)
                self.acknowledge(await self._write([], [(delivery, reason)]))
            return
        if not delivery.written:
            written = await self._write([delivery])
            self.acknowledge([one for one in written if one is not delivery])
        if not delivery.written:
            raise CannotAnswerError(f"message {delivery.sequence} cannot be written now")
        if request.answer == "ack":
            self._replies.acknowledge([delivery])
        elif not await self._replies.acknowledge_confirmed([delivery]):
            raise CannotAnswerError(
                f"the server did not confirm the ack of message {delivery.sequence}"
            )
        self._partition.in_flight.settle(self._settled_with(delivery))

    def fail_asked(self) -> None:
        while self._asked:
            asked = self._asked.popleft()
            if not asked.done.done():
                asked.done.set_exception(NotInFlightError(asked.request.sequence))

    async def say_in_progress(self) -> None:
        """Keep what waits ours: the server must not deliver it again meanwhile. Never returns."""
        partition = self._partition
        while True:
            wait = partition.consumer.wait(1) if partition.consumer else 0.0
            await asyncio.sleep(min(max(0.05, wait / 6), IN_PROGRESS_LOOK) or IN_PROGRESS_LOOK)
            if partition.pull is None or partition.consumer is None or partition.policy == "none":
                continue
            if not self._around.leases.is_held(partition.number):
                continue
            partition.see_arrivals()
            due = time.monotonic() - partition.consumer.wait(1) / 3
            waiting = [
                one
                for one in partition.in_flight
                if one.received < due and not partition.in_flight.is_left(one)
            ]
            if self._replies.send(waiting, IN_PROGRESS):
                for delivery in waiting:
                    delivery.received = time.monotonic()
