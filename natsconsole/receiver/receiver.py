"""The receiver: one worker per partition, one disk thread, and what the operator may change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from natsconsole import __version__
from natsconsole.domain.receivers import (
    SAFE_ANSWERS,
    AckPolicy,
    AnswerRule,
    Fault,
    FsyncMode,
    HostsReply,
    HostsRequest,
    HostStatus,
    MessageRequest,
    ReceiverState,
    ReceiverStatus,
    SettingsRequest,
    UnackedMessage,
    UnackedReply,
    UnackedRequest,
)
from natsconsole.gateway.jetstream import ApiError
from natsconsole.gateway.key_value import KeyValueError
from natsconsole.receiver.agreement import Agreement, read_agreement
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.consumers import DEFAULTS, UNCHANGED, ConsumerSettings
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.faults import write_fault
from natsconsole.receiver.partition_worker import (
    UNUSABLE,
    CannotAnswerError,
    Orders,
    PartitionWorker,
)
from natsconsole.receiver.room import Room
from natsconsole.receiver.rotation import NEVER, Rotation
from natsconsole.receiver.surroundings import Surroundings
from shipper.connection import ConnectionProblem

log = logging.getLogger(__name__)

DRAIN_LIMIT = 3.0
"""Seconds a drain may take: whatever is not committed then comes again."""
LEAVE_LIMIT = 1.0
"""Seconds to tell the group that we go: it finds out by itself later."""
ANSWER_LIMIT = 3.0
"""Seconds to wait until a worker has answered one message."""
SWITCH_LIMIT = 5.0
"""Seconds to wait until all workers have done what the group has agreed on."""
SHORTEST_WAIT = 0.001
LONGEST_WAIT = 7 * 86_400.0
"""Seconds that an ack wait, a wait of the back-off or a delay may take."""
MOST = 1_000_000_000
"""Highest number of deliveries and of messages in flight that may be asked for."""


class RefusedError(Exception):
    """A control request is refused. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """What ``natsconsole receive`` was asked to do."""

    stream: str
    directory: Path
    group: str
    name: str
    ack_policy: AckPolicy | None = None
    """None keeps the group's."""
    settings: ConsumerSettings = UNCHANGED
    partitions: frozenset[int] | None = None
    """The partitions to receive, whoever else there is; None shares them out in the group."""
    fsync: FsyncMode = "always"
    rotation: Rotation = NEVER
    lab: bool = False
    legacy_subjects: bool = False


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
        self._fault: Fault = "none"
        self._started = time.time()
        self._stopping = asyncio.Event()
        self._rotating: set[asyncio.Task[None]] = set()
        self.problems: Callable[[], Sequence[str]] = tuple
        """More of what the operator must hear of, from whoever looks after the archive."""
        self._workers = [PartitionWorker(number, around, orders) for number in partitions]
        self._room = Room(around, self._workers)
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
            await asyncio.wait(tasks, timeout=DRAIN_LIMIT)
        finally:
            for task in (*tasks, stopping, room):
                task.cancel()
            await asyncio.gather(*tasks, room, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_LIMIT):
                    await self._around.leases.leave()
            leases.cancel()
            await asyncio.gather(leases, return_exceptions=True)

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
            quiet = all(
                worker.is_idle and now - worker.last_busy >= seconds for worker in self._workers
            )
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
        await self._wait_for(self._has_switched)

    def _has_switched(self, worker: PartitionWorker) -> bool:
        if worker.state in {"waiting", "elsewhere"} or worker.held_since is not None:
            return True
        return worker.consumer is not None and worker.consumer.policy == self._orders.policy

    async def set_settings(self, request: SettingsRequest) -> None:
        """Edit the consumers of the group while they are pulled from.

        Returns once our partitions' consumers have it, or 5 s later.

        Raises:
            RefusedError: a value cannot be used, or the group could not be told.
        """
        before = self._orders.settings
        problem = _why_unusable(request, replace(self._settings(), **_set_fields(before)))
        if problem:
            raise RefusedError(problem)
        settings = replace(before, **_set_fields(request))
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
        consumers = [worker.consumer for worker in self._workers if worker.consumer is not None]
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
            ours = [path for path in paths if path in worker.logs.files] if worker.is_ours else []
            if ours:
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
            if worker.in_flight.get(request.sequence) is not None:
                break
        else:
            raise RefusedError(f"message {request.sequence} is not in flight here")
        if worker.held_since is not None:
            raise RefusedError(
                f"partition {worker.partition} is held ({worker.reason}): message "
                f"{request.sequence} cannot be answered before its lines can be written"
            )
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                await worker.ask(request)
        except CannotAnswerError as error:
            raise RefusedError(str(error)) from None
        except TimeoutError:
            raise RefusedError(
                f"message {request.sequence} waits: partition {worker.partition} is {worker.state}"
            ) from None

    def set_fault(self, fault: Fault) -> None:
        """Suffer a fault from the next write on, or end it."""
        if fault != "none":
            self._require_lab(f"fault {fault}")
        self._fault = fault
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
        workers = self._workers
        self._see_arrivals()
        held = [worker.held_since for worker in workers if worker.held_since is not None]
        totals = [worker.logs.totals for worker in workers]
        settings = self._settings()
        state, reason = self._state()
        rule = self._orders.rule
        return ReceiverStatus(
            name=self.config.name,
            group=self.config.group,
            stream=self.config.stream,
            subject=subject,
            pid=os.getpid(),
            version=__version__,
            now=time.time(),
            started=self._started,
            directory=str(self.config.directory),
            lab=self.config.lab,
            state=state,
            reason=reason,
            held_since=min(held, default=None),
            ack_policy=self._orders.policy,
            answer=rule.answer,
            rule=rule,
            fault=self._fault,
            fsync=self.config.fsync,
            ack_wait_seconds=settings.ack_wait_seconds or 0.0,
            backoff_seconds=settings.backoff_seconds or (),
            max_deliver=settings.max_deliver or -1,
            max_ack_pending=(settings.max_ack_pending or 0)
            * sum(worker.is_ours for worker in workers),
            unacked=sum(len(worker.in_flight) for worker in workers),
            unwritten=sum(worker.unwritten for worker in workers),
            held_messages=sum(worker.held_messages for worker in workers),
            redelivered=sum(worker.redelivered for worker in workers),
            written_lines=sum(total.lines for total in totals),
            written_messages=sum(total.messages for total in totals),
            written_bytes=sum(total.bytes for total in totals),
            suppressed=sum(total.suppressed for total in totals),
            doubled=sum(total.doubled for total in totals),
            lost=sum(total.lost for total in totals),
            out_of_order=sum(total.out_of_order for total in totals),
            quarantined=sum(total.quarantined for total in totals),
            parked_hosts=len({host for worker in workers for host, _ in list(worker.logs.parked)}),
            disk_free_bytes=self._archive.free_bytes(),
            alarms=self._alarms(),
            members=self._around.leases.members,
            partitions=tuple(worker.status() for worker in workers),
        )

    def hosts(self, request: HostsRequest) -> HostsReply:
        """Return the named hosts, or one page of all in name order."""
        self._see_arrivals()
        owners: dict[str, PartitionWorker] = {}
        for worker in self._workers:
            owners |= dict.fromkeys((*list(worker.logs.by_host), *list(worker.delivered)), worker)
        if request.hosts is not None:
            names: Sequence[str] = [host for host in request.hosts if host in owners]
        else:
            names = sorted(owners)[request.offset : request.offset + request.limit]
        in_flight: dict[str, list[Delivery]] = {}
        for worker in self._workers:
            for delivery in worker.in_flight:
                in_flight.setdefault(delivery.host, []).append(delivery)
        return HostsReply(
            total=len(owners),
            hosts=tuple(
                _host_status(host, owners[host], in_flight.get(host, ())) for host in names
            ),
        )

    def unacked(self, request: UnackedRequest) -> UnackedReply:
        """Return one page of the messages in flight, in sequence order."""
        self._see_arrivals()
        wanted = None if request.hosts is None else set(request.hosts)
        found = sorted(
            (
                (delivery, worker)
                for worker in self._workers
                for delivery in worker.in_flight
                if wanted is None or delivery.host in wanted
            ),
            key=lambda pair: pair[0].sequence,
        )
        page = found[request.offset : request.offset + request.limit]
        return UnackedReply(
            total=len(found),
            now=time.time(),
            messages=tuple(_unacked(delivery, worker) for delivery, worker in page),
        )

    def _alarms(self) -> tuple[str, ...]:
        found = [*self._around.alarms, self._room.problem, self._around.leases.problem]
        found += self.problems()
        return tuple(sentence for sentence in found if sentence)

    def _state(self) -> tuple[ReceiverState, str]:
        states = {worker.state for worker in self._workers}
        troubled = sorted(
            (worker for worker in self._workers if worker.reason),
            key=lambda worker: worker.state != "held",
        )
        reason = f"partition {troubled[0].partition}: {troubled[0].reason}" if troubled else ""
        if self._orders.draining:
            return "draining", reason
        if "held" in states:
            return "held", reason
        if "switching" in states:
            return "switching", reason
        if states == {"elsewhere"}:
            others = [name for name in self._around.leases.members if name != self.config.name]
            return "standby", f"{', '.join(others)} have every partition" if others else ""
        if states & {"waiting", "taking-over"}:
            return "starting", reason
        return ("paused" if self._orders.paused else "running"), reason

    def _settings(self) -> ConsumerSettings:
        consumers = [worker.consumer for worker in self._workers if worker.consumer is not None]
        if not consumers:
            return DEFAULTS
        first = consumers[0]
        return ConsumerSettings(
            ack_wait_seconds=first.ack_wait_seconds,
            max_ack_pending=first.max_ack_pending,
            max_deliver=first.max_deliver,
            backoff_seconds=first.backoff_seconds,
        )

    def _require_lab(self, what: str) -> None:
        if not self.config.lab:
            raise RefusedError(
                f"{what} would cost lines: only a receiver started with --lab accepts it"
            )

    def _see_arrivals(self) -> None:
        for worker in self._workers:
            worker.see_arrivals()

    def _nudge(self) -> None:
        for worker in self._workers:
            worker.nudge()


