"""A file that keeps some room on the disk, so that a full one still takes the last commit.

Lines may not use it: while it is not whole, nothing is written to the archive. Only the ledger
may, for lines that are synced already.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from pathlib import Path

LARGEST = 16 << 20
"""Bytes: many times what the ledger's write-ahead log grows to."""
SHARE_OF_DISK = 0.02
"""Of each receiver's: two of them stay below 5 % of the disk."""

log = logging.getLogger(__name__)


class Reserve:
    """The reserve of one receiver. Used in the disk thread."""

    def __init__(self, path: Path, size: int | None = None) -> None:
        self._path = path
        self._size = _size_for(path.parent) if size is None else size

    def keep(self) -> None:
        """Make the reserve whole.

        Raises:
            OSError: there is no room for it, so there is none for lines.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path, flags, 0o600)
        try:
            if os.fstat(file).st_size < self._size:
                _fill(file, self._size)
            if os.fstat(file).st_size < self._size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file, 0)
            raise
        finally:
            os.close(file)

    @property
    def is_whole(self) -> bool:
        """Whether it takes the room that it should."""
        with contextlib.suppress(OSError):
            return self._path.stat().st_size >= self._size
        return False

    def release(self) -> bool:
        """Give its room to the ledger; returns whether there was any."""
        if not self.is_whole:
            return False
        with contextlib.suppress(OSError):
            os.truncate(self._path, 0)
            log.warning("the disk is full: the ledger uses the reserve of %s bytes", self._size)
            return True
        return False

    def remove(self) -> None:
        """Give the room back for good."""
        self._path.unlink(missing_ok=True)


def _size_for(directory: Path) -> int:
    found = os.statvfs(directory)
    return min(LARGEST, int(found.f_blocks * found.f_frsize * SHARE_OF_DISK))


def _fill(file: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
        else:
            return
    block = bytes(1 << 16)
    for start in range(0, size, len(block)):
        os.pwrite(file, block[: size - start], start)
