"""The archive's log files, kept to what the ledger says of them.

A file is made ready to be appended to, closed under a rotated name, cut back to its committed
length after a crash, and rid of what was written in vain.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, replace

from natsconsole.receiver.archive import Archive
from natsconsole.receiver.ledger import FileEntry, Ledger
from natsconsole.receiver.partition_logs import PartitionLogs
from natsconsole.receiver.quarantine import MOST_BYTES, quarantine_path
from natsconsole.receiver.rotated_names import next_rotated_name
from natsconsole.receiver.rotation import Rotation

LARGEST_CUT = 64 << 20
"""Bytes: a file that is longer than the ledger says by more than any batch is not ours to cut."""


class UncertainFileError(Exception):
    """A file is longer than any crash of ours could have left it."""


@dataclass(slots=True)
class _LeftOver:
    """Bytes behind the end of a file that the ledger knows nothing of."""

    partition: int
    length: int
    """The file's without them."""
    inode: int
    problem: OSError | None = None
    """Why they could not be cut off yet."""


class LogFiles:
    """The files of an archive, as far as their ends go."""

    def __init__(
        self, archive: Archive, ledger: Ledger, rotation: Rotation, now: Callable[[], float]
    ) -> None:
        self._archive = archive
        self._claims = archive.claims
        self._ledger = ledger
        self._rotation = rotation
        self._now = now
        self._left_over: dict[str, _LeftOver] = {}
        """By path."""

    def let_go(self, partition: int) -> None:
        """Leave a partition's files alone: whoever has it next cuts them back."""
        for path, left in list(self._left_over.items()):
            if left.partition == partition:
                del self._left_over[path]
        self._claims.let_go(partition)

    def give_up(self, path: str) -> None:
        """Let others write to a file of which nothing is uncommitted."""
        if path not in self._left_over:
            self._claims.give_up(path)

    def give_up_unused(self) -> None:
        """Let others write to files that we have not written to for a while."""
        self._claims.give_up_unused(is_needed=self._left_over.__contains__)

    def begin(self, path: str, partition: int) -> tuple[FileEntry | None, FileEntry | None]:
        """Claim a file and cut it back to what the ledger has of it by now.

        Returns its row and what it is now, both None where there is no row: it is never cut then.

        Raises:
            UncertainFileError: it is longer than any batch could explain.
            OSError: another receiver has it, or it cannot be looked at or cut.
        """
        self._claims.claim(path, partition)
        recorded = self._ledger.file(path)
        return recorded, recorded and self.recover(path, recorded)

    def ready(self, path: str, logs: PartitionLogs, size: int) -> FileEntry:
        """Return the file as it is to be appended to, begun anew where that is due."""
        left = self._left_over.get(path)
        if left is not None and left.problem is not None:
            raise left.problem
        now = self._now()
        known = self._known(path, logs)
        found = self._archive.find(path)
        if found is None or known is None or found.inode != known.inode:
            # Ours is gone, was renamed or was never there: what lies there is not ours to cut.
            length = found.length if found is not None else 0
            known = FileEntry(length, self._archive.inode(path), now)
        elif found.length != known.length:
            known = replace(known, length=found.length)
        if path != quarantine_path(logs.partition) and self._rotation.is_due(known, size, now):
            known = self.rotate(path)
        return known if known.length else replace(known, since=now)

    def _known(self, path: str, logs: PartitionLogs) -> FileEntry | None:
        """Claim a file and return what is known of it; of one that was not ours, what is so now."""
        if self._claims.claim(path, logs.partition):
            logs.files.pop(path, None)
        known = logs.files.get(path)
        if known is not None:
            return known
        try:
            recorded, known = self.begin(path, logs.partition)
        except UncertainFileError as error:
            self._claims.give_up(path)
            raise OSError(errno.EFBIG, str(error)) from error
        except OSError:
            self._claims.give_up(path)
            raise
        if recorded is not None:
            logs.files[path] = recorded
        return known

    def quarantine_room(self, partition: int) -> int:
        """Return for how many bytes there is room in a partition's quarantine.

        Raises:
            OSError: it cannot be looked at.
        """
        found = self._archive.find(quarantine_path(partition))
        return MOST_BYTES - (found.length if found is not None else 0)

    def may_be_closed(self, path: str, logs: PartitionLogs) -> bool:
        """Say whether a file is ours as it lies there, and has anything in it."""
        if path not in logs.files or path in self._left_over:
            return False
        try:
            known = self._known(path, logs)
        except OSError:
            return False
        found = self._archive.find(path)
        return known is not None and found is not None and found.length > 0

    def remove_empty(self, path: str, logs: PartitionLogs) -> bool:
        """Remove a file of ours that never got a line, and its directory where that was its last.

        Returns whether it did. What is known of it is to be forgotten then: its inode is free.

        Raises:
            OSError: it cannot be removed.
        """
        if path not in logs.files or path in self._left_over:
            return False
        known, found = self._known(path, logs), self._archive.find(path)
        if known is None or known.length or found != (0, known.inode):
            return False
        self._archive.remove(path)
        return True

    def rotate(self, path: str) -> FileEntry:
        """Close a file under the next rotated name, and return what is begun in its place."""
        name = path.rpartition("/")[2]
        taken = self._archive.names_beside(path)
        self._archive.rename(path, next_rotated_name(name, self._now(), taken))
        return FileEntry(0, self._archive.inode(path), self._now())

    def recover(self, path: str, file: FileEntry) -> FileEntry:
        """Cut a file back to its committed length, also under a name that somebody gave it.

        Raises:
            UncertainFileError: the file is longer than any batch could explain.
            OSError: it cannot be looked at or cut.
        """
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

    def leave_over(self, partition: int, path: str, before: FileEntry) -> None:
        """Note that all behind a file's former end was written in vain."""
        self._left_over[path] = _LeftOver(partition, before.length, before.inode)

    def cut_left_overs(self) -> None:
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

    def _cut_back(self, path: str, found: int, length: int) -> None:
        excess = found - length
        if excess > LARGEST_CUT:
            raise UncertainFileError(
                f"{path} is {excess} bytes longer than the ledger says, more than any batch: "
                "move it away, or cut it yourself, and start again"
            )
        if excess > 0:
            self._archive.cut(path, length)

    def _where_it_is(self, path: str, inode: int) -> str | None:
        """Return the path of a file of ours, also where somebody has just renamed it."""
        found = self._archive.find(path)
        if found is not None and found.inode == inode:
            return path
        return self._archive.find_renamed(path, inode)