def _why_unusable(request: SettingsRequest, now: ConsumerSettings) -> str:
    """Return why settings cannot be used beside those there are now, or nothing."""
    max_deliver = request.max_deliver if request.max_deliver is not None else now.max_deliver or -1
    waits = request.backoff_seconds if request.backoff_seconds is not None else now.backoff_seconds
    numbers = (request.max_deliver or 1, request.max_ack_pending or 1)
    seconds = (request.ack_wait_seconds or 1.0, *(waits or ()))
    if max_deliver == 0 or max_deliver < -1:
        return "max deliver is a number from 1 on, or -1 for no limit"
    for what, value, least, unit in (
        ("ack wait", request.ack_wait_seconds, SHORTEST_WAIT, " seconds"),
        (
            "a wait of the back-off",
            min(request.backoff_seconds or (1.0,)),
            SHORTEST_WAIT,
            " seconds",
        ),
        ("max ack pending", request.max_ack_pending, 1, ""),
    ):
        if value is not None and value < least:
            return f"{what} must be at least {least:g}{unit}"
    if max(seconds) > LONGEST_WAIT:
        return f"ack wait and the waits of the back-off are at most {LONGEST_WAIT:,.0f} seconds"
    if max(numbers) > MOST:
        return f"max deliver and max ack pending are at most {MOST:,}"
    if waits and 0 < max_deliver < len(waits):
        return (
            f"max deliver is {max_deliver}, less than the back-off's {len(waits)} waits: "
            "allow more deliveries or fewer waits"
        )
    return ""


