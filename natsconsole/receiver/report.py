"""What a receiver says of itself: its whole state, its hosts, and what it has in flight."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from natsconsole import __version__
from natsconsole.domain.receivers import (
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
from natsconsole.receiver.config import ReceiverConfig
from natsconsole.receiver.consumer_settings import DEFAULTS, ConsumerSettings
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.partition_worker import Orders, PartitionWorker
from natsconsole.receiver.surroundings import Surroundings


class Report:
    """Reads the workers; changes nothing."""

    def __init__(
        self,
        config: ReceiverConfig,
        around: Surroundings,
        orders: Orders,
        workers: Sequence[PartitionWorker],
        *,
        free_bytes: Callable[[], int],
    ) -> None:
        self.fault: Fault = "none"
        """The fault that is suffered now."""
        self.problems: Callable[[], Sequence[str]] = tuple
        """More of what the operator must hear of."""
        self._config = config
        self._around = around
        self._orders = orders
        self._workers = workers
        self._free_bytes = free_bytes
        self._started = time.time()

    def status(self, subject: str) -> ReceiverStatus:
        """Return the whole state; ``subject`` is where the control endpoints listen."""
        workers = self._workers
        self._see_arrivals()
        held = [worker.held_since for worker in workers if worker.held_since is not None]
        totals = [worker.logs.totals for worker in workers]
        settings = self.settings()
        state, reason = self._state()
        rule = self._orders.rule
        return ReceiverStatus(
            name=self._config.name,
            group=self._config.group,
            stream=self._config.stream,
            subject=subject,
            pid=os.getpid(),
            version=__version__,
            now=time.time(),
            started=self._started,
            directory=str(self._config.directory),
            lab=self._config.lab,
            state=state,
            reason=reason,
            held_since=min(held, default=None),
            ack_policy=self._orders.policy,
            answer=rule.answer,
            rule=rule,
            fault=self.fault,
            fsync=self._config.fsync,
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
            disk_free_bytes=self._free_bytes(),
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
        found = [*self._around.alarms, self._around.leases.problem, *self.problems()]
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
            others = [name for name in self._around.leases.members if name != self._config.name]
            return "standby", f"{', '.join(others)} have every partition" if others else ""
        if states & {"waiting", "taking-over"}:
            return "starting", reason
        return ("paused" if self._orders.paused else "running"), reason

    def settings(self) -> ConsumerSettings:
        """Return the consumers' settings as they are now."""
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

    def _see_arrivals(self) -> None:
        for worker in self._workers:
            worker.see_arrivals()


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
