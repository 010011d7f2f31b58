"""``natsconsole receive``, which kills itself (SIGKILL) at one exact point of its work.

``NATSCONSOLE_KILL_POINT=write:3 python -m tests.support.receiver_with_kill_point --dir ...`` dies
at the third passing of the point ``write``. Points are hooked in here, where the receiver's parts
meet, so that the program people run has no such hook.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from natsconsole.receiver.answers import ACK
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.batch import Batch, Outcome
from natsconsole.receiver.committer import Committer
from natsconsole.receiver.ledger import FileEntry, Ledger, LedgerWriteError, PartitionCommit
from natsconsole.receiver.reserve import Reserve
from shipper.connection import Connection

VARIABLE = "NATSCONSOLE_KILL_POINT"
POINTS: Mapping[str, str] = {
    "pull": "before the first byte of a batch is written",
    "adopt": "after a new file's length is recorded, before its first byte is written",
    "half": "in the middle of a write",
    "write": "after a write, before the sync",
    "sync": "after the sync, before the commit",
    "commit": "after the commit, before the ack",
    "ack": "after the ack",
    "reserve": "after the reserve is made whole, before anything is written",
    "release": "after the reserve is given to a ledger that had no room, before the commit",
    "rename": "after a file is rotated away, before the ledger knows",
    "rotated": "after the ledger knows of a rotation, before the new file's first byte",
    "quarantine": "after a message is written to quarantine, before the sync",
    "terminate": "after a quarantined message is committed, before it is terminated",
    "park": "after a log is parked in the ledger, before its messages are acknowledged",
    "backfill-write": "after a parked log's lines are written, before they are committed",
    "backfill": "after a parked log's lines are committed",
    "unpark": "after a log is live again in the ledger",
}
"""Every point by name, and where it lies."""


class KillPoint:
    """Counts how often its point is passed."""

    def __init__(self, text: str) -> None:
        self.name, _, times = text.partition(":")
        if self.name not in POINTS:
            raise SystemExit(f"{VARIABLE}={text!r}: name one of {', '.join(POINTS)}")
        self._left = int(times or 1)

    def passes(self, name: str) -> bool:
        """Whether this is the moment."""
        if name != self.name:
            return False
        self._left -= 1
        return self._left == 0

    def strike(self, name: str) -> None:
        """Die if this is the moment."""
        if self.passes(name):
            os.kill(os.getpid(), signal.SIGKILL)


def arm(point: KillPoint) -> None:
    """Hook the point in. The one place to change when the receiver's parts do."""
    _arm_rotation(point)
    _arm_reserve(point)
    _arm_batches(point)
    append, sync = Archive.append, Archive.sync
    commit, adopt = Ledger.commit, Ledger.adopt
    is_written = False

    def armed_append(self: Archive, path: str, pieces: Sequence[bytes]) -> None:
        nonlocal is_written
        point.strike("pull")
        if point.passes("half"):
            append(self, path, [pieces[0][: len(pieces[0]) // 2]])
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, path, pieces)
        is_written = True
        point.strike("write")

    def armed_sync(self: Archive, *arguments: Any) -> None:
        nonlocal is_written
        sync(self, *arguments)
        # Taking over syncs too; only a sync of lines is the point.
        if is_written:
            is_written = False
            point.strike("sync")

    _replace(Archive, "append", armed_append)
    _replace(Archive, "sync", armed_sync)
    _replace(Ledger, "commit", _striking(commit, point, "commit"))
    _replace(Ledger, "adopt", _striking(adopt, point, "adopt"))
    _arm_acks(point)


def _arm_rotation(point: KillPoint) -> None:
    rename, adopt = Archive.rename, Ledger.adopt
    is_renamed = False

    def armed_rename(self: Archive, path: str, name: str) -> None:
        nonlocal is_renamed
        rename(self, path, name)
        is_renamed = True
        point.strike("rename")

    def armed_adopt(self: Ledger, files: Mapping[str, FileEntry]) -> None:
        nonlocal is_renamed
        adopt(self, files)
        if is_renamed:
            is_renamed = False
            point.strike("rotated")

    _replace(Archive, "rename", armed_rename)
    _replace(Ledger, "adopt", armed_adopt)


def _arm_reserve(point: KillPoint) -> None:
    release, commit = Reserve.release, Ledger.commit

    def armed_release(self: Reserve) -> bool:
        released = release(self)
        point.strike("release")
        return released

    def failing_commit(self: Ledger, commits: Iterable[PartitionCommit]) -> Any:
        if point.name == "release":
            raise LedgerWriteError(None, "the ledger cannot be written: as on a full disk")
        return commit(self, commits)

    _replace(Reserve, "keep", _striking(Reserve.keep, point, "reserve"))
    _replace(Reserve, "release", armed_release)
    _replace(Ledger, "commit", failing_commit)


def _arm_batches(point: KillPoint) -> None:
    commit, ledger_commit, append = Committer.commit, Ledger.commit, Archive.append
    is_backfill = False

    def armed_commit(self: Committer, batches: Sequence[Batch]) -> list[Outcome]:
        nonlocal is_backfill
        is_backfill = any(batch.backfill is not None for batch in batches)
        outcomes = commit(self, batches)
        for batch, outcome in zip(batches, outcomes, strict=True):
            if outcome.failure is None:
                _strike_committed(point, batch, outcome)
        return outcomes

    def armed_ledger_commit(self: Ledger, commits: Iterable[PartitionCommit]) -> Any:
        parts = list(commits)
        if is_backfill and any(part.files for part in parts):
            point.strike("backfill-write")
        return ledger_commit(self, parts)

    def armed_append(self: Archive, path: str, pieces: Sequence[bytes]) -> None:
        append(self, path, pieces)
        if "/quarantine-" in path:
            point.strike("quarantine")

    _replace(Committer, "commit", armed_commit)
    _replace(Ledger, "commit", armed_ledger_commit)
    _replace(Archive, "append", armed_append)


def _strike_committed(point: KillPoint, batch: Batch, outcome: Outcome) -> None:
    if outcome.terminated:
        point.strike("terminate")
    if batch.park:
        point.strike("park")
    if batch.backfill is not None and batch.deliveries and not outcome.broken:
        point.strike("backfill")
    if batch.unpark is not None and batch.unpark[0] not in batch.logs.parked:
        point.strike("unpark")


def _arm_acks(point: KillPoint) -> None:
    send = Connection.send

    def armed_send(self: Connection, frames: Iterable[tuple[str, bytes]]) -> None:
        sent = list(frames)
        send(self, sent)
        if any(payload == ACK for _, payload in sent):
            point.strike("ack")

    _replace(Connection, "send", armed_send)


def _striking(method: Callable[..., Any], point: KillPoint, name: str) -> Callable[..., Any]:
    def armed(*arguments: Any, **named: Any) -> Any:
        result = method(*arguments, **named)
        point.strike(name)
        return result

    return armed


def _replace(owner: type, name: str, method: Callable[..., Any]) -> None:
    setattr(owner, name, method)


def main() -> None:
    """Run the receiver with the point armed."""
    from natsconsole.cli.receive import receive

    arm(KillPoint(os.environ.pop(VARIABLE, "")))
    receive()


if __name__ == "__main__":
    main()
