"""Looking at processes from outside."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return _state(pid) != "Z"


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP has reached the process."""
    return _state(pid) in {"T", ""}


def _state(pid: int) -> str:
    """The letter for a process's state, empty where the system does not tell."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def processes_with(*words: str) -> list[int]:
    """Every process but this one whose command line holds all these words."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if all(os.fsencode(word) in command for word in words):
                found.append(int(entry.name))
    return found
