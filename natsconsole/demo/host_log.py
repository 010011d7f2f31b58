"""One log file of one host: whole lines are appended, and a full file is renamed aside.

Nothing is ever deleted, because the integrity account needs every byte that was written.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

_NUMBER = re.compile(r"\.(\d+)")
_MOST_UNWRITTEN = 1 << 20


class HostLog:
    """A log that rotates by rename: ``x.log`` becomes ``x.log.000001``, then ``.000002``.

    Args:
        path: the file that is written.
        rotate_bytes: it rotates once it is so long.
        rotate_seconds: but not more often than this.
    """

    def __init__(self, path: Path, *, rotate_bytes: int, rotate_seconds: float = 0.0) -> None:
        self.path = path
        self._rotate_bytes = rotate_bytes
        self._rotate_seconds = rotate_seconds
        self._unwritten = b""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._next_number = max((number for number, _ in rotated_files(path)), default=0) + 1
        self._open()

    @property
    def takes_more(self) -> bool:
        """False while a full disk holds up too much."""
        return len(self._unwritten) < _MOST_UNWRITTEN

    def write(self, lines: bytes) -> None:
        """Append whole lines. What a full disk refuses is kept and written first next time."""
        self._unwritten += lines
        with contextlib.suppress(OSError):
            while self._unwritten:
                count = os.write(self._file, self._unwritten)
                self._size += count
                self._unwritten = self._unwritten[count:]
        is_old = time.monotonic() - self._opened >= self._rotate_seconds
        if is_old and self._size >= self._rotate_bytes and not self._unwritten:
            self._rotate()

    def close(self) -> None:
        """Close the file behind its last whole line."""
        self.write(b"")
        os.close(self._file)

    def _rotate(self) -> None:
        os.close(self._file)
        self.path.rename(self.path.with_name(f"{self.path.name}.{self._next_number:06d}"))
        self._next_number += 1
        self._open()

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._opened = time.monotonic()
        self._size = os.fstat(self._file).st_size
        # A writer killed in mid-line has left a piece; the next line must not continue it.
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            self._unwritten = b"\n"


def rotated_files(path: Path) -> list[tuple[int, Path]]:
    """Return the rotated files of the log at ``path`` with their numbers, oldest first."""
    found = []
    for other in path.parent.glob("*"):
        if other.name.startswith(f"{path.name}."):
            number = _NUMBER.fullmatch(other.name[len(path.name) :])
            if number is not None:
                found.append((int(number[1]), other))
    return sorted(found)


def log_files(path: Path) -> list[Path]:
    """Return all files of the log at ``path``, oldest first."""
    files = [rotated for _, rotated in rotated_files(path)]
    return [*files, path] if path.exists() else files
