"""A child that notices when its parent is gone, however the parent died.

The parent holds the write end of a pipe and nothing ever comes through it. When the parent ends,
also by SIGKILL, the kernel closes that end and the child reads end-of-file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable

LIFELINE_VARIABLE = "NATSCONSOLE_LIFELINE"
"""Holds the number of the read end in the child's environment."""


class Lifeline:
    """The parent's side. Start children with `environment` and `pass_fds`, in any number."""

    def __init__(self) -> None:
        # Neither end is inheritable: a child that held the write end would keep itself alive.
        self._read, self._write = os.pipe()

    def environment(self) -> dict[str, str]:
        """What to add to the child's environment."""
        return {LIFELINE_VARIABLE: str(self._read)}

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """What to give to ``subprocess`` as ``pass_fds``."""
        return (self._read,)

    def close(self) -> None:
        """Let go: children see it as if the parent were gone. Does nothing the second time."""
        for name in ("_read", "_write"):
            number = getattr(self, name)
            if number >= 0:
                setattr(self, name, -1)
                os.close(number)


def watch_lifeline(on_parent_gone: Callable[[], None]) -> None:
    """Call ``on_parent_gone`` once, from the running loop, when the parent is gone.

    Does nothing where the variable is unset or names no pipe. The variable is removed, so that a
    child of this process does not take the number for its own.
    """
    number = _pipe_of(os.environ.pop(LIFELINE_VARIABLE, ""))
    if number is None:
        return
    loop = asyncio.get_running_loop()
    os.set_inheritable(number, False)
    os.set_blocking(number, False)

    def read() -> None:
        with contextlib.suppress(BlockingIOError, InterruptedError):
            if os.read(number, 512):
                return
            loop.remove_reader(number)
            os.close(number)
            on_parent_gone()

    loop.add_reader(number, read)


def _pipe_of(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    try:
        number = int(text)
        return number if stat.S_ISFIFO(os.fstat(number).st_mode) else None
    except (OSError, ValueError, OverflowError):
        return None
