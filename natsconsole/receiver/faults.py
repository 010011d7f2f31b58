"""Faults a lab receiver can be given, each at the one place where the real one would strike."""

from __future__ import annotations

from natsconsole.domain.receivers import Fault
from natsconsole.receiver.archive import WriteFault


class FullDisk:
    """A disk with room for half of the next write, and for nothing after it."""

    def __init__(self) -> None:
        self._is_full = False

    def __call__(self, data: bytes) -> int:
        room = 0 if self._is_full else len(data) // 2
        self._is_full = True
        return room


def write_fault(fault: Fault) -> WriteFault | None:
    """Return what the archive's writes are to suffer, or None for a healthy disk."""
    return FullDisk() if fault == "disk-full" else None
