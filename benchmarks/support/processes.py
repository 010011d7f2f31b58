"""Programs under measurement: the receiver watched by its status, a loop by what it prints."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec

from benchmarks.support.fleet import STREAM, Fleet
from benchmarks.support.setting import Setting
from natsconsole.domain.receivers import ReceiverStatus
from shipper.connection import ConnectionProblem

_FIRST_LOOK, _LOOK = 0.01, 0.1
"""Seconds between looks at the receiver before and after its first line."""
_LONGEST = 600.0
_rounds = count(1)


@dataclass(frozen=True, slots=True)
class Running:
    """A ``natsconsole receive`` that was started."""

    setting: Setting
    subject: str
    process: asyncio.subprocess.Process
    log: Path

    async def status(self) -> ReceiverStatus | None:
        """Ask it for its status; None while it does not answer yet."""
        try:
            reply = await self.setting.connection.request(f"{self.subject}.status", timeout=5)
        except ConnectionProblem:
            if self.process.returncode is not None:
                raise RuntimeError(f"receive has ended:\n{self.log.read_text()}") from None
            return None
        return msgspec.json.decode(reply.data, type=ReceiverStatus)

    @property
    def resident_bytes(self) -> int:
        """Its resident set, as Linux counts it."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")


@contextlib.asynccontextmanager
async def receiver(
    setting: Setting, *options: str, wrapper: tuple[str, ...] = (), group: str = "", name: str = "r"
) -> AsyncIterator[Running]:
    """Run ``natsconsole receive`` into a new directory; remove it and all consumers afterwards.

    Of a new group, unless one is named.
    """
    place = f"round-{next(_rounds)}"
    group = group or place
    directory, log = setting.directory / place, setting.directory / f"{place}.log"
    command = (sys.executable, "-m", "natsconsole", "receive", "-s", setting.url, "--stream",
               STREAM.name, "--dir", str(directory), "--group", group, "--name", name)  # fmt: skip
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *wrapper, *command, *options, stdin=asyncio.subprocess.DEVNULL, stderr=output
        )
    try:
        yield Running(setting, f"natsconsole.receiver.{group}.{name}", process, log)
    finally:
        await _end(process)
        await setting.forget_consumers()
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


async def receiver_rate(setting: Setting, fleet: Fleet, *options: str) -> float:
    """Run the receiver through the whole stream; return lines written and acknowledged a second."""
    async with receiver(setting, *options) as running:
        begun, already = 0.0, 0
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            status = await running.status()
            if status is not None and status.written_messages:
                if not begun:
                    begun, already = time.monotonic(), status.written_lines
                elif status.written_lines == fleet.lines and not status.unacked:
                    return (fleet.lines - already) / (time.monotonic() - begun)
            left = fleet.lines - status.written_lines if status is not None else 0
            is_near = not begun or left < fleet.lines // 10
            await asyncio.sleep(_FIRST_LOOK if is_near else _LOOK)
    raise RuntimeError("receive was not done in time")


async def loop_rate(setting: Setting, fleet: Fleet, module: str) -> float:
    """Run one of ``benchmarks.loops`` through the whole stream; return its lines a second."""
    directory = setting.directory / f"round-{next(_rounds)}"
    directory.mkdir()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"benchmarks.loops.{module}", setting.url, str(directory),
        str(fleet.messages), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_LONGEST):
            out, _ = await process.communicate()
    finally:
        await _end(process)
        await setting.forget_consumers()
    written = sum(path.stat().st_size for path in directory.iterdir())
    await asyncio.to_thread(shutil.rmtree, directory)
    if written != fleet.lines * fleet.line_bytes:
        raise RuntimeError(f"loop {module} wrote {written} bytes")
    return fleet.lines / float(out)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(15):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
