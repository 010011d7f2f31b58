"""The receiver: one worker per partition, one disk thread, and what the operator may change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from natsconsole import __version__
from natsconsole.domain.receivers import (
    AckPolicy,
    Answer,
    Fault,
    HostsReply,
    HostsRequest,
    HostStatus,
    ReceiverState,
    ReceiverStatus,
    UnackedMessage,
    UnackedReply,
    UnackedRequest,
)
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.consumers import DEFAULTS, UNCHANGED, ConsumerSettings
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.faults import write_fault
from natsconsole.receiver.partition_worker import Orders, PartitionWorker
from natsconsole.receiver.surroundings import Surroundings

log = logging.getLogger(__name__)

DRAIN_LIMIT = 4.0
"""Seconds a drain may take: whatever is not committed then comes again."""


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
    sync: bool = True
    sync_interval: float = 0.0
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
        self._workers = [PartitionWorker(number, around, orders) for number in partitions]

    async def run(self) -> None:
        """Receive until ``drain`` is called."""
        tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
            await asyncio.wait(tasks, timeout=DRAIN_LIMIT)
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def drain(self) -> None:
        """Pull no more, finish what is in memory, and end."""
        self._orders.draining = True
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
        """Switch the group's ack policy; returns once every partition has switched, or 5 s later.

        Partitions that hold a batch switch when it is written.
        """
        self._orders.policy = policy
        self._nudge()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while not all(self._has_switched(worker) for worker in self._workers):
                    await asyncio.sleep(0.02)

    def _has_switched(self, worker: PartitionWorker) -> bool:
        if worker.state == "waiting" or worker.held_since is not None:
            return True
        return worker.consumer is not None and worker.consumer.policy == self._orders.policy

    def set_answer(self, answer: Answer) -> None:
        """Choose what every message is answered with."""
        if answer != "ack":
            self._require_lab(f"answer {answer}")
        self._orders.answer = answer
        self._nudge()

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
        logs = [entry for worker in self._workers for entry in list(worker.logs.logs.values())]
        held = [worker.held_since for worker in self._workers if worker.held_since is not None]
        settings = self._settings()
        state, reason = self._state()
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
            answer=self._orders.answer,
            fault=self._fault,
            ack_wait_seconds=settings.ack_wait_seconds or 0.0,
            max_deliver=settings.max_deliver or -1,
            max_ack_pending=(settings.max_ack_pending or 0) * len(self._workers),
            unacked=sum(len(worker.in_flight) for worker in self._workers),
            unwritten=sum(worker.unwritten for worker in self._workers),
            held_messages=sum(worker.held_messages for worker in self._workers),
            redelivered=sum(worker.redelivered for worker in self._workers),
            written_lines=sum(entry.lines for entry in logs),
            written_messages=sum(entry.messages for entry in logs),
            written_bytes=sum(entry.bytes for entry in logs),
            suppressed=sum(entry.suppressed for entry in logs),
            lost=sum(entry.lost for entry in logs),
            out_of_order=sum(entry.out_of_order for entry in logs),
            disk_free_bytes=self._archive.free_bytes(),
            partitions=tuple(worker.status() for worker in self._workers),
        )

    def hosts(self, request: HostsRequest) -> HostsReply:
        """Return the named hosts, or one page of all in name order."""
        owners = {
            host: worker
            for worker in self._workers
            for host in (*(key[0] for key in list(worker.logs.logs)), *list(worker.delivered))
        }
        if request.hosts is not None:
            names: Sequence[str] = [host for host in request.hosts if host in owners]
        else:
            names = sorted(owners)[request.offset : request.offset + request.limit]
        return HostsReply(
            total=len(owners), hosts=tuple(_host_status(host, owners[host]) for host in names)
        )

    def unacked(self, request: UnackedRequest) -> UnackedReply:
        """Return one page of the messages in flight, in sequence order."""
        wanted = None if request.hosts is None else set(request.hosts)
        found = sorted(
            (
                (delivery, worker)
                for worker in self._workers
                for delivery in list(worker.in_flight.values())
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
        )

    def _require_lab(self, what: str) -> None:
        if not self.config.lab:
            raise RefusedError(
                f"{what} would cost lines: only a receiver started with --lab accepts it"
            )

    def _nudge(self) -> None:
        for worker in self._workers:
            worker.nudge()


def _host_status(host: str, worker: PartitionWorker) -> HostStatus:
    entries = [entry for key, entry in list(worker.logs.logs.items()) if key[0] == host]
    in_flight = [item for item in list(worker.in_flight.values()) if item.host == host]
    written = max((entry.mark for entry in entries), default=0)
    return HostStatus(
        host=host,
        partition=worker.partition,
        delivered=max(written, worker.delivered.get(host, 0)),
        written=written,
        written_lines=sum(entry.lines for entry in entries),
        written_messages=sum(entry.messages for entry in entries),
        unacked=len(in_flight),
        redelivered=sum(item.deliveries > 1 for item in in_flight),
        held=worker.held_since is not None,
        lost=sum(entry.lost for entry in entries),
        out_of_order=sum(entry.out_of_order for entry in entries),
        last_written=max((entry.written_at for entry in entries), default=0.0),
    )


def _unacked(delivery: Delivery, worker: PartitionWorker) -> UnackedMessage:
    age = time.monotonic() - delivery.received
    wait = worker.consumer.ack_wait_seconds if worker.consumer else 0.0
    return UnackedMessage(
        sequence=delivery.sequence,
        host=delivery.host,
        partition=worker.partition,
        deliveries=delivery.deliveries,
        age=age,
        remaining=wait - age,
        written=delivery.written,
    )