def _set_fields(settings: SettingsRequest | ConsumerSettings) -> dict[str, Any]:
    """Return what is not left as it is."""
    values = {field.name: getattr(settings, field.name) for field in fields(ConsumerSettings)}
    return {name: value for name, value in values.items() if value is not None}


def _require_delay(seconds: float) -> None:
    if not 0 < seconds <= LONGEST_WAIT:
        raise RefusedError(
            f"the delay of a nak must be more than 0 and at most {LONGEST_WAIT:,.0f} seconds"
        )


def _host_status(host: str, worker: PartitionWorker, in_flight: Sequence[Delivery]) -> HostStatus:
    entries = worker.logs.of_host(host)
    written = max((entry.mark for entry in entries), default=0)
    messages = sum(entry.messages for entry in entries)
    quarantined = sum(entry.quarantined for entry in entries)
    reason = worker.held_logs.reason_of(host)
    return HostStatus(
        host=host,
        partition=worker.partition,
        delivered=max(written, worker.delivered.get(host, 0)),
        written=written,
        written_lines=sum(entry.lines for entry in entries),
        written_messages=messages,
        acked=messages + quarantined - sum(item.written for item in in_flight),
        unacked=len(in_flight),
        redelivered=sum(item.deliveries > 1 for item in in_flight),
        held=worker.held_since is not None or bool(reason),
        reason=reason,
        parked_from=min((entry.parked_from for entry in entries if entry.parked_from), default=0),
        suppressed=sum(entry.suppressed for entry in entries),
        doubled=sum(entry.doubled for entry in entries),
        lost=sum(entry.lost for entry in entries),
        lost_ranges=tuple(gap for entry in entries for gap in entry.lost_ranges),
        out_of_order=sum(entry.out_of_order for entry in entries),
        quarantined=quarantined,
        last_written=max((entry.written_at for entry in entries), default=0.0),
    )


def _unacked(delivery: Delivery, worker: PartitionWorker) -> UnackedMessage:
    return UnackedMessage(
        sequence=delivery.sequence,
        host=delivery.host,
        partition=worker.partition,
        deliveries=delivery.deliveries,
        age=time.monotonic() - delivery.received,
        remaining=worker.wait_of(delivery),
        written=delivery.written,
    )
