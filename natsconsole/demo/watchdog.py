"""Ends nats-server when the demo is gone, however the demo died, and tidies up behind it.

nats-server cannot watch a pipe, so this does it for it. It runs alone, with the standard library
only, so that it starts in no time:

    python -I -S watchdog.py LOCK REMOVE COMMAND...

LOCK is the file that the demo and its other children hold locked: what they use is not taken away
before they have ended. REMOVE is the directory to remove then, or empty.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_SIBLINGS_END = 10.0
"""Seconds the demo's other children get to end once the demo is gone."""
_SERVER_ENDS = 3.0
_REMOVED = 3.0
_POLL = 0.02


def main() -> int:
    """Run the command until it ends, or we are told to end it, or the demo is gone."""
    lock, remove, *command = sys.argv[1:]
    lifeline = int(os.environ.pop("NATSCONSOLE_LIFELINE"))
    wake = _wake_on_signals()
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent())  # noqa: PLW1509
    while server.poll() is None:
        ready, _, _ = select.select([lifeline, wake], [], [])
        if lifeline in ready:
            _wait_for_siblings(Path(lock))
            _end(server)
            if remove:
                _remove(Path(remove))
            return 0
        if signal.SIGTERM in os.read(wake, 64):
            _end(server)
            return 0
    return server.returncode if server.returncode >= 0 else 1


def _wake_on_signals() -> int:
    """Return a pipe on which the numbers of arriving signals can be read."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return read


def _die_with_parent() -> Callable[[], None] | None:
    """Return what makes Linux end the server if even this process is killed."""
    if sys.platform != "linux":
        return None
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        prctl = ctypes.CDLL(None).prctl
        return lambda: prctl(1, signal.SIGKILL)
    return None


def _wait_for_siblings(lock: Path) -> None:
    deadline = time.monotonic() + _SIBLINGS_END
    with contextlib.suppress(OSError), lock.open("ab") as file:
        while time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(_POLL)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_SERVER_ENDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _remove(directory: Path) -> None:
    deadline = time.monotonic() + _REMOVED
    while directory.exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(_POLL)


if __name__ == "__main__":
    sys.exit(main())
