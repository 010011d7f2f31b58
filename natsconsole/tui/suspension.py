"""Going to the shell and coming back, and only that.

Textual takes every SIGCONT for a return from the shell, and starts to read keys once more. But a
terminal that hangs up sends one, too: the second reader is never ended, and the program with it.
"""

from __future__ import annotations

import signal
from types import FrameType


class Suspension:
    """Lets the application resume only what it suspended."""

    def __init__(self) -> None:
        self._is_suspended = False
        self._suspend = signal.getsignal(signal.SIGTSTP)
        self._resume = signal.getsignal(signal.SIGCONT)

    def guard(self) -> None:
        """Stand before the handlers that are there now."""
        if callable(self._suspend) and callable(self._resume):
            signal.signal(signal.SIGTSTP, self._on_suspend)
            signal.signal(signal.SIGCONT, self._on_resume)

    def _on_suspend(self, number: int, frame: FrameType | None) -> None:
        self._is_suspended = True
        if callable(self._suspend):
            self._suspend(number, frame)

    def _on_resume(self, number: int, frame: FrameType | None) -> None:
        if self._is_suspended and callable(self._resume):
            self._is_suspended = False
            self._resume(number, frame)
