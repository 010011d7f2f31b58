"""Hears from the kernel which files changed, so that ten thousand quiet ones cost nothing.

Where the kernel does not tell (another system, a network's disk, too few watches) `add` says so,
and its caller looks itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_OVERFLOW, _IGNORED, _IS_DIRECTORY, _ONLY_DIRECTORY = 0x4000, 0x8000, 0x40000000, 0x01000000
_WANTED = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _ONLY_DIRECTORY
_EVENT = struct.Struct("iIII")
_READ_SIZE = 1 << 16
_READS = 64
_MOUNTS = Path("/proc/self/mountinfo")
_FOREIGN = ("nfs", "cifs", "smb", "9p", "fuse", "ceph", "gluster", "lustre", "afs", "virtiofs")
"""File systems that others may write to without our kernel's knowing."""


@dataclass(slots=True)
class Changes:
    """What happened since the last look."""

    paths: set[str] = field(default_factory=set)
    """Files that were written, made, renamed or deleted."""
    appeared: set[str] = field(default_factory=set)
    """Those of them that have not been there under this name."""
    directories: set[str] = field(default_factory=set)
    """Directories that appeared."""
    is_partial: bool = False
    """More happened than the kernel could remember: look at everything."""


class DirectoryWatch:
    """Watches directories. Used from one thread at a time, but for `fileno`."""

    def __init__(self) -> None:
        self._directories: dict[int, str] = {}
        self._watches: dict[str, int] = {}
        self._refused: set[str] = set()
        self._file = -1
        self._foreign = _foreign_devices()
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._file = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor that is readable when something happened; -1 where there is none."""
        return self._file

    def add(self, directory: str) -> bool:
        """Watch a directory, and return whether that works."""
        if directory in self._watches:
            return True
        if self._file < 0:
            return False
        try:
            if os.stat(directory).st_dev in self._foreign:  # noqa: PTH116 - it is called often
                return False
        except OSError:
            return False
        number = self._libc.inotify_add_watch(self._file, os.fsencode(directory), _WANTED)
        if number < 0:
            if ctypes.get_errno() == errno.ENOSPC:
                self._refused.add(directory)
            return False
        # Two names of one directory share a watch, and events name the last one.
        former = self._directories.get(number)
        if former is not None:
            del self._watches[former]
        self._directories[number] = directory
        self._watches[directory] = number
        self._refused.discard(directory)
        return True

    @property
    def refused(self) -> int:
        """How many directories the kernel has no watch left for."""
        return len(self._refused)

    def read(self) -> Changes:
        """Return what happened."""
        changes = Changes()
        for _ in range(_READS):
            try:
                data = os.read(self._file, _READ_SIZE) if self._file >= 0 else b""
            except BlockingIOError:
                break
            if not data:
                break
            self._take(data, changes)
        return changes

    def give_back(self) -> None:
        """Return memory that is not used any more to the system, where its library can do that."""
        with contextlib.suppress(AttributeError):
            self._libc.malloc_trim(0)

    def close(self) -> None:
        """Watch nothing more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _take(self, data: bytes, changes: Changes) -> None:
        position = 0
        while position < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, position)
            begin = position + _EVENT.size
            position = begin + length
            if mask & _OVERFLOW:
                changes.is_partial = True
                continue
            directory = self._directories.get(number)
            if directory is None:
                continue
            if mask & _IGNORED:
                del self._directories[number]
                self._watches.pop(directory, None)
                changes.is_partial = True
                continue
            path = f"{directory}/{os.fsdecode(data[begin:position].rstrip(bytes(1)))}"
            if not mask & _IS_DIRECTORY:
                changes.paths.add(path)
            if mask & (_CREATE | _MOVED_TO):
                appeared = changes.directories if mask & _IS_DIRECTORY else changes.appeared
                appeared.add(path)


def _foreign_devices() -> set[int]:
    devices: set[int] = set()
    try:
        text = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return devices
    for line in text.splitlines():
        fields, _, rest = line.partition(" - ")
        kind = rest.split(" ", 1)[0]
        if kind.startswith(_FOREIGN):
            major, _, minor = fields.split(" ")[2].partition(":")
            devices.add(os.makedev(int(major), int(minor)))
    return devices
