"""The fence between receivers on one machine: a lock file per partition, held while writing.

Pinning is not exclusive: a pinned client may still have deliveries in memory when another is
pinned. The kernel's lock is exclusive, and ends with its process.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class PartitionLock:
    """A lock that is held."""

    def __init__(self, file: int) -> None:
        self._file = file

    @classmethod
    def take(cls, path: Path) -> PartitionLock | None:
        """Take the lock, or return None where another process has it."""
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return cls(file)

    def release(self) -> None:
        os.close(self._file)
