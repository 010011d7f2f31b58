"""One program of the demo, started again whenever it ends though nobody asked it to.

Children have sessions of their own, so a Ctrl-C in the terminal reaches only the demo, and a
lifeline, so they end with the demo however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sysconfig
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import natsconsole
from natsconsole.demo.last_words import last_words
from shipper.lifeline import Lifeline

_RESTART_AFTER = 1.0
_OTHERS_SETTINGS = ("NATS_", "SHIPPER_", "NATSCONSOLE_")
"""Settings for another server must not lead a child of the demo there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildPlan:
    """How to run a child."""

    name: str
    command: Callable[[], Sequence[str]]
    """Asked at each start."""
    log: Path
    """What it prints is appended there."""
    lifeline: Lifeline
    inherited: tuple[int, ...] = ()
    """Open files it keeps for as long as it lives."""


class Child:
    """A process that runs until it is stopped."""

    def __init__(self, plan: ChildPlan, *, report: Callable[[str], None]) -> None:
        self.plan = plan
        self.restarts = 0
        """How often it has been started again."""
        self._report = report
        self._process: Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._started = asyncio.Condition()
        self._hurry = asyncio.Event()
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._is_stopping = False
        self._told = ""
        """What was reported last: a child that cannot start would repeat it every second."""

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return None if self.has_ended or self._process is None else self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether there is no process now."""
        return self._process is None or self._process.returncode is not None

    async def start(self) -> None:
        """Start it, and keep it running."""
        process = await self._spawn()
        self._supervisor = asyncio.create_task(
            self._supervise(process), name=f"demo-{self.plan.name}"
        )

    async def crash(self) -> None:
        """Kill it as no program can prevent (SIGKILL), and wait until it is started again."""
        self.kill()
        await self.revive()

    def kill(self) -> None:
        """Kill it (SIGKILL); it stays down until it is revived."""
        if self._is_stopping:
            return
        self._may_run.clear()
        self._hurry.set()
        self._signal(signal.SIGKILL)

    async def revive(self) -> None:
        """Start a killed child again, and wait until it is."""
        before = self.restarts
        if self._may_run.is_set():
            return
        self._may_run.set()
        async with self._started:
            await self._started.wait_for(lambda: self.restarts > before or self._is_stopping)

    async def stop(self, within: float) -> None:
        """End it: politely, and after ``within`` seconds for good. Does nothing the second time."""
        self._is_stopping = True
        self._hurry.set()
        self._may_run.set()
        async with self._started:
            self._started.notify_all()
        if self._supervisor is None:
            return
        self._signal(signal.SIGTERM)
        _, still_running = await asyncio.wait([self._supervisor], timeout=within)
        if still_running:
            self._signal(signal.SIGKILL)
        await self._supervisor

    async def wait_ended(self, within: float) -> None:
        """Wait for the end of a child that ends with its lifeline."""
        self._is_stopping = True
        self._hurry.set()
        self._may_run.set()
        if self._supervisor is not None:
            await asyncio.wait([self._supervisor], timeout=within)
        await self.stop(within=1.0)

    async def _supervise(self, process: Process) -> None:
        while True:
            code = await process.wait()
            if not self._hurry.is_set():
                await self._tell_of_end(code)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), _RESTART_AFTER)
            await self._may_run.wait()
            if self._is_stopping:
                return
            self._hurry.clear()
            try:
                process = await self._spawn()
            except OSError as error:
                self._report(f"{self.plan.name} cannot be started: {error}")
                continue
            async with self._started:
                self.restarts += 1
                self._started.notify_all()

    async def _tell_of_end(self, code: int) -> None:
        why = await asyncio.to_thread(last_words, self.plan.log)
        told = f"{self.plan.name} ended ({_how(code)}) and is started again{why and f': {why}'}"
        if told != self._told:
            self._told = told
            self._report(told)

    async def _spawn(self) -> Process:
        plan = self.plan
        log = await asyncio.to_thread(plan.log.open, "ab")
        command = await asyncio.to_thread(plan.command)
        with log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment() | plan.lifeline.environment(),
                pass_fds=(*plan.lifeline.pass_fds, *plan.inherited),
                start_new_session=True,
            )
        if self._is_stopping:
            self._signal(signal.SIGTERM)
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def _environment() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(_OTHERS_SETTINGS)
    }
    root = Path(natsconsole.__file__).parents[1]
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if str(root) not in installed:
        # A checkout that is run in place: children must find it without the working directory.
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), kept.get("PYTHONPATH"))))
    return kept


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
