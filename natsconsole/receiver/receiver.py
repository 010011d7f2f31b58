"""The receiver: one worker per partition, one disk thread, and what the operator may change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from natsconsole.domain.receivers import (
    SAFE_ANSWERS,
    AckPolicy,
    AnswerRule,
    Fault,
    HostsReply,
    HostsRequest,
    MessageRequest,
    ReceiverStatus,
    SettingsRequest,
    UnackedReply,
    UnackedRequest,
)
from natsconsole.gateway.jetstream import ApiError
from natsconsole.gateway.key_value import KeyValueError
from natsconsole.receiver.agreement import Agreement, read_agreement
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.config import ReceiverConfig
from natsconsole.receiver.consumer_settings import (
    LONGEST_WAIT,
    ConsumerSettings,
    set_fields,
    why_unusable,
)
from natsconsole.receiver.faults import write_fault
from natsconsole.receiver.orders import Orders
from natsconsole.receiver.partition import Partition
from natsconsole.receiver.partition_answers import CannotAnswerError
from natsconsole.receiver.partition_logs import Totals
from natsconsole.receiver.partition_worker import UNUSABLE, PartitionWorker
from natsconsole.receiver.report import Report
from natsconsole.receiver.room import Room
from natsconsole.receiver.surroundings import Surroundings
from shipper.connection import ConnectionProblem

log = logging.getLogger(__name__)

DRAIN_LIMIT = 2.0
"""Seconds a drain may take: whatever is not committed then comes again."""
HAND_OVER_LIMIT = 0.25
"""Seconds for workers to end that are told to, twice: a dead network answers none of them."""
LEAVE_LIMIT = 0.75
"""Seconds to tell the group that we go: it finds out by itself later."""
ANSWER_LIMIT = 3.0
"""Seconds to wait until a worker has answered one message."""
SWITCH_LIMIT = 5.0
"""Seconds to wait until all workers have done what the group has agreed on."""


class RefusedError(Exception):
    """A control request is refused. The text says why."""


class Receiver:
    """A running receiver. Made by ``open_receiver``."""

    def __init__(
        self,
        config: ReceiverConfig,
        around: Surroundings,
        archive: Archive,
        orders: Orders,
        partitions: Iterable[int],
    ) -> None:
        self.config = config
        self._around = around
        self._archive = archive
        self._orders = orders
        self._stopping = asyncio.Event()
        self._rotating: set[asyncio.Task[None]] = set()
        self.problems: Callable[[], Sequence[str]] = tuple
        """More of what the operator must hear of, from whoever looks after the archive."""
        self._workers = [PartitionWorker(number, around, orders) for number in partitions]
        self._partitions = [worker.partition for worker in self._workers]
        self._room = Room(around, self._partitions)
        self._report = Report(
            config, around, orders, self._partitions, free_bytes=archive.free_bytes
        )
        self._report.problems = lambda: (self._room.problem, *self.problems())
        around.leases.on_change = self._leases_changed

    async def run(self) -> None:
        """Receive until ``drain`` is called."""
        leases = asyncio.create_task(self._around.leases.run())
        room = asyncio.create_task(self._room.run())
        tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait(
                [*tasks, leases, stopping], return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping}:
                task.result()
            drained, _ = await asyncio.wait(tasks, timeout=DRAIN_LIMIT)
            for task in drained:
                task.result()
        finally:
            await _end([*tasks, stopping, room])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_LIMIT):
                    await self._around.leases.leave()
            await _end([leases])

    def drain(self) -> None:
        """Pull no more, finish what is in memory, and end."""
        self._orders.draining = True
        self._around.leases.drain()
        self._nudge()
        self._stopping.set()

    async def wait_until_idle(self, seconds: float) -> None:
        """Return once nothing has been pending for so many seconds."""
        while True:
            now = time.monotonic()
            quiet = all(one.is_idle and now - one.last_busy >= seconds for one in self._partitions)
            if quiet:
                return
            await asyncio.sleep(0.1)

    async def set_policy(self, policy: AckPolicy) -> None:
        """Switch the group's ack policy; returns once our partitions have switched, or 5 s later.

        Partitions that hold a batch switch when it is written.

        Raises:
            RefusedError: the group could not be told.
        """
        self._orders.policy = policy
        await self._agree()
        await self._wait_for(lambda worker: self._has_switched(worker.partition))

    def _has_switched(self, partition: Partition) -> bool:
        if partition.state in {"waiting", "elsewhere"} or partition.held_since is not None:
            return True
        return partition.consumer is not None and partition.policy == self._orders.policy

    async def set_settings(self, request: SettingsRequest) -> None:
        """Edit the consumers of the group while they are pulled from.

        Returns once our partitions' consumers have it, or 5 s later.

        Raises:
            RefusedError: a value cannot be used, or the group could not be told.
        """
        before = self._orders.settings
        problem = why_unusable(request, replace(self._report.settings(), **set_fields(before)))
        if problem:
            raise RefusedError(problem)
        settings = replace(before, **set_fields(request))
        await self._try(settings)
        self._orders.settings = settings
        try:
            await self._agree()
        except RefusedError:
            self._orders.settings = before
            raise
        await self._wait_for(lambda worker: worker.has_settings(settings))

    async def _try(self, settings: ConsumerSettings) -> None:
        """Let the server say of one consumer whether it accepts what all are to have."""
        consumers = [one.consumer for one in self._partitions if one.consumer is not None]
        if not consumers:
            return
        try:
            await self._around.consumers.edit(consumers[0], settings)
        except ApiError as error:
            if error.err_code in UNUSABLE:
                raise RefusedError(f"the server refuses these settings: {error}") from error
        except ConnectionProblem as error:
            raise RefusedError(f"the server cannot be asked: {error}") from error

    async def _wait_for(self, condition: Callable[[PartitionWorker], bool]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWITCH_LIMIT):
                while not all(condition(worker) for worker in self._workers):
                    await asyncio.sleep(0.02)

    async def _agree(self) -> None:
        self._nudge()
        agreement = Agreement.of(self._orders.policy, self._orders.settings)
        try:
            await self._around.leases.agree(agreement.encode())
        except (ConnectionProblem, ApiError, KeyValueError) as error:
            raise RefusedError(
                f"the other receivers of the group cannot be told: {error}"
            ) from error

    def rotate_away(self, paths: Sequence[str]) -> None:
        """Close files of silent hosts, those of ours among these paths: retention wants them."""
        for worker in self._workers:
            partition = worker.partition
            ours = [path for path in paths if path in partition.logs.files]
            if ours and partition.is_ours:
                task = asyncio.create_task(worker.rotate_silent(ours))
                self._rotating.add(task)
                task.add_done_callback(self._rotating.discard)

    def _leases_changed(self) -> None:
        agreement = read_agreement(self._around.leases.agreed)
        if agreement is not None:
            self._orders.policy = agreement.ack_policy
            self._orders.settings = agreement.settings
        self._nudge()

    def set_rule(self, rule: AnswerRule) -> None:
        """Choose what messages are answered with.

        Raises:
            RefusedError: it would cost lines, and this is no lab receiver; or a value is wrong.
        """
        if rule.answer not in SAFE_ANSWERS:
            self._require_lab(f"answer {rule.answer}")
        if not 0 < rule.share <= 1:
            raise RefusedError("the share of messages is a number above 0 and up to 1")
        _require_delay(rule.delay_seconds)
        self._orders.rule = AnswerRule(**msgspec.structs.asdict(rule))
        self._nudge()

    async def answer_message(self, request: MessageRequest) -> None:
        """Answer one message in flight.

        Raises:
            RefusedError: it is not in flight here, or the answer would cost a line.
        """
        if request.answer not in {*SAFE_ANSWERS, "in-progress"}:
            self._require_lab(f"answer {request.answer}")
        _require_delay(request.delay_seconds)
        self._see_arrivals()
        for worker in self._workers:
            if worker.partition.in_flight.get(request.sequence) is not None:
                break
        else:
            raise RefusedError(f"message {request.sequence} is not in flight here")
        if worker.partition.held_since is not None:
            raise RefusedError(
                f"partition {worker.partition.number} is held ({worker.partition.reason}): message "
                f"{request.sequence} cannot be answered before its lines can be written"
            )
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                await worker.ask(request)
        except CannotAnswerError as error:
            raise RefusedError(str(error)) from None
        except TimeoutError:
            raise RefusedError(
                f"message {request.sequence} waits: partition {worker.partition.number} is "
                f"{worker.partition.state}"
            ) from None

    def set_fault(self, fault: Fault) -> None:
        """Suffer a fault from the next write on, or end it."""
        if fault != "none":
            self._require_lab(f"fault {fault}")
        self._report.fault = fault
        self._archive.write_fault = write_fault(fault)
        self._nudge()

    def pause(self) -> None:
        """Pull no more; what is open still comes and is written."""
        self._orders.paused = True
        self._nudge()

    def resume(self) -> None:
        self._orders.paused = False
        self._nudge()

    def status(self, subject: str) -> ReceiverStatus:
        """Return the whole state; ``subject`` is where the control endpoints listen."""
        return self._report.status(subject)

    def counted(self) -> Totals:
        """Return what this process has committed since it started, of whatever partitions."""
        return replace(self._around.committer.counted)

    def hosts(self, request: HostsRequest) -> HostsReply:
        """Return the named hosts, or one page of all in name order."""
        return self._report.hosts(request)

    def unacked(self, request: UnackedRequest) -> UnackedReply:
        """Return one page of the messages in flight, in sequence order."""
        return self._report.unacked(request)

    def _require_lab(self, what: str) -> None:
        if not self.config.lab:
            raise RefusedError(
                f"{what} would cost lines: only a receiver started with --lab accepts it"
            )

    def _see_arrivals(self) -> None:
        for partition in self._partitions:
            partition.see_arrivals()

    def _nudge(self) -> None:
        for partition in self._partitions:
            partition.nudge()


async def _end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks; those that tidy up meanwhile get little time for it, and none at last."""
    for _ in range(2):
        pending = {task for task in tasks if not task.done()}
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=HAND_OVER_LIMIT)


def _require_delay(seconds: float) -> None:
    if not 0 < seconds <= LONGEST_WAIT:
        raise RefusedError(
            f"the delay of a nak must be more than 0 and at most {LONGEST_WAIT:,.0f} seconds"
        )
