"""The whole pipeline on this machine: server, fleet, shipper and receiver, each a real process.

Whatever happens to the demo, nothing of it stays behind: closed in good order it ends its
children itself, and if it is killed they see their lifeline end.
"""

from __future__ import annotations

import asyncio
import glob
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from natsconsole.demo.backlog import Backlog, wait_until_written
from natsconsole.demo.child import Child, ChildPlan
from natsconsole.demo.directory import DemoDirectory
from natsconsole.demo.fleet import ROTATE_BYTES
from natsconsole.demo.integrity_account import IntegrityAccount, take_account
from natsconsole.demo.nats_server import DemoServer
from shipper.lifeline import Lifeline

STREAM = "LOGS"
PARTITIONS = 4
SECOND = "second receiver"
"""The child that a take-over is shown with."""

_ENDS_WITHIN = 5.0
_SERVER_ENDS_WITHIN = 8.0
"""More than its watchdog takes at worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """What is asked of a demo."""

    hosts: int = 12
    rate: float = 200.0
    """Lines a second of the whole fleet."""
    seed: int = 1
    directory: Path | None = None
    """Kept; without it a temporary one is used, and removed at the end."""
    rotate_bytes: int = ROTATE_BYTES


class DemoPipeline:
    """The children and their directory. Entered, the server is ready and the rest is starting.

    Args:
        plan: what is asked for.
        prepare: given the server's URL, makes the log stream.
        report: is told in one line when a child ended though nobody asked it to.

    Raises:
        DemoError: when entered, the directory cannot be used or the server cannot run.
    """

    def __init__(
        self,
        plan: DemoPlan,
        *,
        prepare: Callable[[str], Awaitable[None]],
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self._prepare = prepare
        self._report = report
        self._lifeline = Lifeline()
        self._directory: DemoDirectory | None = None
        self._server: DemoServer | None = None
        self._children: dict[str, Child] = {}

    @property
    def directory(self) -> DemoDirectory:
        """Where everything lies."""
        assert self._directory is not None, "the demo has not been entered"  # noqa: S101
        return self._directory

    @property
    def url(self) -> str:
        """The server's."""
        assert self._server is not None, "the demo has not been entered"  # noqa: S101
        return self._server.url

    @property
    def receiver_restarts(self) -> int:
        """How often the receiver was started again, crashes of its own included."""
        receiver = self._children.get("receiver")
        return receiver.restarts if receiver is not None else 0

    def pid_of(self, name: str) -> int | None:
        """The process of a child: server (its watchdog), fleet, shipper or receiver."""
        child = self._children.get(name)
        return child.pid if child is not None else None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def crash_receiver(self) -> None:
        """Kill the receiver (SIGKILL); returns once it is started again."""
        await self._children["receiver"].crash()

    async def kill_receiver(self) -> None:
        """Kill the receiver (SIGKILL); it stays down until it is revived."""
        self._children["receiver"].kill()

    async def revive_receiver(self) -> None:
        """Start a killed receiver again; does nothing where it runs."""
        await self._children["receiver"].revive()

    async def start_second_receiver(self) -> None:
        """Start another receiver of the same group on the same directory; twice does nothing."""
        if SECOND in self._children:
            return
        await self._start_child(SECOND, lambda: self._receiver_command("receiver-2"))

    async def stop_second_receiver(self) -> None:
        """End the other receiver in good order; does nothing where there is none."""
        second = self._children.pop(SECOND, None)
        if second is not None:
            await second.stop(_ENDS_WITHIN)

    async def stop_writers(self) -> None:
        """Let the fleet finish its lines, and write no more."""
        await self._children["fleet"].stop(_ENDS_WITHIN)

    async def wait_until_written(
        self, stalled_after: float, progress: Callable[[Backlog], None] = lambda _: None
    ) -> Backlog:
        """Wait until every output is as long as its source.

        Returns early, with what is missing, once nothing has grown for ``stalled_after`` seconds.
        """
        return await wait_until_written(self.directory.host_logs, stalled_after, progress)

    async def take_account(self) -> IntegrityAccount:
        """End shipper and receiver, so that nothing changes any more, and compare the files."""
        await self.stop_second_receiver()
        for name in ("fleet", "shipper", "receiver"):
            await self._children[name].stop(_ENDS_WITHIN)
        return await asyncio.to_thread(
            take_account, self.directory, receiver_restarts=self.receiver_restarts
        )

    async def close(self) -> None:
        """End every child and remove a temporary directory, also when cancelled meanwhile."""
        closing = asyncio.create_task(self._close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise

    async def _close(self) -> None:
        for name in ("fleet", "shipper", SECOND, "receiver"):
            if name in self._children:
                await self._children[name].stop(_ENDS_WITHIN)
        directory, self._directory = self._directory, None
        if directory is not None:
            directory.release()
        self._lifeline.close()
        if "server" in self._children:
            await self._children["server"].wait_ended(_SERVER_ENDS_WITHIN)
        if directory is not None:
            await asyncio.to_thread(directory.remove)

    async def _start(self) -> None:
        self._directory = await asyncio.to_thread(DemoDirectory.claim, self.plan.directory)
        self._server = server = DemoServer(self._directory)
        await self._start_child("server", server.command, shares_directory=False)
        # The fleet waits for nobody: its files are the buffer.
        await self._start_child("fleet", self._fleet_command)
        await server.wait_ready(lambda: self._children["server"].has_ended)
        await self._prepare(server.url)
        await self._start_child("shipper", self._shipper_command)
        await self._start_child("receiver", self._receiver_command)

    async def _start_child(
        self, name: str, command: Callable[[], Sequence[str]], *, shares_directory: bool = True
    ) -> None:
        directory = self.directory
        plan = ChildPlan(
            name=name,
            command=command,
            log=directory.logs / f"{name}.log",
            lifeline=self._lifeline,
            inherited=(directory.lock,) if shares_directory else (),
        )
        self._children[name] = Child(plan, report=self._report)
        await self._children[name].start()

    def _fleet_command(self) -> list[str]:
        options = {
            "--dir": str(self.directory.hosts),
            "--hosts": str(self.plan.hosts),
            "--rate": str(self.plan.rate),
            "--seed": str(self.plan.seed),
            "--rotate-bytes": str(self.plan.rotate_bytes),
        }
        return _python_module("natsconsole.demo.fleet", options)

    def _shipper_command(self) -> list[str]:
        options = {
            "--host": "{dir}",
            "--state": str(self.directory.shipper),
            "--server": self.url,
        }
        # Rotated files too: a busy log may rotate before the shipper first looks.
        pattern = f"{glob.escape(str(self.directory.hosts))}/*/*.log*"
        return [*_python_module("shipper", options), pattern]

    def _receiver_command(self, name: str = "receiver-1") -> list[str]:
        options = {
            "--server": self.url,
            "--stream": STREAM,
            "--dir": str(self.directory.received),
            "--group": "archive",
            "--name": name,
            "--ack-wait": "10s",
            "--max-ack-pending": "100",
        }
        return [*_python_module("natsconsole", {}), "receive", "--lab", *_words(options)]


def _python_module(module: str, options: dict[str, str]) -> list[str]:
    # -P: a file in the working directory must not stand in for a module of ours.
    return [sys.executable, "-P", "-m", module, *_words(options)]


def _words(options: dict[str, str]) -> list[str]:
    return [word for option in options.items() for word in option]
