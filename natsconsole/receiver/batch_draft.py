"""A batch on its way to disk: which bytes go to which file, and what the ledger is to say of them.

Knows nothing of disks: a draft is planned, then written, and then accepted or dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from natsconsole.receiver.batch import Batch, Outcome
from natsconsole.receiver.delivery import Delivery, stored_at
from natsconsole.receiver.file_names import log_path
from natsconsole.receiver.landmarks import Landmark, with_landmark
from natsconsole.receiver.ledger import FileEntry, LogEntry, PartitionCommit
from natsconsole.receiver.log_draft import LogDraft
from natsconsole.receiver.partition_logs import LogKey, key_of
from natsconsole.receiver.quarantine import quarantine_path, quarantined_line, why_unwritable

NOTHING_BROKEN: Mapping[LogKey, OSError] = MappingProxyType({})

Elsewhere = Callable[[int, int, str, str], LogEntry | None]
"""Finds a log's row of another partition, by epoch, partition, host and name."""


class BatchDraft:
    """One batch on its way to disk: nothing of it counts until it is accepted."""

    def __init__(
        self,
        batch: Batch,
        elsewhere: Elsewhere,
        quarantine_room: Callable[[int], int],
        *,
        folds_case: bool = False,
    ) -> None:
        """Prepare; nothing is known of it before ``plan``.

        ``quarantine_room`` returns for how many bytes more there is room in a partition's file.
        """
        self.batch = batch
        self._elsewhere = elsewhere
        self._quarantine_room = quarantine_room
        self._folds_case = folds_case
        self._begin()

    def _begin(self) -> None:
        self.outcome = Outcome()
        self.files_before: dict[str, FileEntry] = {}
        """Each file that is written to, as it is before."""
        self._logs: dict[LogKey, LogDraft] = {}
        self._latest: LogKey | None = None
        self._is_planned = False
        self._broken = NOTHING_BROKEN
        self.is_recorded = False
        """Whether the ledger has it: then no byte of it may be taken back any more."""
        self._quarantine: list[bytes] = []
        self._room: int | None = None
        self._committed: int | None = self.batch.logs.committed
        self._landmarks = self.batch.logs.landmarks
        self._entries: dict[LogKey, LogEntry] = {}
        self._files: dict[str, FileEntry] = {}

    def plan(self, broken: Mapping[LogKey, OSError] = NOTHING_BROKEN) -> None:
        """See what is to be written, anew at each call.

        Args:
            broken: logs whose messages are not even looked at, each with the reason.
        """
        self._begin()
        self._broken = broken
        self._plan()
        for key, error in broken.items():
            self.break_log(key, error)
        self._is_planned = True

    def culprit(self, is_recordable: Callable[[LogEntry], bool]) -> LogKey | None:
        """Return the log that a plan or its commit failed on with a defect, where that is known.

        ``is_recordable`` says whether the ledger can hold a log's row.
        """
        if not self._is_planned:
            return self._latest
        return next((key for key, one in self._entries.items() if not is_recordable(one)), None)

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
            if key in self._broken and (self._is_backfill(key) or not self._log(key).parked_from):
                self._log(key).deliveries += of_log
                continue
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
        self._keep(quarantined_line(delivery, reason))
        self.outcome.terminated.append((delivery, reason))

    def _keep(self, line: bytes) -> None:
        """Keep what is given up, where there is room."""
        if self._room is None:
            self._room = self._quarantine_room(self.batch.logs.partition)
        if len(line) > self._room:
            self.outcome.not_kept += 1
            return
        self._room -= len(line)
        self._quarantine.append(line)

    def _unpark(self, key: LogKey, skipped_to: int) -> None:
        draft = self._log(key)
        if self.batch.logs.skipped_to.get(key, 0) <= max(skipped_to, draft.mark):
            draft.unpark()

    def _is_backfill(self, key: LogKey) -> bool:
        return self.batch.backfill == key

    def _log(self, key: LogKey) -> LogDraft:
        self._latest = key
        draft = self._logs.get(key)
        if draft is None:
            before = self.batch.logs.logs.get(key)
            if before is None:
                before = self._new_log(key)
            draft = LogDraft(before, is_backfill=self._is_backfill(key))
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
        return log_path(host, name, taken=others, folds_case=self._folds_case)

    def sizes(self) -> list[tuple[LogKey, str, int]]:
        """Return which log appends how many bytes to which file."""
        return [(key, path, sum(map(len, pieces))) for key, path, pieces in self.appends()]

    def appends(self) -> list[tuple[LogKey, str, Sequence[bytes]]]:
        """Return what to append to which file, each file once."""
        found: list[tuple[LogKey, str, Sequence[bytes]]] = [
            (key, draft.path, draft.pieces) for key, draft in self._logs.items() if draft.pieces
        ]
        if self._quarantine:
            path = quarantine_path(self.batch.logs.partition)
            found.append((("", path), path, self._quarantine))
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
            path: FileEntry(before[path].length + size, before[path].inode, before[path].since)
            for _, path, size in self.sizes()
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


def apart(drafts: Sequence[BatchDraft]) -> Iterator[list[BatchDraft]]:
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
