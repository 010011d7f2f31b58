"""Starts receivers for the console: they end with it, or stay where that is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import threading
from asyncio.subprocess import Process
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired

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

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._refusal = ""
        self._lifeline = Lifeline()
        self._ending: list[Process] = []

    def belong_to(self, options: ConnectionOptions, *, refusal: str = "") -> None:
        """Start later ones with these options; those that run stay as they are.

        ``refusal`` says why none may be started, where that is so.
        """
        self._options = options
        self._refusal = refusal

    async def start_receiver(self, stream: str, directory: str, name: str, *, stays: bool) -> str:
        """Start a receiver of a stream; return in one line what was started and when it ends.

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
            command = _command(stream, out, name)
            pid = await (self._stay if stays else self._lend)(command, log)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise GatewayError(f"no receiver can be started in {directory!r}: {reason}") from None
        if pid is None:
            words = await asyncio.to_thread(_last_words, log)
            raise GatewayError(f"{name} ended at once: {words or f'see {log}'}")
        if stays:
            return f"{name} runs as process {pid}, and stays when this console ends"
        return f"{name} runs, and ends with this console"

    async def close(self) -> None:
        """Let go of those that end with the console, and wait until they have written."""
        self._lifeline.close()
        waiting = [asyncio.create_task(one.wait()) for one in self._ending]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=ENDS_WITHIN)
            for task in late:
                task.cancel()

    async def _lend(self, command: list[str], log: Path) -> int | None:
        """Start one that ends with the console; return its process id, or None where it ended."""
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=DEVNULL,
                stdout=file,
                stderr=file,
                env=environment_of(self._options, os.environ) | self._lifeline.environment(),
                pass_fds=self._lifeline.pass_fds,
                start_new_session=True,
            )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), SETTLED_AFTER)
            return None
        self._ending.append(process)
        return process.pid

    async def _stay(self, command: list[str], log: Path) -> int | None:
        """Start one that stays; return its process id, or None where it ended.

        It is no child of the event loop, which kills those that still run when it is closed.
        """
        environment = environment_of(self._options, os.environ)
        return await asyncio.to_thread(_start_staying, command, environment, log)


def _command(stream: str, out: Path, name: str) -> list[str]:
    return [
        sys.executable, "-P", "-m", "natsconsole", "receive",
        "--stream", stream, "--dir", str(out), "--name", name,
    ]  # fmt: skip


def _start_staying(command: list[str], environment: dict[str, str], log: Path) -> int | None:
    with log.open("ab") as file:
        process = Popen(
            command,
            stdin=DEVNULL,
            stdout=file,
            stderr=file,
            env=environment,
            start_new_session=True,
        )
    try:
        process.wait(SETTLED_AFTER)
    except TimeoutExpired:
        threading.Thread(target=process.wait, daemon=True).start()  # leaves no zombie behind
        return process.pid
    return None


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
