"""A program on a real pseudo-terminal, its screen read by a terminal emulator."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from typing import Self

import pyte

from tests.support.waiting import until


class Terminal:
    """A pseudo-terminal with one of our programs on it."""

    def __init__(self, *arguments: str, columns: int = 140, rows: int = 40) -> None:
        self.arguments = arguments
        self.raw = b""
        """Everything the program has sent."""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._size = (rows, columns)
        self._primary = -1
        self._is_reading = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def text(self) -> str:
        """What is on the screen now."""
        return "\n".join(self._screen.display)

    def shows(self, *words: str) -> bool:
        """Whether all of these are on the screen."""
        text = self.text
        return all(word in text for word in words)

    async def until(self, condition: Callable[[], bool], *, within: float, why: str = "") -> None:
        """Wait until the screen is as it should be; show it where it does not become so."""
        try:
            await until(condition, within=within, why=why)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}\n{self.raw[-200:]!r}") from None

    def press(self, keys: str) -> None:
        os.write(self._primary, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal under the program, as a lost SSH connection does."""
        self._read_no_more()
        os.close(self._primary)
        self._primary = -1

    async def end(self, *, within: float = 60.0) -> int:
        """Wait for the program's end, read all that it has sent, and return its exit code."""
        process = self._process
        assert process is not None
        await until(
            lambda: process.poll() is not None and not self._is_reading,
            within=within,
            why="the program ends and leaves the terminal",
        )
        return process.wait()

    async def __aenter__(self) -> Self:
        self._primary, secondary = os.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", *self._size, 0, 0))
        environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self._process = subprocess.Popen(  # noqa: ASYNC220 - it only forks
            [sys.executable, "-m", *self.arguments],
            stdin=secondary,
            stdout=secondary,
            stderr=secondary,
            start_new_session=True,
            env=environment,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - what makes a hang-up arrive
        )
        os.close(secondary)
        os.set_blocking(self._primary, False)
        asyncio.get_running_loop().add_reader(self._primary, self._read)
        self._is_reading = True
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        if self._primary >= 0:
            self.hang_up()

    def _read(self) -> None:
        try:
            data = os.read(self._primary, 65536)
        except BlockingIOError:
            return
        except OSError:  # the other side is closed, as some systems say it
            data = b""
        if not data:
            self._read_no_more()
        self.raw += data
        self._stream.feed(data)

    def _read_no_more(self) -> None:
        asyncio.get_running_loop().remove_reader(self._primary)
        self._is_reading = False


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
