"""What is committed of one partition's logs. Owned by the disk thread, read by status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.landmarks import Landmark
from natsconsole.receiver.ledger import FileEntry, LogEntry, PartitionEntry

LogKey = tuple[str, str]
"""Host and log name."""


def key_of(delivery: Delivery) -> LogKey:
    """Return the log that a message belongs to."""
    return (delivery.host, delivery.source.name if delivery.source is not None else "")


@dataclass(slots=True)
class Totals:
    """Sums over logs, kept up to date: a status must not add up ten thousand rows."""

    lines: int = 0
    messages: int = 0
    bytes: int = 0
    suppressed: int = 0
    doubled: int = 0
    lost: int = 0
    out_of_order: int = 0
    quarantined: int = 0

    def count(self, entry: LogEntry, sign: int = 1) -> None:
        """Add a log's figures, or take them out."""
        self.lines += sign * entry.lines
        self.messages += sign * entry.messages
        self.bytes += sign * entry.bytes
        self.suppressed += sign * entry.suppressed
        self.doubled += sign * entry.doubled
        self.lost += sign * entry.lost
        self.out_of_order += sign * entry.out_of_order
        self.quarantined += sign * entry.quarantined

    def grow(self, before: Totals, after: Totals) -> None:
        """Add by how much each figure has grown: what goes down later was counted all the same."""
        for name in self.__slots__:
            growth = getattr(after, name) - getattr(before, name)
            setattr(self, name, getattr(self, name) + max(0, growth))


@dataclass(slots=True, kw_only=True)
class PartitionLogs:
    """The logs of one partition as the ledger has them."""

    partition: int
    epoch: int = 0
    """Which creation of the stream the sequences are of."""
    committed: int | None = None
    logs: dict[LogKey, LogEntry] = field(default_factory=dict)
    files: dict[str, FileEntry] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    by_host: dict[str, set[LogKey]] = field(default_factory=dict)
    parked: set[LogKey] = field(default_factory=set)
    skipped_to: dict[LogKey, int] = field(default_factory=dict)
    """Highest sequence of a parked log that was passed over since the take-over."""
    landmarks: tuple[Landmark, ...] = ()
    doubtful_to: int = 0
    """Up to this sequence a receiver elsewhere may have written messages before it was lost."""

    @classmethod
    def of(cls, partition: int, entry: PartitionEntry, files: dict[str, FileEntry]) -> Self:
        """Begin with what the ledger has."""
        logs = cls(
            partition=partition,
            epoch=entry.epoch,
            committed=entry.committed,
            files=dict(files),
            landmarks=entry.landmarks,
        )
        logs.accept({(log.host, log.name): log for log in entry.logs}, {}, entry.committed)
        return logs

    def accept(
        self,
        entries: Mapping[LogKey, LogEntry],
        files: Mapping[str, FileEntry],
        committed: int | None,
    ) -> None:
        """Take over what has been committed."""
        for key, entry in entries.items():
            before = self.logs.get(key)
            if before is not None:
                self.totals.count(before, -1)
            else:
                self.by_host.setdefault(key[0], set()).add(key)
            self.totals.count(entry)
            self.logs[key] = entry
            if entry.parked_from:
                self.parked.add(key)
            else:
                self.parked.discard(key)
        self.files.update(files)
        self.committed = committed

    def of_host(self, host: str) -> list[LogEntry]:
        """Return a host's logs."""
        return [self.logs[key] for key in list(self.by_host.get(host, ()))]
