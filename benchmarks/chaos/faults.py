"""What can go wrong. Each fault says what it is, makes it so, and puts it right again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from benchmarks.chaos.cluster import Node
from benchmarks.chaos.proxy import Link, Side
from benchmarks.chaos.small_disk import SmallDisk
from natsconsole.demo.child import Child
from natsconsole.domain.receivers import (
    AckPolicy,
    Fault,
    FaultRequest,
    PolicyRequest,
    ReceiverStatus,
)
from natsconsole.gateway.interface import GatewayError
from natsconsole.gateway.receivers import Receivers
from shipper.connection import ConnectionProblem

_HEALED_WITHIN = 20.0
_LATEST_PASSING = 6
"""Of a kill point: passed within a second where lines flow."""
_POLL = 0.25


class NotMadeError(Exception):
    """The fault could not be made, because of another one."""


class InjectedFault(Protocol):
    """One fault, to be made once."""

    async def inject(self) -> None:
        """Make it.

        Raises:
            NotMadeError: it could not be made.
        """

    async def heal(self) -> None:
        """End it. Does nothing where it was not made."""

    def describe(self) -> str:
        """What was done and to whom, in a few words; called once it is made."""


class Kill:
    """SIGKILL of a program, which is started again when the fault ends."""

    def __init__(self, child: Child) -> None:
        self._child = child

    async def inject(self) -> None:
        self._child.kill()

    async def heal(self) -> None:
        await self._child.revive()

    def describe(self) -> str:
        return "killed with -9"


class Ambush:
    """A restart of a receiver that kills itself at one exact point of its work, some time later.

    A kill from outside seldom strikes in the instant between a write and its commit.

    Args:
        arm: lets the next few starts of receivers be armed with a kill point.
        points: the names of the points.
    """

    def __init__(
        self, child: Child, arm: Callable[[str], None], points: Sequence[str], severity: float
    ) -> None:
        self._child = child
        self._arm = arm
        place = severity * len(points)
        self._point = f"{points[int(place)]}:{1 + int((place % 1) * _LATEST_PASSING)}"

    async def inject(self) -> None:
        self._arm(self._point)
        await self._child.crash()

    async def heal(self) -> None:
        """It stays armed until lines come its way; some starts later all is as ever."""

    def describe(self) -> str:
        return f"restarted, to kill itself at {self._point}"


class KillServer:
    """SIGKILL of a server; in a cluster, of the one that leads the stream."""

    def __init__(self, find: Callable[[], Awaitable[Node]], *, leads: bool) -> None:
        self._find = find
        self._leads = leads
        self._node: Node | None = None

    async def inject(self) -> None:
        self._node = await self._find()
        self._node.kill()

    async def heal(self) -> None:
        if self._node is not None and self._node.child is not None:
            await self._node.child.revive()

    def describe(self) -> str:
        return f"{_named(self._node, leads=self._leads)} killed with -9"


class Freeze:
    """SIGSTOP of a process, and SIGCONT when the fault ends."""

    def __init__(self, pid: Callable[[], int | None], *, what: str = "") -> None:
        self._find_pid = pid
        self._what = what
        self._pid: int | None = None

    async def inject(self) -> None:
        self._pid = self._find_pid()
        if self._pid is None:
            raise NotMadeError("not running just then")
        self._signal(signal.SIGSTOP)

    async def heal(self) -> None:
        if self._pid is not None:
            self._signal(signal.SIGCONT)

    def describe(self) -> str:
        return f"{self._what}frozen"

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid or 0, number)


class FreezeServer:
    """SIGSTOP of a server; in a cluster, of the one that leads the stream."""

    def __init__(self, find: Callable[[], Awaitable[Node]], *, leads: bool) -> None:
        self._find = find
        self._leads = leads
        self._freeze: Freeze | None = None
        self._node: Node | None = None

    async def inject(self) -> None:
        self._node = node = await self._find()
        self._freeze = Freeze(lambda: node.pid)
        await self._freeze.inject()

    async def heal(self) -> None:
        if self._freeze is not None:
            await self._freeze.heal()

    def describe(self) -> str:
        return f"{_named(self._node, leads=self._leads)} frozen"


class Blackhole:
    """A network that swallows everything and says nothing."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def inject(self) -> None:
        self._link.blackhole()

    async def heal(self) -> None:
        self._link.heal()

    def describe(self) -> str:
        return "network swallows everything"


