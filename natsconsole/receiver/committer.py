"""Write, sync, commit: turns delivered messages into bytes on disk and rows in the ledger.

All partitions' batches that wait are committed together, with one sync and one transaction. A
batch that cannot be written is taken back whole and fails alone; a sync or a commit that fails
takes back everything. Pure of network and event loop: runs in the disk thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from natsconsole.receiver.archive import Archive
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.file_names import log_path
from natsconsole.receiver.ledger import (
    Ledger,
    LedgerWriteError,
    LogEntry,
    PartitionCommit,
    PartitionEntry,
    Span,
)
from shipper.wire import SourceRange, as_lines

LogKey = tuple[str, str]
"""Host and log name."""

LARGEST_CUT = 64 << 20
"""Bytes: a file that is longer than the ledger says by more than any batch is not ours to cut."""


class UncertainFileError(Exception):
    """A file is longer than any crash of ours could have left it."""


@dataclass(slots=True, kw_only=True)
class PartitionLogs:
    """What is committed of one partition. Owned by the disk thread, read by status."""

    partition: int
    committed: int | None = None
    logs: dict[LogKey, LogEntry] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Messages of one partition to commit together, in delivery order."""

    logs: PartitionLogs
    deliveries: Sequence[Delivery]
    refused: Mapping[LogKey, frozenset[int]] = field(default_factory=dict)
    """Sequences that were delivered and deliberately not written, by log."""


