"""Write, sync, commit: turns delivered messages into bytes on disk and rows in the ledger.

All partitions' batches that wait are committed together, with one sync and one transaction. A
file that cannot be written is taken back and fails alone; a disk that is full fails the batch; a
sync or a commit that fails takes back everything. Pure of network and event loop: runs in the
disk thread.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from natsconsole.receiver.archive import Archive
from natsconsole.receiver.delivery import Delivery, stored_at
from natsconsole.receiver.file_names import log_path
from natsconsole.receiver.landmarks import Landmark, with_landmark
from natsconsole.receiver.ledger import (
    FileEntry,
    Ledger,
    LedgerWriteError,
    LogEntry,
    PartitionCommit,
    PartitionEntry,
)
from natsconsole.receiver.log_draft import LogDraft
from natsconsole.receiver.partition_logs import LogKey, PartitionLogs, key_of
from natsconsole.receiver.quarantine import quarantine_path, quarantined_line, why_unwritable
from natsconsole.receiver.reserve import Reserve
from natsconsole.receiver.rotated_names import next_rotated_name
from natsconsole.receiver.rotation import NEVER, Rotation

LARGEST_CUT = 64 << 20
"""Bytes: a file that is longer than the ledger says by more than any batch is not ours to cut."""

_OF_THE_DISK = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE,
    errno.ESTALE, errno.ENODEV, errno.ENXIO,
})  # fmt: skip
"""Errors that say nothing of the one file that met them."""


class UncertainFileError(Exception):
    """A file is longer than any crash of ours could have left it."""


class LostPartitionError(OSError):
    """A partition is another receiver's by now: nothing more of it may be written."""

    def __init__(self, partition: int) -> None:
        super().__init__(errno.EPERM, f"partition {partition} is another receiver's now")


Elsewhere = Callable[[int, int, str, str], LogEntry | None]
"""Finds a log's row of another partition, by epoch, partition, host and name."""


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


@dataclass(slots=True)
class _LeftOver:
    """Bytes behind the end of a file that the ledger knows nothing of."""

    partition: int
    length: int
    """The file's without them."""
    inode: int
    problem: OSError | None = None
    """Why they could not be cut off yet."""


