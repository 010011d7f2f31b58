"""Starts receivers for the console: they end with it, or stay where that is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

from natsconsole.gateway.interface import GatewayError, NotPermittedError
from shipper.connection_flags import environment_of
from shipper.connection_options import ConnectionOptions
from shipper.lifeline import Lifeline

NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
SETTLED_AFTER = 1.5
"""Seconds after which a receiver that still runs is said to have started."""
ENDS_WITHIN = 6.0
_LAST_WORDS = 4096


class ReceiverChildren:
    """The receivers that one console has started."""

    def __init__(self, options: ConnectionOptions, stream: str) -> None:
        self._options = options
        self._stream = stream
        self._refusal = ""
        self._lifeline = Lifeline()
        self._ending: list[Process] = []

    def belong_to(self, options: ConnectionOptions, stream: str, *, refusal: str = "") -> None:
        """Start later ones with these options for this stream; those that run stay as they are.

        ``refusal`` says why none may be started, where that is so.
        """
        self._options = options
        self._stream = stream
        self._refusal = refusal

    async def start_receiver(self, directory: str, name: str, *, stays: bool) -> str:
        """Start a receiver; return in one line what was started and when it ends.

        Raises:
            GatewayError: it cannot or may not be started, or ended at once.
        """
        if self._refusal:
            raise NotPermittedError(self._refusal)
        if not NAME.fullmatch(name):
            raise GatewayError(f"name {name!r}: use 1 to 32 letters, digits, '-' and '_'")
        out = _expanded(directory)
        log = out / ".natsconsole" / f"{name}.log"
        try:
            await asyncio.to_thread(_make, log)
            process = await self._spawn(out, name, log, stays=stays)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise GatewayError(f"no receiver can be started in {directory!r}: {reason}") from None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), SETTLED_AFTER)
            words = await asyncio.to_thread(_last_words, log)
            raise GatewayError(f"{name} ended at once: {words or f'see {log}'}")
        if stays:
            return f"{name} runs as process {process.pid}, and stays when this console ends"
        self._ending.append(process)
        return f"{name} runs, and ends with this console"

    async def close(self) -> None:
        """Let go of those that end with the console, and wait until they have written."""
        self._lifeline.close()
        waiting = [asyncio.create_task(one.wait()) for one in self._ending]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=ENDS_WITHIN)
            for task in late:
                task.cancel()

    async def _spawn(self, out: Path, name: str, log: Path, *, stays: bool) -> Process:
        command = [
            sys.executable, "-P", "-m", "natsconsole", "receive",
            "--stream", self._stream, "--dir", str(out), "--name", name,
        ]  # fmt: skip
        lifeline = {} if stays else self._lifeline.environment()
        with log.open("ab") as file:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=DEVNULL,
                stdout=file,
                stderr=file,
                env=environment_of(self._options, os.environ) | lifeline,
                pass_fds=() if stays else self._lifeline.pass_fds,
                start_new_session=True,
            )


def _expanded(directory: str) -> Path:
    return Path(directory).expanduser()


def _make(log: Path) -> None:
    log.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    log.touch(mode=0o640)


def _last_words(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _LAST_WORDS))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
