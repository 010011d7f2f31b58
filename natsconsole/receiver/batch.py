"""What one partition wants committed together, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.partition_logs import LogKey, PartitionLogs


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one partition wants committed together: messages in delivery order, and decisions."""

    logs: PartitionLogs
    deliveries: Sequence[Delivery] = ()
    refused: Mapping[LogKey, frozenset[int]] = field(default_factory=dict)
    """Sequences that were delivered and deliberately not written, by log."""
    terminated: Sequence[tuple[Delivery, str]] = ()
    """Messages that are given up, each with the reason: they go to quarantine."""
    passed_below: int = 0
    """Below this sequence another machine has written what is not in our ledger."""
    park: Mapping[LogKey, int] = field(default_factory=dict)
    """Logs whose lines stay in the stream, from a sequence on."""
    backfill: LogKey | None = None
    """The parked log whose lines these are, read from the stream: they do not move the
    partition's mark."""
    unpark: tuple[LogKey, int] | None = None
    """The parked log of which the stream had nothing more, and the highest sequence that had been
    passed over before the stream was asked."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of a batch."""

    failure: OSError | None = None
    """Why nothing of it is on the disk; it can be given again."""
    broken: dict[LogKey, OSError] = field(default_factory=dict)
    """Logs whose file cannot be written; the others' lines are on the disk."""
    unwritten: list[Delivery] = field(default_factory=list)
    """Messages of the broken logs, in order. The ledger knows that they are not written."""
    terminated: list[tuple[Delivery, str]] = field(default_factory=list)
    """Messages that are in quarantine, each with the reason."""
    not_kept: int = 0
    """How many of them are not there, because it is full."""
