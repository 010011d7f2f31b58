"""A disk that is small enough to be filled: a tmpfs that only this process and its children see.

It lies in a mount namespace of our own, so that it is gone with us, however we end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
from pathlib import Path

_BALLAST = ".ballast"
_BLOCK = bytes(1 << 16)
_CLONE_NEWNS = 0x20000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE = 2, 4, 1 << 14, 1 << 18
_MNT_DETACH = 2


def enter_private_mounts() -> bool:
    """Give this process mounts of its own; call it before any thread is started.

    Returns whether a `SmallDisk` can be mounted now: only root on Linux may.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    libc = _libc()
    return bool(
        libc.unshare(_CLONE_NEWNS) == 0
        and libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None) == 0
    )


class SmallDisk:
    """A tmpfs.

    Args:
        path: an empty directory.
        size: in bytes.

    Raises:
        OSError: it cannot be mounted.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        options = f"size={size},mode=0750".encode()
        target = os.fsencode(path)
        if _libc().mount(b"tmpfs", target, b"tmpfs", _MS_NOSUID | _MS_NODEV, options):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))

    def fill(self, room: int) -> None:
        """Take up all its free space but ``room`` bytes."""
        ballast = os.open(self.path / _BALLAST, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with contextlib.suppress(OSError):  # that it is full is what we want
                while True:
                    os.write(ballast, _BLOCK)
            os.ftruncate(ballast, max(0, os.fstat(ballast).st_size - room))
        finally:
            os.close(ballast)

    def free(self) -> None:
        """Give it back."""
        (self.path / _BALLAST).unlink(missing_ok=True)

    def unmount(self, *, keep: bool) -> None:
        """Take it away; its files too, unless they are to be kept in its place."""
        copy = self.path.with_name(f"{self.path.name}.kept")
        if keep:
            self.free()
            shutil.copytree(self.path, copy)
        _libc().umount2(os.fsencode(self.path), _MNT_DETACH)
        if keep:
            self.path.rmdir()
            copy.rename(self.path)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
