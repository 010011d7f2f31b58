"""The terminal's driver, which outlives its terminal.

Textual writes in a thread that ends with the first write that fails. What is written later fills a
queue of 30, and then waits for ever: where the line was cut while much was drawn, the program never
ended.
"""

from __future__ import annotations

import contextlib
from typing import TextIO, cast

from textual.drivers.linux_driver import LinuxDriver


class LastingFile:
    """A file that takes what is written also when nothing can be written any more."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write, if that can be done."""
        with contextlib.suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that can be done."""
        with contextlib.suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        """Return the file's descriptor."""
        return self._file.fileno()


class LastingDriver(LinuxDriver):
    """Textual's own, writing to a lasting file."""

    def start_application_mode(self) -> None:
        """Take the terminal."""
        if not isinstance(self._file, LastingFile):
            self._file = LastingFile(cast(TextIO, self._file))  # type: ignore[assignment]
        super().start_application_mode()  # type: ignore[no-untyped-call]
