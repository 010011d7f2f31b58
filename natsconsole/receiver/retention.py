"""Which files of the archive have been kept long enough. Pure: the sweep does what is said here.

Only rotated files are ever deleted. A host that went silent still has an active file; once its
last line is too old, whoever owns the partition has to rotate it away before it can go. So has the
owner to remove the empty one that is left of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from natsconsole.receiver.rotated_names import RotatedName

SETTLE = 30.0
"""Seconds: until a rotation is in every ledger, and every descriptor of the file is closed."""


class FoundFile(NamedTuple):
    """A file of one host, as the sweep found it."""

    path: str
    """``<host>/<file>``, both as they are on disk."""
    size: int
    mtime: float
    changed: float
    """When its inode last changed, a rename included; seconds since the epoch."""
    rotated: RotatedName | None
    """What its name says; None for an active file and for files of others."""

    @property
    def ended(self) -> float:
        """When its last line was written, as far as mtime and name agree on it."""
        return self.mtime if self.rotated is None else min(self.mtime, self.rotated.stamp)

    @property
    def is_active(self) -> bool:
        """Whether it is a log's active file, by its name: the ledger knows better."""
        return self.rotated is None and not self.path.partition("/")[2].startswith(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is kept. None is no limit."""

    keep_age: float | None = None
    """Seconds since a file's last line."""
    keep_bytes: int | None = None
    """Of all hosts' files together; the receiver's own state is not counted."""

    def __post_init__(self) -> None:
        if self.keep_age is not None and self.keep_age <= 0:
            raise ValueError("keep_age must be above 0")
        if self.keep_bytes is not None and self.keep_bytes <= 0:
            raise ValueError("keep_bytes must be above 0")


NO_LIMITS = Limits()


class Deletion(NamedTuple):
    """A rotated file that is to go, and why in plain words."""

    file: FoundFile
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """What a sweep has to do."""

    deletions: tuple[Deletion, ...]
    """Oldest first."""
    silent: tuple[str, ...]
    """Active files whose last line is older than ``keep_age``: to be rotated by their owner, or
    removed where they are empty."""
    files: int
    """How many there are, before any deletion."""
    bytes: int
    excess: int
    """Bytes above ``keep_bytes`` that no deletion can free."""


def plan_retention(
    found: Iterable[FoundFile],
    limits: Limits,
    now: float,
    *,
    settle: float = SETTLE,
) -> RetentionPlan:
    """Return what to delete, and which active files have to be rotated away first.

    A file that changed less than ``settle`` seconds ago stays.
    """
    deletable: list[FoundFile] = []
    silent: list[str] = []
    oldest = float("-inf") if limits.keep_age is None else now - limits.keep_age
    files = total = 0
    for file in found:
        files += 1
        total += file.size
        if file.rotated is not None:
            may_go = limits.keep_bytes is not None or file.ended < oldest
            if may_go and is_settled(file, now, settle):
                deletable.append(file)
        elif file.mtime < oldest and file.is_active:
            silent.append(file.path)
    deletable.sort(key=_oldest_first)
    deletions: list[Deletion] = []
    kept = total
    for file in deletable:
        if file.ended < oldest:
            why = f"last written {_days(now - file.ended)} ago, kept {_days(limits.keep_age or 0)}"
        elif limits.keep_bytes is not None and kept > limits.keep_bytes:
            why = f"{kept} bytes are kept, {limits.keep_bytes} may be"
        else:
            break
        deletions.append(Deletion(file, why))
        kept -= file.size
    return RetentionPlan(
        deletions=tuple(deletions),
        silent=tuple(silent),
        files=files,
        bytes=total,
        excess=0 if limits.keep_bytes is None else max(0, kept - limits.keep_bytes),
    )


def is_settled(file: FoundFile, now: float, settle: float) -> bool:
    """Whether a rotated file has been left alone long enough; so it has if from the future."""
    return not 0 <= now - file.changed < settle


def _oldest_first(file: FoundFile) -> tuple[float, str, RotatedName | None]:
    # Files of one log that ended in one instant still go in the order of their lines.
    return (file.ended, file.path.partition("/")[0], file.rotated)


def _days(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
