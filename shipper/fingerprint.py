"""Which file is that, whatever its name: device, inode, and hashes of what was read of it.

An inode alone is used again at once, and a head alone is that of every file which begins alike.
Only where all agree is it the same file. The head grows with what was read, so that a short
file is known too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from shipper.batches import digest_of

HEAD_BYTES = 1024
TAIL_BYTES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a file was acknowledged, and how to know it again."""

    identity: str
    """Its name on the wire: given once, never used again for other content."""
    device: int
    inode: int
    offset: int
    lines: int
    """How many line ends lie before the offset."""
    head: str
    """Hash of the first bytes before the offset, at most 1024."""
    tail: str
    """Hash of the last bytes before the offset, at most 128."""
    modified_ns: int
    """When the file was last seen to change: tells which of its rotated siblings are younger."""
    is_retired: bool = False
    """All of it was shipped and nobody writes it any more: kept to know it by another name."""

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode


def holds(file: int, position: Position) -> bool:
    """Tell whether an open file's content agrees with what was read up to a position."""
    offset = position.offset
    if os.fstat(file).st_size < offset:
        return False
    return (
        digest_of(read_head(file, offset)) == position.head
        and digest_of(read_tail(file, offset)) == position.tail
    )


def is_retired_file(file: int, position: Position) -> bool:
    """Tell whether an open file is one that was shipped to its end, unchanged since.

    More is asked than to resume: inodes of deleted files are used again, and many logs begin alike.
    """
    status = os.fstat(file)
    return (
        (status.st_dev, status.st_ino) == position.key
        and status.st_size == position.offset
        and status.st_mtime_ns == position.modified_ns
        and holds(file, position)
    )


def read_head(file: int, offset: int) -> bytes:
    """Return the first bytes of what lies before ``offset``."""
    return os.pread(file, min(offset, HEAD_BYTES), 0)


def read_tail(file: int, offset: int) -> bytes:
    """Return the last bytes of what lies before ``offset``."""
    size = min(offset, TAIL_BYTES)
    return os.pread(file, size, offset - size)
