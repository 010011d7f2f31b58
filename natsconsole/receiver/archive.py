"""The archive: appends bytes to one file per log, makes them durable, and can take them back.

The one place where the receiver writes log bytes. It knows paths and bytes, no messages: which
bytes belong where is the committer's business. Every method may raise ``OSError``.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from natsconsole.receiver.file_claims import FileClaims
from natsconsole.receiver.rotated_names import is_renamed

STATE_DIRECTORY = ".natsconsole"
"""In the archive's directory: what is ours and no host's."""
FILE_MODE = 0o640
DIRECTORY_MODE = 0o750
OPEN_FILES = 2048
"""At most, where the process may have so many: to open one costs more than to write to it."""
_SYNC_ONE_BY_ONE = 4
_WORTH_A_VECTOR = 4096
"""Bytes a piece from which on it is cheaper to hand the pieces over than to join them."""
_PIECES = 1024
"""At most in one call: IOV_MAX of Linux and macOS."""
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Found(NamedTuple):
    """A file as it lies on the disk."""

    length: int
    inode: int


WriteFault = Callable[[bytes], int | None]
"""Says how many of these bytes the disk takes before it is full, or None for all of them."""


class Archive:
    """The files below one directory. Used from one thread."""

    def __init__(self, directory: Path, *, open_files: int = OPEN_FILES) -> None:
        self._root = os.open(directory, _DIRECTORY_FLAGS & ~os.O_NOFOLLOW)
        self.claims = FileClaims(self._root, STATE_DIRECTORY)
        """Which files are ours to change. Nothing here looks at them: callers claim first."""
        self.folds_case = self._folds_case()
        """Whether names that differ in letter case alone are one file, as by default on macOS."""
        self._open_files = open_files
        self._files: OrderedDict[str, int] = OrderedDict()
        self._inodes: dict[str, int] = {}
        self._made: set[str] = set()
        self._dirty: set[str] = set()
        self.write_fault: WriteFault | None = None
        """Set by tests and the lab to make writes fail as a full disk does."""

    def append(self, path: str, pieces: Sequence[bytes]) -> None:
        """Append to a file, making it and its directory where missing. May leave a part of it."""
        file = self._file(path)
        self._dirty.add(path)
        if self.write_fault is not None:
            pieces = [b"".join(pieces)]
            room = self.write_fault(pieces[0])
            if room is not None:
                os.write(file, pieces[0][:room])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        size = sum(map(len, pieces))
        if size >= len(pieces) * _WORTH_A_VECTOR and 1 < len(pieces) <= _PIECES:
            written = os.writev(file, pieces)
            if written == size:
                return
        else:
            written = 0
        view = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))[written:]
        while view:
            view = view[os.write(file, view) :]

    def find(self, path: str) -> Found | None:
        """Return what lies at a path now, or None.

        A file that we have open and that somebody renamed, as an external logrotate does, is
        closed: the next write makes or opens what the path then names.
        """
        try:
            found = os.stat(path, dir_fd=self._root, follow_symlinks=False)
        except FileNotFoundError:
            self.forget(path)
            return None
        file = self._files.get(path)
        if file is not None and self._inodes[path] != found.st_ino:
            self.forget(path)
        return Found(found.st_size, found.st_ino)

    def find_renamed(self, path: str, inode: int) -> str | None:
        """Return where a file of ours is now that somebody renamed it in its directory, or None.

        An inode is soon used again, so its new name must be one that a logrotate would give it.
        """
        directory_name, _, file_name = path.rpartition("/")
        try:
            directory = os.open(directory_name, _DIRECTORY_FLAGS, dir_fd=self._root)
        except OSError:
            return None
        try:
            with os.scandir(directory) as entries:
                names = [
                    entry.name
                    for entry in entries
                    if entry.inode() == inode and is_renamed(entry.name, file_name)
                ]
        finally:
            os.close(directory)
        return f"{directory_name}/{names[0]}" if names else None

    def names_beside(self, path: str) -> set[str]:
        """Return the names of all files in a file's directory."""
        with self._directory(path.rpartition("/")[0]) as directory:
            return {entry.name for entry in os.scandir(directory)}

    def rename(self, path: str, name: str) -> None:
        """Give a file another name in its directory, durably."""
        self.forget(path)
        directory_name, _, file_name = path.rpartition("/")
        with self._directory(directory_name) as directory:
            os.rename(file_name, name, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)

    def remove(self, path: str) -> None:
        """Delete a file, and its directory where nothing else is in it."""
        self.forget(path)
        directory_name, _, file_name = path.rpartition("/")
        with self._directory(directory_name) as directory:
            os.unlink(file_name, dir_fd=directory)
        with contextlib.suppress(OSError):
            os.rmdir(directory_name, dir_fd=self._root)
            self._made.discard(directory_name)

    def forget(self, path: str) -> None:
        """Close a file; what was written to it is synced all the same."""
        file = self._files.pop(path, None)
        if file is not None:
            del self._inodes[path]
            try:
                if path in self._dirty:
                    self._dirty.discard(path)
                    _sync_data(file)
            finally:
                os.close(file)

    def abandon(self, path: str) -> None:
        """Close a file that failed, unsynced: no sync of other files may fail because of it."""
        self._dirty.discard(path)
        with contextlib.suppress(OSError):
            self.forget(path)

    def cut(self, path: str, length: int) -> None:
        """Cut a file back to a length in bytes."""
        os.ftruncate(self._file(path), length)
        self._dirty.add(path)

    def inode(self, path: str) -> int:
        """Return the inode of a file, making it where it is missing."""
        self._file(path)
        return self._inodes[path]

    def sync(self) -> None:
        """Make all that was appended or cut since the last sync durable.

        After a failure nothing written since the last sync may be believed: cut it and write it
        again, for a second sync may succeed without having written anything.
        """
        dirty, self._dirty = self._dirty, set()
        made, self._made = self._made, set()
        try:
            self._sync(dirty, made)
        except OSError:
            self._made |= made  # what they hold is not written again
            raise

    def _sync(self, dirty: set[str], made: set[str]) -> None:
        if len(dirty) + len(made) > _SYNC_ONE_BY_ONE and _syncfs is not None:
            if _syncfs(self._root) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
            return
        for path in dirty:
            _sync_data(self._file(path))
        for directory in made:
            self._sync_directory(directory)
        if made:
            os.fsync(self._root)

    def free_bytes(self) -> int:
        """Return how many bytes are free for us on the archive's disk."""
        found = os.fstatvfs(self._root)
        return found.f_bavail * found.f_frsize

    def close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()
        self.claims.close()
        os.close(self._root)

    def _folds_case(self) -> bool:
        try:
            found = os.stat(STATE_DIRECTORY, dir_fd=self._root)
            other = os.stat(STATE_DIRECTORY.upper(), dir_fd=self._root)
        except OSError:
            return False
        return os.path.samestat(found, other)

    def _file(self, path: str) -> int:
        file = self._files.get(path)
        if file is not None:
            self._files.move_to_end(path)
            return file
        file = self._open(path)
        self._files[path] = file
        self._inodes[path] = os.fstat(file).st_ino
        if len(self._files) > self._open_files:
            self._close_oldest()
        return file

    def _close_oldest(self) -> None:
        path, file = self._files.popitem(last=False)
        del self._inodes[path]
        if path in self._dirty and _syncfs is None:
            _sync_data(file)
        os.close(file)

    def _open(self, path: str) -> int:
        directory_name, _, file_name = path.rpartition("/")
        with self._directory(directory_name) as directory:
            try:
                file = os.open(file_name, _FILE_FLAGS & ~os.O_CREAT, dir_fd=directory)
            except FileNotFoundError:
                file = os.open(file_name, _FILE_FLAGS, FILE_MODE, dir_fd=directory)
                self._made.add(directory_name)
                os.fchmod(file, FILE_MODE)
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            os.close(file)
            raise OSError(errno.EPERM, "is not a regular file of ours", path)
        return file

    @contextlib.contextmanager
    def _directory(self, name: str) -> Iterator[int]:
        try:
            directory = os.open(name, _DIRECTORY_FLAGS, dir_fd=self._root)
        except FileNotFoundError:
            os.mkdir(name, DIRECTORY_MODE, dir_fd=self._root)
            self._made.add(name)
            directory = os.open(name, _DIRECTORY_FLAGS, dir_fd=self._root)
            os.fchmod(directory, DIRECTORY_MODE)
        try:
            yield directory
        finally:
            os.close(directory)

    def _sync_directory(self, name: str) -> None:
        directory = os.open(name, _DIRECTORY_FLAGS, dir_fd=self._root)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _sync_data(file: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(file)
    else:
        os.fsync(file)


def _load_syncfs() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return found


_syncfs = _load_syncfs()
"""Syncs a whole file system in one call: 4 ms where 500 files one by one take 120 ms."""
