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
from natsconsole.receiver.orders import Orders
from natsconsole.receiver.partition import Partition
from natsconsole.receiver.surroundings import Surroundings


class Report:
    """Reads the partitions; changes nothing."""

    def __init__(
        self,
        config: ReceiverConfig,
        around: Surroundings,
        orders: Orders,
        partitions: Sequence[Partition],
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
        self._partitions = partitions
        self._free_bytes = free_bytes
        self._started = time.time()

    def status(self, subject: str) -> ReceiverStatus:
        """Return the whole state; ``subject`` is where the control endpoints listen."""
        partitions = self._partitions
        self._see_arrivals()
        held = [
            partition.held_since for partition in partitions if partition.held_since is not None
        ]
        totals = [partition.logs.totals for partition in partitions]
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
            * sum(partition.is_ours for partition in partitions),
            unacked=sum(len(partition.in_flight) for partition in partitions),
            unwritten=sum(partition.unwritten for partition in partitions),
            held_messages=sum(partition.held_messages for partition in partitions),
            redelivered=sum(partition.redelivered for partition in partitions),
            written_lines=sum(total.lines for total in totals),
            written_messages=sum(total.messages for total in totals),
            written_bytes=sum(total.bytes for total in totals),
            suppressed=sum(total.suppressed for total in totals),
            doubled=sum(total.doubled for total in totals),
            lost=sum(total.lost for total in totals),
            out_of_order=sum(total.out_of_order for total in totals),
            quarantined=sum(total.quarantined for total in totals),
            parked_hosts=len(
                {host for partition in partitions for host, _ in list(partition.logs.parked)}
            ),
            disk_free_bytes=self._free_bytes(),
            alarms=self._alarms(),
            members=self._around.leases.members,
            partitions=tuple(
                partition.status(self._around.leases.owner_of(partition.number))
                for partition in partitions
            ),
        )

    def hosts(self, request: HostsRequest) -> HostsReply:
        """Return the named hosts, or one page of all in name order."""
        self._see_arrivals()
        owners: dict[str, Partition] = {}
        for partition in self._partitions:
            owners |= dict.fromkeys(
                (*list(partition.logs.by_host), *list(partition.delivered)), partition
            )
        if request.hosts is not None:
            names: Sequence[str] = [host for host in request.hosts if host in owners]
        else:
            names = sorted(owners)[request.offset : request.offset + request.limit]
        in_flight: dict[str, list[Delivery]] = {}
        for partition in self._partitions:
            for delivery in partition.in_flight:
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
                (delivery, partition)
                for partition in self._partitions
                for delivery in partition.in_flight
                if wanted is None or delivery.host in wanted
            ),
            key=lambda pair: pair[0].sequence,
        )
        page = found[request.offset : request.offset + request.limit]
        return UnackedReply(
            total=len(found),
            now=time.time(),
            messages=tuple(_unacked(delivery, partition) for delivery, partition in page),
        )

    def _alarms(self) -> tuple[str, ...]:
        found = [*self._around.alarms, self._around.leases.problem, *self.problems()]
        return tuple(sentence for sentence in found if sentence)

    def _state(self) -> tuple[ReceiverState, str]:
        states = {partition.state for partition in self._partitions}
        troubled = sorted(
            (partition for partition in self._partitions if partition.reason),
            key=lambda partition: partition.state != "held",
        )
        reason = f"partition {troubled[0].number}: {troubled[0].reason}" if troubled else ""
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
        consumers = [
            partition.consumer for partition in self._partitions if partition.consumer is not None
        ]
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
        for partition in self._partitions:
            partition.see_arrivals()


def _host_status(host: str, partition: Partition, in_flight: Sequence[Delivery]) -> HostStatus:
    entries = partition.logs.of_host(host)
    written = max((entry.mark for entry in entries), default=0)
    messages = sum(entry.messages for entry in entries)
    quarantined = sum(entry.quarantined for entry in entries)
    reason = partition.held_logs.reason_of(host)
    return HostStatus(
        host=host,
        partition=partition.number,
        delivered=max(written, partition.delivered.get(host, 0)),
        written=written,
        written_lines=sum(entry.lines for entry in entries),
        written_messages=messages,
        acked=messages + quarantined - sum(item.written for item in in_flight),
        unacked=len(in_flight),
        redelivered=sum(item.deliveries > 1 for item in in_flight),
        held=partition.held_since is not None or bool(reason),
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


def _unacked(delivery: Delivery, partition: Partition) -> UnackedMessage:
    return UnackedMessage(
        sequence=delivery.sequence,
        host=delivery.host,
        partition=partition.number,
        deliveries=delivery.deliveries,
        age=time.monotonic() - delivery.received,
        remaining=partition.wait_of(delivery),
        written=delivery.written,
    )