class Committer:
    """The disk side of a receiver."""

    def __init__(
        self,
        archive: Archive,
        ledger: Ledger,
        *,
        sync: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._archive = archive
        self._ledger = ledger
        self._sync = sync
        self._now = now
        self._to_cut: dict[str, int] = {}

    def take_over(self, partition: int) -> tuple[PartitionLogs, PartitionEntry]:
        """Load a partition and cut its files back to what the ledger knows of.

        Raises:
            UncertainFileError: a file is longer than any batch could explain.
            OSError: a file cannot be cut.
        """
        entry = self._ledger.load(partition)
        for path, length in entry.lengths.items():
            self._cut_back(path, length)
        self._archive.sync()
        logs = PartitionLogs(
            partition=partition,
            committed=entry.committed,
            logs={(log.host, log.name): log for log in entry.logs},
            lengths=dict(entry.lengths),
        )
        return logs, entry

    def commit(self, batches: Sequence[Batch]) -> list[OSError | None]:
        """Write, sync and commit. Returns for each batch None, or why it was not written.

        A batch that failed has left no byte behind and can be given again.
        """
        stuck = self._cut_left_overs()
        if stuck is not None:
            return [stuck] * len(batches)
        drafts = [_Draft(batch, self._now()) for batch in batches]
        results = self._adopt_new_files(drafts)
        for place, draft in enumerate(drafts):
            results[place] = results[place] or self._write(draft)
        written = [draft for draft, found in zip(drafts, results, strict=True) if found is None]
        failure = self._make_durable(written)
        if failure is not None:
            return [found or failure for found in results]
        for draft in written:
            draft.accept()
        return results

    def _adopt_new_files(self, drafts: Sequence[_Draft]) -> list[OSError | None]:
        """Record the length of every file that is written to for the first time.

        Without it a crash between write and commit would leave bytes in a file of which the
        ledger knows nothing, and such a file is never cut.
        """
        results: list[OSError | None] = []
        unknown: dict[str, int] = {}
        for draft in drafts:
            try:
                lengths = {path: self._length_of(path) for path in draft.new_paths}
            except OSError as error:
                results.append(error)
            else:
                draft.lengths_before |= lengths
                unknown |= {p: size for p, size in lengths.items() if not self._ledger.knows(p)}
                results.append(None)
        if unknown:
            try:
                self._ledger.adopt(unknown)
            except LedgerWriteError as error:
                return [found or error for found in results]
        return results

    def _write(self, draft: _Draft) -> OSError | None:
        try:
            for path, data in draft.appends:
                self._archive.append(path, data)
        except OSError as error:
            return self._take_back([draft]) or error
        return None

    def _make_durable(self, drafts: Sequence[_Draft]) -> OSError | None:
        try:
            if self._sync:
                self._archive.sync()
            new = self._ledger.commit([draft.to_commit() for draft in drafts]) if drafts else {}
        except OSError as error:
            return self._take_back(drafts) or error
        for draft in drafts:
            draft.name_new_logs(new)
        return None

    def _take_back(self, drafts: Sequence[_Draft]) -> OSError | None:
        for draft in drafts:
            self._to_cut |= draft.lengths_before
        return self._cut_left_overs()

    def _cut_left_overs(self) -> OSError | None:
        try:
            for path, length in list(self._to_cut.items()):
                if self._archive.length(path) > length:
                    self._archive.cut(path, length)
                del self._to_cut[path]
        except OSError as error:
            return error
        return None

    def _cut_back(self, path: str, length: int) -> None:
        excess = self._archive.length(path) - length
        if excess > LARGEST_CUT:
            raise UncertainFileError(
                f"{path} is {excess} bytes longer than the ledger says, more than any batch: "
                "move it away, or cut it yourself, and start again"
            )
        if excess > 0:
            self._archive.cut(path, length)

    def _length_of(self, path: str) -> int:
        """Return a file's length as we may rely on it, before the first write to it."""
        if self._ledger.knows(path):
            self._cut_back(path, self._ledger.length(path))
        return self._archive.length(path)


class _Draft:
    """One batch on its way to disk: nothing of it counts until it is accepted."""

    def __init__(self, batch: Batch, now: float) -> None:
        self._batch = batch
        self._logs: dict[LogKey, LogEntry] = {}
        self.appends = self._plan(now)
        """What to append to which file, each file once, in order."""
        self.lengths_before = {
            path: batch.logs.lengths[path] for path, _ in self.appends if path in batch.logs.lengths
        }

    @property
    def new_paths(self) -> list[str]:
        """Files whose length this partition does not know yet."""
        return [path for path, _ in self.appends if path not in self._batch.logs.lengths]

    def _plan(self, now: float) -> list[tuple[str, bytes]]:
        pieces: dict[str, list[bytes]] = {}
        for key, sequences in self._batch.refused.items():
            entry = self._entry(key)
            self._logs[key] = replace(entry, refused=entry.refused | sequences)
        for delivery in self._batch.deliveries:
            entry = self._entry((delivery.host, delivery.source.name if delivery.source else ""))
            data, entry = _take(entry, delivery)
            if data:
                pieces.setdefault(entry.path, []).append(data)
                entry = replace(entry, written_at=now)
            self._logs[entry.host, entry.name] = entry
        return [(path, b"".join(parts)) for path, parts in pieces.items()]

    def to_commit(self) -> PartitionCommit:
        """Return what the ledger is to record."""
        highest = max((delivery.sequence for delivery in self._batch.deliveries), default=0)
        self._committed = max(highest, self._batch.logs.committed or 0)
        self._lengths = {path: self.lengths_before[path] + len(data) for path, data in self.appends}
        return PartitionCommit(
            partition=self._batch.logs.partition,
            committed=self._committed,
            logs=tuple(self._logs.values()),
            lengths=self._lengths,
        )

    def name_new_logs(self, ids: dict[tuple[int, str, str], int]) -> None:
        """Give new logs the ids the ledger chose."""
        partition = self._batch.logs.partition
        for key, entry in self._logs.items():
            if not entry.id:
                self._logs[key] = replace(entry, id=ids[partition, *key])

    def accept(self) -> None:
        """Let the draft count: it is on disk and in the ledger."""
        logs = self._batch.logs
        logs.logs.update(self._logs)
        logs.lengths.update(self._lengths)
        logs.committed = self._committed
        for delivery in self._batch.deliveries:
            delivery.written = True

    def _entry(self, key: LogKey) -> LogEntry:
        entry = self._logs.get(key) or self._batch.logs.logs.get(key)
        return entry or LogEntry(host=key[0], name=key[1], path=log_path(*key))


def _take(entry: LogEntry, delivery: Delivery) -> tuple[bytes, LogEntry]:
    """Return the bytes of a message that are still to be written, and the entry behind them."""
    sequence = delivery.sequence
    if entry.is_repeat(sequence):
        return b"", replace(entry, suppressed=entry.suppressed + 1)
    data = as_lines(delivery.payload, delivery.source)
    is_late = sequence < entry.mark
    if delivery.source is not None:
        data, entry = _take_range(entry, delivery.source, data, is_late=is_late)
    lines = data.count(b"\n")
    return data, replace(
        entry,
        mark=max(entry.mark, sequence),
        refused=entry.refused - {sequence} if is_late else entry.refused,
        lines=entry.lines + lines,
        messages=entry.messages + 1,
        bytes=entry.bytes + len(data),
        out_of_order=entry.out_of_order + (lines if is_late else 0),
    )


def _take_range(
    entry: LogEntry, source: SourceRange, data: bytes, *, is_late: bool
) -> tuple[bytes, LogEntry]:
    """Use the range to drop bytes that are written already, and to notice bytes that never came."""
    known = entry.spans.get(source.file)
    line_end = source.line + data.count(b"\n")
    if is_late:
        return data, replace(entry, lost=max(0, entry.lost - data.count(b"\n")))
    if known is None:
        lost = source.line if entry.spans else 0
        entry = entry.with_span(source.file, Span(source.end, line_end))
        return data, replace(entry, lost=entry.lost + lost)
    if source.end <= known.end:
        return b"", replace(entry, suppressed=entry.suppressed + 1)
    lost = max(0, source.line - known.line) if source.start > known.end else 0
    fresh = data[max(0, known.end - source.start) :]
    entry = entry.with_span(source.file, Span(source.end, line_end))
    return fresh, replace(entry, lost=entry.lost + lost)
