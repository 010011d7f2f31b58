"""Write, sync, commit: turns delivered messages into bytes on disk and rows in the ledger.

All partitions' batches that wait are committed together, with one sync and one transaction. A
file that cannot be written is taken back and fails alone; a disk that is full fails the batch; a
sync or a commit that fails takes back everything. What no code foresaw costs only the log that
met it: that one is held. Pure of network and event loop: runs in the disk thread.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from natsconsole.receiver.archive import Archive
from natsconsole.receiver.batch import Batch, Outcome
from natsconsole.receiver.batch_draft import BatchDraft, apart
from natsconsole.receiver.ledger import (
    FileEntry,
    Ledger,
    LedgerReadError,
    LedgerWriteError,
    PartitionEntry,
)
from natsconsole.receiver.log_files import LogFiles
from natsconsole.receiver.partition_logs import LogKey, PartitionLogs, Totals
from natsconsole.receiver.reserve import Reserve
from natsconsole.receiver.rotation import NEVER, Rotation

log = logging.getLogger(__name__)

_OF_THE_DISK = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE,
    errno.ESTALE, errno.ENODEV, errno.ENXIO,
})  # fmt: skip
"""Errors that say nothing of the one file that met them."""


class LostPartitionError(OSError):
    """A partition is another receiver's by now: nothing more of it may be written."""

    def __init__(self, partition: int) -> None:
        super().__init__(errno.EPERM, f"partition {partition} is another receiver's now")


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
        self._files = LogFiles(archive, ledger, rotation, now)
        self._sync = sync
        self._reserve = reserve
        self._now = now
        self.is_held: Callable[[int], bool] = lambda _: True
        """Says whether a partition is still ours: asked before anything of it is written."""
        self.counted = Totals()
        """What was committed here since the start; none of it ever falls. Read from any thread."""
        self._last_defect = ""

    def take_over(self, partition: int) -> tuple[PartitionLogs, PartitionEntry]:
        """Load a partition and cut its files back to what the ledger knows of.

        Raises:
            UncertainFileError: a file is longer than any batch could explain.
            OSError: the ledger cannot be read or written.
        """
        self.let_go(partition)
        entry = self._ledger.load(partition)
        files = dict(entry.files)
        changed: dict[str, FileEntry] = {}
        for path in entry.files:
            try:
                before, now = self._files.begin(path, partition)
            except OSError:
                del files[path]  # it is cut before it is written to, and its log held until then
                continue
            if now is not None and now != before:
                changed[path] = now
            else:
                self._files.give_up(path)
        self._archive.sync()
        if changed:
            self._ledger.adopt(changed)
        return PartitionLogs.of(partition, entry, files | changed), entry

    def let_go(self, partition: int) -> None:
        """Leave a partition's files alone: whoever has it next cuts them back."""
        self._files.let_go(partition)

    def give_up_unused(self) -> None:
        """Let others write to files that we have not written to for a while."""
        self._files.give_up_unused()

    def rotate_silent(self, logs: PartitionLogs, paths: Sequence[str]) -> None:
        """Close files that nobody writes to any more, so that retention can have them.

        Empty ones are removed. Their rows stay: what is delivered again is known by them.

        Raises:
            OSError: one cannot be renamed or removed, or the ledger cannot be written.
        """
        self._files.cut_left_overs()
        for path in paths:
            if not self.is_held(logs.partition):
                return
            if self._files.may_be_closed(path, logs):
                begun = self._files.rotate(path)
                self._ledger.adopt({path: begun})
                logs.files[path] = begun
            elif self._files.remove_empty(path, logs):
                self._ledger.adopt({path: FileEntry()})
                logs.files[path] = FileEntry()

    def commit(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Write, sync and commit batches of different partitions.

        Of a batch that failed no byte is left, and it can be given again.
        """
        drafts = [
            BatchDraft(
                batch,
                self._ledger.elsewhere,
                self._files.quarantine_room,
                folds_case=self._archive.folds_case,
            )
            for batch in batches
        ]
        planned = [draft for draft in drafts if self._plan(draft)]
        for together in apart(planned):
            self._commit_or_part(together)
        self._files.give_up_unused()
        return [draft.outcome for draft in drafts]

    def _plan(self, draft: BatchDraft) -> bool:
        """Plan a draft; False where that failed, and its outcome says why."""
        try:
            draft.plan()
        except OSError as error:
            draft.outcome = Outcome(failure=error)
        except Exception as error:  # noqa: BLE001 - a defect must cost one log, not all of them
            self._do_without_culprit(draft, error)
        else:
            return True
        return False

    def _commit_or_part(self, drafts: Sequence[BatchDraft]) -> None:
        """Commit; after a defect each draft alone, and at last without the log that it is of."""
        try:
            self._commit(drafts)
        except Exception as error:
            if any(draft.is_recorded for draft in drafts):
                raise  # whoever takes over again begins with what the ledger has
            self._take_back(drafts)
            if len(drafts) == 1:
                self._do_without_culprit(drafts[0], error)
                return
            for draft in drafts:
                if self._plan(draft):
                    self._commit_or_part([draft])

    def _do_without_culprit(self, draft: BatchDraft, error: Exception) -> None:
        """Commit a draft without the log that meets a defect; hold all of it where that fails."""
        broken: dict[LogKey, OSError] = {}
        while True:
            problem = self._defect(error)
            key = draft.culprit(self._ledger.is_recordable)
            if key is None or key in broken:
                draft.outcome = Outcome(failure=problem)
                return
            broken[key] = problem
            try:
                draft.plan(broken)
                self._commit([draft])
            except OSError as unreadable:
                draft.outcome = Outcome(failure=unreadable)
                return
            except Exception as another:
                if draft.is_recorded:
                    raise
                self._take_back([draft])
                error = another
            else:
                return

    def _defect(self, error: Exception) -> OSError:
        text = f"a defect of the receiver: {type(error).__name__}: {error}"
        if text != self._last_defect:
            log.error("%s", text, exc_info=error)
            self._last_defect = text
        return OSError(errno.EBADMSG, text)

    def _commit(self, drafts: Sequence[BatchDraft]) -> None:
        self._files.cut_left_overs()
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
                totals = draft.batch.logs.totals
                before = replace(totals)
                draft.accept()
                self.counted.grow(before, totals)

    def _keep_reserve(self) -> OSError | None:
        if self._reserve is None or self._reserve.is_whole:
            return None
        try:
            self._reserve.keep()
        except OSError as error:
            return error
        return None

    def _prepare_files(self, drafts: Sequence[BatchDraft]) -> OSError | None:
        """See that the ledger knows each file as it is before we write to it.

        Without it a crash between write and commit would leave bytes in a file of which the
        ledger knows nothing, and such a file is never cut.
        """
        changed: dict[str, FileEntry] = {}
        for draft in drafts:
            for key, path, size in draft.sizes():
                try:
                    before = self._files.ready(path, draft.batch.logs, size)
                except LedgerReadError as error:
                    return error
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

    def _write(self, draft: BatchDraft) -> OSError | None:
        if not self.is_held(draft.batch.logs.partition):
            return LostPartitionError(draft.batch.logs.partition)
        for key, path, pieces in draft.appends():
            try:
                self._archive.append(path, pieces)
                self._see_where_it_went(draft, path, pieces)
            except OSError as error:
                if error.errno in _OF_THE_DISK:
                    self._take_back([draft])
                    return error
                self._files.leave_over(draft.batch.logs.partition, path, draft.files_before[path])
                self._files.cut_left_overs()
                self._archive.abandon(path)
                if not draft.break_log(key, error):
                    self._take_back([draft])
                    return error
        return None

    def _see_where_it_went(self, draft: BatchDraft, path: str, pieces: Sequence[bytes]) -> None:
        """Notice a file that was closed, renamed by somebody, and made anew by our append."""
        if self._archive.inode(path) != draft.files_before[path].inode:
            found = self._archive.find(path)
            if found is not None:
                length = max(0, found.length - sum(map(len, pieces)))
                draft.files_before[path] = FileEntry(length, found.inode)
            raise OSError(errno.ESTALE, "was replaced by another file", path)

    def _make_durable(self, drafts: Sequence[BatchDraft]) -> OSError | None:
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
            draft.is_recorded = True
        for draft in drafts:
            draft.name_new_logs(new)
        return None

    def _take_back(self, drafts: Sequence[BatchDraft]) -> None:
        for draft in drafts:
            for path in draft.files_before:
                self._files.leave_over(draft.batch.logs.partition, path, draft.files_before[path])
        self._files.cut_left_overs()


def _lost(drafts: Sequence[BatchDraft], is_held: Callable[[int], bool]) -> OSError:
    """Return the error for drafts of which one was lost; the others are to be given again."""
    partition = next(
        (one.batch.logs.partition for one in drafts if not is_held(one.batch.logs.partition)), 0
    )
    return LostPartitionError(partition)
