"""Tells whether two receivers share a directory on one machine, and so its locks.

A name stored in the directory would be copied with it, and a copy has other locks; so the
identity is the running kernel's and the inode's.
"""

from __future__ import annotations

import platform
from hashlib import blake2b
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def directory_identity(directory: Path) -> str:
    """Return 32 hexadecimal digits, equal for all who can lock each other out in a directory.

    Raises:
        OSError: there is no such directory.
    """
    found = directory.stat()
    try:
        machine = _BOOT.read_text().strip()
    except OSError:
        machine = platform.node()
    text = f"{machine} {found.st_dev} {found.st_ino}"
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
