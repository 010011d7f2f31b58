"""A receiver's status as Prometheus metrics.

Nothing is counted here: every scrape shows one status as it is, and what has been done since the
start. The account in the status is of the partitions that the receiver has now, whoever wrote them:
it falls when one of them goes, and so is no counter. Hosts are no labels, because there
may be ten thousand of them; ask the receiver's control service about a host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from natsconsole.domain.receivers import (
    PartitionState,
    PartitionStatus,
    ReceiverState,
    ReceiverStatus,
)
from natsconsole.receiver.partition_logs import Totals
from natsconsole.receiver.upkeep import UpkeepFigures

_PREFIX = "natsconsole_receiver_"


def exposition(
    status: ReceiverStatus,
    counted: Totals,
    upkeep: UpkeepFigures | None,
    *,
    connected: bool,
    accept: str = "",
) -> tuple[bytes, str]:
    """Return the metrics and their content type, in the newest format that ``accept`` names."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(status, counted, upkeep, connected=connected))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Snapshot(Collector):
    def __init__(
        self,
        status: ReceiverStatus,
        counted: Totals,
        upkeep: UpkeepFigures | None,
        *,
        connected: bool,
    ) -> None:
        self._status = status
        self._counted = counted
        self._upkeep = upkeep
        self._connected = connected

    def collect(self) -> Iterator[Metric]:
        yield from _identity(self._status, connected=self._connected)
        yield from _lines(self._counted)
        yield from _integrity(self._counted)
        yield from _whole_account(self._status)
        yield from _in_flight(self._status)
        yield from _partitions(self._status.partitions)
        if self._upkeep is not None:
            yield from _archive(self._upkeep)


def _identity(status: ReceiverStatus, *, connected: bool) -> Iterator[Metric]:
    labels = {
        "name": status.name,
        "group": status.group,
        "stream": status.stream,
        "version": status.version,
        "ack_policy": status.ack_policy,
        "answer": status.answer,
        "fsync": status.fsync,
    }
    yield InfoMetricFamily(
        "natsconsole_receiver", "Which receiver this is, and how it works now.", value=labels
    )
    yield _gauge("start_time_seconds", "When it started, since the epoch.", status.started)
    yield _gauge("connected", "1 while it is connected to the NATS server.", connected)
    yield _states("state", "1 for the state the receiver is in.", status.state)
    yield _gauge("members", "Receivers of the group that are up.", len(status.members))
    yield _gauge("alarms", "Alarms that the operator must hear of.", len(status.alarms))
    yield _gauge("lab", "1 if answers that cost lines may be chosen (--lab).", status.lab)
    yield _gauge("disk_free_bytes", "Free bytes on the archive's disk.", status.disk_free_bytes)


def _lines(counted: Totals) -> Iterator[Metric]:
    yield _counter("written_lines", "Lines written since the start.", counted.lines)
    yield _counter("written_messages", "Messages written since the start.", counted.messages)
    yield _counter("written_bytes", "Bytes written since the start.", counted.bytes)


def _integrity(counted: Totals) -> Iterator[Metric]:
    yield _counter(
        "lost_lines",
        "Lines found missing since the start; missing_lines tells what still is.",
        counted.lost,
    )
    yield _counter(
        "doubled_lines",
        "Lines written since the start that may stand on another machine too.",
        counted.doubled,
    )
    yield _counter(
        "out_of_order_lines",
        "Lines written since the start after later lines of their log.",
        counted.out_of_order,
    )
    yield _counter(
        "suppressed_messages",
        "Repeats recognised since the start and not written.",
        counted.suppressed,
    )
    yield _counter(
        "quarantined_messages",
        "Messages that can never be written, kept in quarantine since the start.",
        counted.quarantined,
    )


def _whole_account(status: ReceiverStatus) -> Iterator[Metric]:
    """What is so of the partitions it has now: all of it goes when a partition does."""
    yield _counter(
        "redelivered_messages",
        "Deliveries beyond a message's first, since the start.",
        status.redelivered,
    )
    yield _gauge(
        "missing_lines",
        "Lines that the sources' ranges prove missing in the partitions it has now.",
        status.lost,
    )


def _in_flight(status: ReceiverStatus) -> Iterator[Metric]:
    yield _gauge("unacked_messages", "Delivered and not yet acknowledged.", status.unacked)
    yield _gauge(
        "max_ack_pending_messages",
        "Messages that may be unacknowledged in all its partitions.",
        status.max_ack_pending,
    )
    yield _gauge("ack_wait_seconds", "Until the server delivers again.", status.ack_wait_seconds)
    yield _gauge("unwritten_messages", "In memory, not in the files yet.", status.unwritten)
    held_seconds = 0.0 if status.held_since is None else max(0.0, status.now - status.held_since)
    yield _gauge("held", "1 while it holds messages it cannot write.", status.state == "held")
    yield _gauge("held_seconds", "For how long it has held messages; 0 if not.", held_seconds)
    yield _gauge("held_messages", "Messages held in memory.", status.held_messages)
    yield _gauge(
        "parked_hosts", "Hosts whose lines wait in the stream for their file.", status.parked_hosts
    )


def _partitions(partitions: Iterable[PartitionStatus]) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        f"{_PREFIX}partition_state",
        "1 for the state of a partition; waiting means that another receiver has it.",
        labels=["partition", "state"],
    )
    families = {
        "unacked": _by_partition("unacked_messages", "Delivered and not yet acknowledged."),
        "held_messages": _by_partition("held_messages", "Messages held in memory."),
        "delivered": _by_partition("delivered_sequence", "Highest stream sequence delivered."),
        "committed": _by_partition("committed_sequence", "Highest sequence written and synced."),
    }
    for partition in partitions:
        number = str(partition.partition)
        for name in get_args(PartitionState):
            state.add_metric([number, name], name == partition.state)
        for field, family in families.items():
            family.add_metric([number], getattr(partition, field))
    yield state
    yield from families.values()


def _archive(figures: UpkeepFigures) -> Iterator[Metric]:
    yield _gauge("archive_files", "Files of all hosts at the last sweep.", figures.files)
    yield _gauge("archive_bytes", "Bytes of all hosts' files at the last sweep.", figures.bytes)
    yield _gauge(
        "archive_last_sweep_timestamp_seconds", "The last sweep, since the epoch.", figures.swept
    )
    yield _gauge(
        "archive_sweeper", "1 if this receiver deletes and compresses here.", figures.is_sweeper
    )
    yield _counter("archive_deleted_files", "Rotated files deleted.", figures.deleted)
    yield _counter(
        "archive_deleted_bytes", "Bytes of rotated files deleted.", figures.deleted_bytes
    )
    yield _counter("archive_compressed_files", "Rotated files compressed.", figures.compressed)
    yield _counter(
        "archive_compressed_bytes",
        "Bytes of the compressed files before.",
        figures.compressed_bytes,
    )
    yield _counter(
        "archive_compression_saved_bytes", "Bytes that compression freed.", figures.saved_bytes
    )
    yield _counter(
        "archive_upkeep_errors", "Failures to look at, delete or compress a file.", figures.errors
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(_PREFIX + name, text, value=value)


def _by_partition(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}partition_{name}", text, labels=["partition"])


def _states(name: str, text: str, current: ReceiverState) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, text, labels=["state"])
    for state in get_args(ReceiverState):
        family.add_metric([state], state == current)
    return family
