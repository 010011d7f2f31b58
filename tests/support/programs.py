"""Our programs as real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Self


class Program:
    """A process of ours. Its stderr is kept for the failure report."""

    def __init__(
        self, module: str, *arguments: str | Path, env: dict[str, str] | None = None
    ) -> None:
        self.command = [sys.executable, "-m", module, *map(str, arguments)]
        self._env = os.environ | (env or {})
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def start(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._env,
        )
        return self

    async def finish(self, *, within: float = 30.0) -> tuple[int, str, str]:
        """Wait for its end and return exit code, stdout and stderr."""
        try:
            async with asyncio.timeout(within):
                out, err = await self.process.communicate()
        except TimeoutError:
            self.process.kill()
            _, err = await self.process.communicate()
            raise AssertionError(f"{self.command} did not end: {err.decode()}") from None
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()

    async def finish_served(self, *, within: float = 30.0) -> tuple[int, str, str]:
        """``finish``; begun anew, as a supervisor does it, where the server was too slow for it."""
        for _ in range(3):
            code, out, errors = await self.finish(within=within)
            if code != 3 or "no answer from" not in errors:
                break
            await self.start()
        return code, out, errors

    async def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.communicate()

    async def terminate(self, *, within: float = 30.0) -> tuple[int, str, str]:
        """Ask it to end (SIGTERM) and wait."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return await self.finish(within=within)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            await self.kill()
        else:
            await self.process.communicate()


async def run(module: str, *arguments: str | Path, within: float = 30.0) -> tuple[int, str, str]:
    """Run a program of ours to its end."""
    program = await Program(module, *arguments).start()
    return await program.finish(within=within)