class HalfOpen:
    """Connections of which one side is gone and the other does not know."""

    def __init__(self, link: Link, severity: float) -> None:
        self._link = link
        self._ghost: Side = "client" if severity < 0.5 else "server"

    async def inject(self) -> None:
        if not self._link.session_count:
            raise NotMadeError("nothing is connected")
        self._link.half_open(self._ghost)

    async def heal(self) -> None:
        self._link.heal()

    def describe(self) -> str:
        return f"connections half open, only the {self._ghost} believes in them"


class Slow:
    """A line that lets little through, late and in pieces."""

    def __init__(self, link: Link, severity: float) -> None:
        self._link = link
        self._bytes_per_second = 200_000 / (1 + 19 * severity)
        self._latency = 0.002 + 0.05 * severity

    async def inject(self) -> None:
        self._link.slow(self._bytes_per_second, self._latency)

    async def heal(self) -> None:
        self._link.heal()

    def describe(self) -> str:
        return (
            f"network slowed to {self._bytes_per_second / 1000:.0f} kB/s, "
            f"each kilobyte {1000 * self._latency:.0f} ms late"
        )


class Reset:
    """TCP resets on every connection."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._count = 0

    async def inject(self) -> None:
        self._count = self._link.session_count
        if not self._count:
            raise NotMadeError("nothing is connected")
        self._link.reset()

    async def heal(self) -> None:
        """New connections are fine already."""

    def describe(self) -> str:
        return f"{self._count} connections reset"


class FillDisk:
    """A disk that is really full, but for a few bytes."""

    def __init__(self, disk: SmallDisk, severity: float) -> None:
        self._disk = disk
        self._room = int(severity * 40_000)

    async def inject(self) -> None:
        await asyncio.to_thread(self._disk.fill, self._room)

    async def heal(self) -> None:
        await asyncio.to_thread(self._disk.free)

    def describe(self) -> str:
        return f"filled to the last {self._room:,} bytes"


class FullDiskInLab:
    """Receivers that are told to believe that their disk is full."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers
        self._told: dict[str, int] = {}
        """Their processes, by name: started again they know nothing of it."""

    async def inject(self) -> None:
        with contextlib.suppress(ConnectionProblem):
            for status in await self._receivers.statuses():
                with contextlib.suppress(GatewayError):
                    await self._tell(status, "disk-full")
                    self._told[status.name] = status.pid
        if not self._told:
            raise NotMadeError("no receiver could be reached")

    async def heal(self) -> None:
        told = dict(self._told)
        deadline = time.monotonic() + _HEALED_WITHIN
        while told and time.monotonic() < deadline:
            with contextlib.suppress(GatewayError, ConnectionProblem):
                for status in await self._receivers.statuses():
                    if status.fault != "none":
                        await self._tell(status, "none")
                    told.pop(status.name, None)
            told = {name: pid for name, pid in told.items() if _is_running(pid)}
            await asyncio.sleep(_POLL)

    def describe(self) -> str:
        return f"{len(self._told)} receivers told that it is full"

    async def _tell(self, status: ReceiverStatus, fault: Fault) -> None:
        await self._receivers.change(status.name, "fault", FaultRequest(fault=fault))


class SwitchPolicy:
    """The other ack policy, asked of any receiver that answers."""

    def __init__(self, receivers: Receivers, severity: float) -> None:
        self._receivers = receivers
        self._severity = severity
        self._done = ""

    async def inject(self) -> None:
        try:
            statuses = await self._receivers.statuses()
            if not statuses:
                raise NotMadeError("no receiver could be reached")
            chosen = statuses[int(self._severity * len(statuses))]
            wanted: AckPolicy = "all" if chosen.ack_policy == "explicit" else "explicit"
            await self._receivers.change(chosen.name, "policy", PolicyRequest(ack_policy=wanted))
        except (GatewayError, ConnectionProblem) as error:
            raise NotMadeError(str(error)) from None
        self._done = f"{chosen.ack_policy} -> {wanted}, asked of {chosen.name}"

    async def heal(self) -> None:
        """Either policy will do."""

    def describe(self) -> str:
        return f"switched {self._done}"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _named(node: Node | None, *, leads: bool) -> str:
    assert node is not None
    return f"{node.name}{', which leads the stream,' if leads else ''}"
