"""Claims on single files: of the receivers that share a directory one at a time writes to a file.

A partition's lock is not enough for that. Once the stream's partitions have been changed a host
has lines in two of them, and two receivers may have them. So each file is claimed before it is cut
or written to, until what was written is committed; and while it is claimed nobody else changes it
or its row in the ledger. The kernel keeps the claims, and ends them with their process.

Claims are locks on single bytes of a few files, not on the log files themselves: a batch may write
to more files than a process may have open, and what is closed is not locked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

CLAIMS_KEPT = 8192
"""At most, of those that nobody needs any more."""
LOCK_FILES = 16
"""Each new claim walks the kernel's list of a lock file's: with one file 20,000 take 6 s."""
IDLE = 10.0
"""Seconds after its last use until a claim is given up, so that another receiver gets its turn."""
_OFD_SETLK: int | None = getattr(fcntl, "F_OFD_SETLK", None)


class _Claim(NamedTuple):
    partition: int
    """The one that used it last."""
    used: float


class FileClaims:
    """The claims of one receiver. Used from one thread."""

    def __init__(self, root: int, directory: str) -> None:
        """Prepare; nothing is made on the disk before the first claim.

        Args:
            root: descriptor of the archive's directory.
            directory: where in it the lock files are.
        """
        self._root = root
        self._directory = directory
        self._locks: dict[int, int] = {}
        self._claims: OrderedDict[str, _Claim] = OrderedDict()

    def claim(self, path: str, partition: int) -> bool:
        """Claim a file for a partition.

        Returns whether it was not ours yet: then all that is remembered of it may be out of date.

        Raises:
            OSError: another receiver has it, or it cannot be claimed.
        """
        is_new = path not in self._claims
        if is_new:
            try:
                self._set(path, fcntl.F_WRLCK)
            except (BlockingIOError, PermissionError) as error:
                reason = "another receiver that shares this directory writes to it"
                raise OSError(errno.EBUSY, reason, path) from error
        self._claims[path] = _Claim(partition, time.monotonic())
        self._claims.move_to_end(path)
        return is_new

    def give_up(self, path: str) -> None:
        """Give a claim up, where there is one."""
        if self._claims.pop(path, None) is not None:
            self._set(path, fcntl.F_UNLCK)

    def let_go(self, partition: int) -> None:
        """Give up all that a partition used last."""
        for path, claim in list(self._claims.items()):
            if claim.partition == partition:
                self.give_up(path)

    def give_up_unused(self, *, is_needed: Callable[[str], bool]) -> None:
        """Give up what was not used for a while, or is too much, but for what is still needed."""
        since = time.monotonic() - IDLE
        excess = len(self._claims) - CLAIMS_KEPT
        unused = []
        for path, claim in self._claims.items():
            if claim.used > since and excess <= 0:
                break
            if not is_needed(path):
                unused.append(path)
                excess -= 1
        for path in unused:
            self.give_up(path)

    def close(self) -> None:
        """Give up everything."""
        self._claims.clear()
        for lock in self._locks.values():
            os.close(lock)
        self._locks.clear()

    def _set(self, path: str, kind: int) -> None:
        raw = path.encode("utf-8", "surrogateescape")
        place, number = divmod(
            int.from_bytes(blake2b(raw, digest_size=8).digest()) >> 1, LOCK_FILES
        )
        lock = self._locks.get(number)
        if lock is None:
            lock = self._locks[number] = self._open(f"files-{number:02}.lock")
        if _OFD_SETLK is not None:
            request = struct.pack("hhqqi4x", kind, os.SEEK_SET, place, 1, 0)
            fcntl.fcntl(lock, _OFD_SETLK, request)
        else:
            how = fcntl.LOCK_UN if kind == fcntl.F_UNLCK else fcntl.LOCK_EX | fcntl.LOCK_NB
            fcntl.lockf(lock, how, 1, place)

    def _open(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._directory, 0o700, dir_fd=self._root)
        return os.open(f"{self._directory}/{name}", flags, 0o600, dir_fd=self._root)