class Committer:
    """The disk side of a receiver."""

    def __init__(
        self,
        archive: Archive,
        ledger: Ledger,
        *,
        sync: bool = True,
        rotation: Rotation = NEVER,
        reserve: Reserve | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._archive = archive
        self._ledger = ledger
        self._sync = sync
        self._rotation = rotation
        self._reserve = reserve
        self._now = now
        self._left_over: dict[str, _LeftOver] = {}
        """By path."""
        self.is_held: Callable[[int], bool] = lambda _: True
        """Says whether a partition is still ours: asked before anything of it is written."""

    def take_over(self, partition: int) -> tuple[PartitionLogs, PartitionEntry]:
        """Load a partition and cut its files back to what the ledger knows of.

        Raises:
            UncertainFileError: a file is longer than any batch could explain.
            OSError: the ledger cannot be written.
        """
        self.let_go(partition)
        entry = self._ledger.load(partition)
        files = dict(entry.files)
        changed: dict[str, FileEntry] = {}
        for path, file in entry.files.items():
            try:
                now = self._recover(path, file)
            except OSError:
                del files[path]  # it is cut before it is written to, and its log held until then
                continue
            if now != file:
                changed[path] = now
        self._archive.sync()
        if changed:
            self._ledger.adopt(changed)
        return PartitionLogs.of(partition, entry, files | changed), entry

    def let_go(self, partition: int) -> None:
        """Leave a partition's files alone: whoever has it next cuts them back."""
        for path, left in list(self._left_over.items()):
            if left.partition == partition:
                del self._left_over[path]

    def rotate_silent(self, logs: PartitionLogs, paths: Sequence[str]) -> None:
        """Close files that nobody writes to any more, so that retention can have them.

        Raises:
            OSError: one cannot be renamed, or the ledger cannot be written.
        """
        self._cut_left_overs()
        for path in paths:
            if not self.is_held(logs.partition):
                return
            found = self._archive.find(path)
            if path in logs.files and path not in self._left_over and found and found.length:
                begun = self._rotate(path)
                self._ledger.adopt({path: begun})
                logs.files[path] = begun

    def commit(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Write, sync and commit batches of different partitions.

        Of a batch that failed no byte is left, and it can be given again.
        """
        drafts = [_Draft(batch, self._ledger.elsewhere) for batch in batches]
        for together in _apart(drafts):
            self._commit(together)
        return [draft.outcome for draft in drafts]

    def _commit(self, drafts: Sequence[_Draft]) -> None:
        self._cut_left_overs()
        failure = self._keep_reserve()
        if failure is None:
            failure = self._prepare_files(drafts)
        if failure is None:
            for draft in drafts:
                draft.outcome.failure = self._write(draft)
            written = [draft for draft in drafts if draft.outcome.failure is None]
            failure = self._make_durable(written)
        for draft in drafts:
            if draft.outcome.failure is None:
                draft.outcome.failure = failure
            if draft.outcome.failure is None:
                draft.accept()

    def _keep_reserve(self) -> OSError | None:
        if self._reserve is None or self._reserve.is_whole:
            return None
        try:
            self._reserve.keep()
        except OSError as error:
            return error
        return None

    def _prepare_files(self, drafts: Sequence[_Draft]) -> OSError | None:
        """See that the ledger knows each file as it is before we write to it.

        Without it a crash between write and commit would leave bytes in a file of which the
        ledger knows nothing, and such a file is never cut.
        """
        changed: dict[str, FileEntry] = {}
        for draft in drafts:
            for key, path, size in draft.files():
                try:
                    before = self._ready(path, draft.batch.logs, size)
                except OSError as error:
                    if error.errno in _OF_THE_DISK or not draft.break_log(key, error):
                        return error
                    continue
                draft.files_before[path] = before
                if before != draft.batch.logs.files.get(path):
                    changed[path] = before
        if changed:
            try:
                self._ledger.adopt(changed)
            except LedgerWriteError as error:
                return error
            for draft in drafts:
                draft.batch.logs.files |= {
                    path: file for path, file in changed.items() if path in draft.files_before
                }
        return None

    def _ready(self, path: str, logs: PartitionLogs, size: int) -> FileEntry:
        """Return the file as it is to be appended to, begun anew where that is due."""
        left = self._left_over.get(path)
        if left is not None and left.problem is not None:
            raise left.problem
        now = self._now()
        known = logs.files.get(path)
        if known is None:
            recorded = self._ledger.file(path)
            if recorded is not None:
                try:
                    known = self._recover(path, recorded)
                except UncertainFileError as error:
                    raise OSError(errno.EFBIG, str(error)) from error
        found = self._archive.find(path)
        if found is None or known is None or found.inode != known.inode:
            # Ours is gone, was renamed or was never there: what lies there is not ours to cut.
            length = found.length if found is not None else 0
            known = FileEntry(length, self._archive.inode(path), now)
        elif found.length != known.length:
            known = replace(known, length=found.length)
        if self._rotation.is_due(known, size, now):
            known = self._rotate(path)
        return known if known.length else replace(known, since=now)

    def _rotate(self, path: str) -> FileEntry:
        name = path.rpartition("/")[2]
        taken = self._archive.names_beside(path)
        self._archive.rename(path, next_rotated_name(name, self._now(), taken))
        return FileEntry(0, self._archive.inode(path), self._now())

    def _write(self, draft: _Draft) -> OSError | None:
        if not self.is_held(draft.batch.logs.partition):
            return LostPartitionError(draft.batch.logs.partition)
        for key, path, data in draft.appends():
            try:
                self._archive.append(path, data)
                self._see_where_it_went(draft, path, data)
            except OSError as error:
                if error.errno in _OF_THE_DISK:
                    self._take_back([draft])
                    return error
                self._leave_over(draft, path)
                self._cut_left_overs()
                self._archive.abandon(path)
                if not draft.break_log(key, error):
                    self._take_back([draft])
                    return error
        return None

    def _see_where_it_went(self, draft: _Draft, path: str, data: bytes) -> None:
        """Notice a file that was closed, renamed by somebody, and made anew by our append."""
        if self._archive.inode(path) != draft.files_before[path].inode:
            found = self._archive.find(path)
            if found is not None:
                length = max(0, found.length - len(data))
                draft.files_before[path] = FileEntry(length, found.inode)
            raise OSError(errno.ESTALE, "was replaced by another file", path)

    def _make_durable(self, drafts: Sequence[_Draft]) -> OSError | None:
        if not drafts:
            return None
        now = self._now()
        try:
            if self._sync:
                self._archive.sync()
            if not all(self.is_held(draft.batch.logs.partition) for draft in drafts):
                self._take_back(drafts)
                return _lost(drafts, self.is_held)
            commits = [draft.to_commit(now) for draft in drafts]
            try:
                new = self._ledger.commit(commits)
            except LedgerWriteError:
                if self._reserve is None or not self._reserve.release():
                    raise
                new = self._ledger.commit(commits)
        except OSError as error:
            self._take_back(drafts)
            return error
        for draft in drafts:
            draft.name_new_logs(new)
        return None

    def _take_back(self, drafts: Sequence[_Draft]) -> None:
        for draft in drafts:
            for path in draft.files_before:
                self._leave_over(draft, path)
        self._cut_left_overs()

    def _leave_over(self, draft: _Draft, path: str) -> None:
        before = draft.files_before[path]
        self._left_over[path] = _LeftOver(draft.batch.logs.partition, before.length, before.inode)

    def _cut_left_overs(self) -> None:
        """Cut off what was taken back; a file that cannot be cut is not written to either."""
        for path, left in list(self._left_over.items()):
            try:
                there = self._where_it_is(path, left.inode)
                found = self._archive.find(there) if there is not None else None
                if there is not None and found is not None and found.length > left.length:
                    self._archive.cut(there, left.length)
                if there not in (None, path):
                    self._archive.forget(there or "")
            except OSError as error:
                left.problem = error
            else:
                del self._left_over[path]

    def _where_it_is(self, path: str, inode: int) -> str | None:
        """Return the path of a file of ours, also where somebody has just renamed it."""
        found = self._archive.find(path)
        if found is not None and found.inode == inode:
            return path
        return self._archive.find_renamed(path, inode)

    def _recover(self, path: str, file: FileEntry) -> FileEntry:
        """Cut a file back to its committed length, also under a name that somebody gave it."""
        found = self._archive.find(path)
        is_ours = found is not None and file.inode == found.inode
        if found is not None and (is_ours or (file.length and not file.inode)):
            self._cut_back(path, found.length, file.length)
            return replace(file, length=min(found.length, file.length), inode=found.inode)
        renamed = self._archive.find_renamed(path, file.inode) if file.inode else None
        if renamed is not None:
            there = self._archive.find(renamed)
            self._cut_back(renamed, there.length if there else 0, file.length)
            self._archive.forget(renamed)
        return FileEntry(found.length, found.inode, self._now()) if found else FileEntry()

    def _cut_back(self, path: str, found: int, length: int) -> None:
        excess = found - length
        if excess > LARGEST_CUT:
            raise UncertainFileError(
                f"{path} is {excess} bytes longer than the ledger says, more than any batch: "
                "move it away, or cut it yourself, and start again"
            )
        if excess > 0:
            self._archive.cut(path, length)


def _apart(drafts: Sequence[_Draft]) -> Iterator[list[_Draft]]:
    """Yield the drafts in groups in which no two write to one file.

    A host has one partition, but for a time after their number was changed.
    """
    waiting = list(drafts)
    while waiting:
        paths: set[str] = set()
        together, later = [], []
        for draft in waiting:
            its = {path for _, path, _ in draft.appends()}
            if paths & its:
                later.append(draft)
            else:
                together.append(draft)
                paths |= its
        yield together
        waiting = later


def _lost(drafts: Sequence[_Draft], is_held: Callable[[int], bool]) -> OSError:
    """Return the error for drafts of which one was lost; the others are to be given again."""
    partition = next(
        (one.batch.logs.partition for one in drafts if not is_held(one.batch.logs.partition)), 0
    )
    return LostPartitionError(partition)


class _Draft:
    """One batch on its way to disk: nothing of it counts until it is accepted."""

    def __init__(self, batch: Batch, elsewhere: Elsewhere) -> None:
        self.batch = batch
        self._elsewhere = elsewhere
        self.outcome = Outcome()
        self.files_before: dict[str, FileEntry] = {}
        """Each file that is written to, as it is before."""
        self._logs: dict[LogKey, LogDraft] = {}
        self._quarantine: list[bytes] = []
        self._committed: int | None = batch.logs.committed
        self._landmarks = batch.logs.landmarks
        self._entries: dict[LogKey, LogEntry] = {}
        self._files: dict[str, FileEntry] = {}
        self._plan()

    def _plan(self) -> None:
        batch = self.batch
        if batch.passed_below:
            for key in batch.logs.logs:
                self._log(key).pass_over(batch.passed_below)
            self._committed = max(batch.passed_below - 1, self._committed or 0) or None
        for key, sequences in batch.refused.items():
            self._log(key).refuse(sequences)
        for key, sequence in batch.park.items():
            self._log(key).park(sequence)
        self._take(batch.deliveries)
        # Behind the others: a mark that they had raised would make repeats of lower messages.
        for delivery, reason in batch.terminated:
            self._terminate(delivery, reason)
        if batch.backfill is None:
            messages = (*batch.deliveries, *(delivery for delivery, _ in batch.terminated))
            passed = max((delivery.sequence for delivery in messages), default=0)
            if passed > (self._committed or 0):
                self._committed = passed
                self._see_landmark(max(messages, key=lambda one: one.sequence))
        if batch.unpark is not None:
            self._unpark(*batch.unpark)

    def _see_landmark(self, delivery: Delivery) -> None:
        stored = stored_at(delivery.reply)
        if stored:
            newest = Landmark(delivery.sequence, stored)
            self._landmarks = with_landmark(self._landmarks, newest)

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        # By log first: what is done once a message is what bounds the receiver.
        by_log: dict[LogKey, list[Delivery]] = {}
        for delivery in deliveries:
            source = delivery.source
            key = (delivery.host, "" if source is None else source.name)
            found = by_log.get(key)
            if found is None:
                by_log[key] = [delivery]
            else:
                found.append(delivery)
        for key, of_log in by_log.items():
            # A line without a range has nothing that could be amiss but its host.
            if (key[1] or not key[0]) and any(map(why_unwritable, of_log)):
                self._take_carefully(of_log)
            else:
                self._log(key).take(of_log, doubtful_to=self.batch.logs.doubtful_to)

    def _take_carefully(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            draft = self._log(key_of(delivery))
            reason = why_unwritable(delivery)
            if reason and not draft.is_settled(delivery.sequence):
                self._give_up(delivery, reason)
            else:
                draft.take([delivery], doubtful_to=self.batch.logs.doubtful_to)

    def _terminate(self, delivery: Delivery, reason: str) -> None:
        key = key_of(delivery)
        before = self.batch.logs.logs.get(key)
        if before is not None and before.is_repeat(delivery.sequence):
            self.outcome.terminated.append((delivery, reason))
        elif self._log(key).parked_from:
            self._log(key).take([delivery])
        else:
            self._give_up(delivery, reason)

    def _give_up(self, delivery: Delivery, reason: str) -> None:
        self._log(key_of(delivery)).quarantine(delivery)
        self._quarantine.append(quarantined_line(delivery, reason))
        self.outcome.terminated.append((delivery, reason))

    def _unpark(self, key: LogKey, skipped_to: int) -> None:
        draft = self._log(key)
        if self.batch.logs.skipped_to.get(key, 0) <= max(skipped_to, draft.mark):
            draft.unpark()

    def _log(self, key: LogKey) -> LogDraft:
        draft = self._logs.get(key)
        if draft is None:
            before = self.batch.logs.logs.get(key)
            if before is None:
                before = self._new_log(key)
            draft = LogDraft(before, is_backfill=self.batch.backfill == key)
            self._logs[key] = draft
        return draft

    def _new_log(self, key: LogKey) -> LogEntry:
        """Return a log that is new here; in another partition it may have been known."""
        logs = self.batch.logs
        known = self._elsewhere(logs.epoch, logs.partition, *key)
        spans = known.spans if known is not None else {}
        return LogEntry(host=key[0], name=key[1], path=self._free_path(key), spans=spans)

    def _free_path(self, key: LogKey) -> str:
        """Return a new log's path: two logs never share a file, whatever they call themselves."""
        host, name = key
        others = [entry.path for entry in self.batch.logs.of_host(host)]
        others += [draft.path for (other, _), draft in self._logs.items() if other == host]
        return log_path(host, name, taken=others)

    def files(self) -> list[tuple[LogKey, str, int]]:
        """Return which log appends how many bytes to which file."""
        return [(key, path, len(data)) for key, path, data in self.appends()]

    def appends(self) -> list[tuple[LogKey, str, bytes]]:
        """Return what to append to which file, each file once."""
        found = []
        for key, draft in self._logs.items():
            if draft.pieces:
                if len(draft.pieces) > 1:
                    draft.pieces = [b"".join(draft.pieces)]
                found.append((key, draft.path, draft.pieces[0]))
        if self._quarantine:
            path = quarantine_path(self.batch.logs.partition)
            found.append((("", path), path, b"".join(self._quarantine)))
        return found

    def break_log(self, key: LogKey, error: OSError) -> bool:
        """Leave out a log whose file cannot be written. False where it is the quarantine's."""
        draft = self._logs.get(key)
        if draft is None:
            return False
        error.filename = draft.path
        self.outcome.broken[key] = error
        self.outcome.unwritten += draft.fail()
        self.files_before.pop(draft.path, None)
        return True

    def to_commit(self, now: float) -> PartitionCommit:
        """Return what the ledger is to record."""
        self._entries = {key: draft.entry(now) for key, draft in self._logs.items()}
        before = self.files_before
        self._files = {
            path: FileEntry(before[path].length + len(data), before[path].inode, before[path].since)
            for _, path, data in self.appends()
        }
        return PartitionCommit(
            epoch=self.batch.logs.epoch,
            partition=self.batch.logs.partition,
            committed=self._committed,
            logs=tuple(self._entries.values()),
            files=self._files,
            landmarks=None if self._landmarks is self.batch.logs.landmarks else self._landmarks,
        )

    def name_new_logs(self, ids: dict[tuple[int, str, str], int]) -> None:
        """Give new logs the ids the ledger chose."""
        partition = self.batch.logs.partition
        for key, entry in self._entries.items():
            if not entry.id:
                self._entries[key] = replace(entry, id=ids[partition, *key])

    def accept(self) -> None:
        """Let the draft count: it is on disk and in the ledger."""
        logs = self.batch.logs
        logs.accept(self._entries, self._files, self._committed)
        logs.landmarks = self._landmarks
        for key, draft in self._logs.items():
            if draft.skipped_to:
                logs.skipped_to[key] = max(draft.skipped_to, logs.skipped_to.get(key, 0))
            for delivery in draft.deliveries:
                delivery.written = True
