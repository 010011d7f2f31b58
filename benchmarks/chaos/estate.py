"""All the processes: servers, fleet, shippers and receivers, with the network between them."""

from __future__ import annotations

import asyncio
import glob
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.chaos.cluster import Cluster
from benchmarks.chaos.faults import (
    Ambush,
    Blackhole,
    FillDisk,
    Freeze,
    FreezeServer,
    FullDiskInLab,
    HalfOpen,
    InjectedFault,
    Kill,
    KillServer,
    Reset,
    Slow,
    SwitchPolicy,
)
from benchmarks.chaos.proxy import Link
from benchmarks.chaos.schedule import PlannedFault
from benchmarks.chaos.small_disk import SmallDisk
from natsconsole.demo.child import Child, ChildPlan
from natsconsole.demo.directory import DemoDirectory
from natsconsole.demo.fleet_hosts import fleet_hosts
from natsconsole.gateway.log_stream import LogStream
from natsconsole.gateway.receivers import Receivers
from shipper.connection import Connection
from shipper.lifeline import Lifeline
from tests.support.receiver_with_kill_point import POINTS, VARIABLE

STREAM = "LOGS"
KILL_POINT_MODULE = "tests.support.receiver_with_kill_point"
PARTITIONS = 4
SHIPPERS = ("shipper-1", "shipper-2")
RECEIVERS = ("receiver-1", "receiver-2")
FAULT_GROUPS: Mapping[str, tuple[str, ...]] = {
    "kill": ("kill", "kill-point"),
    "disk": ("disk-full",),
    "network": ("blackhole", "half-open", "slow", "reset"),
    "freeze": ("freeze",),
    "policy": ("policy",),
}
"""What ``--faults`` may name, and the kinds of faults in each."""

_ARMED_STARTS = 3
"""Of whichever receivers: who starts is often not who writes next."""
_ENDS_WITHIN = 8.0
_BYTES_PER_LINE = 120
_LEAST_DISK = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EstatePlan:
    """What is asked for."""

    seconds: float
    seed: int = 1
    hosts: int = 12
    rate: float = 400.0
    """Lines a second of the whole fleet."""
    servers: int = 1
    fault_groups: Sequence[str] = tuple(FAULT_GROUPS)
    keep: bool = False
    may_mount: bool = False
    """Whether a small disk may be mounted for the receivers' files."""

    @property
    def disk_size(self) -> int:
        """Bytes of the small disk: all lines, as much again, and a ledger."""
        return _LEAST_DISK + int(2 * _BYTES_PER_LINE * self.rate * self.seconds)


class Estate:
    """Entered, everything runs.

    Args:
        plan: what is asked for.
        report: is told in one line when a program ended though nobody asked it to.

    Raises:
        DemoError: when entered, it cannot run.
    """

    def __init__(self, plan: EstatePlan, *, report: Callable[[str], None]) -> None:
        self.plan = plan
        self.disk: SmallDisk | None = None
        self.links: dict[str, Link] = {}
        self.children: dict[str, Child] = {}
        self._report = report
        self._lifeline = Lifeline()
        self._directory: DemoDirectory | None = None
        self._cluster: Cluster | None = None
        self._connection: Connection | None = None
        self._receivers: Receivers | None = None
        self._kill_point = ""
        self._armed_starts = 0

    @property
    def directory(self) -> DemoDirectory:
        """Where everything lies."""
        assert self._directory is not None
        return self._directory

    @property
    def decks(self) -> dict[str, list[str]]:
        """The kinds of faults that each component can have."""
        asked = {kind for group in self.plan.fault_groups for kind in FAULT_GROUPS[group]}
        program = ("kill", "freeze", *FAULT_GROUPS["network"])
        decks = dict.fromkeys(SHIPPERS, program) | dict.fromkeys(
            RECEIVERS, (*program, "kill-point", "kill-point")
        )
        decks |= {"servers": ("kill", "freeze"), "disk": ("disk-full",), "group": ("policy",)}
        return {
            component: [kind for kind in kinds if kind in asked]
            for component, kinds in decks.items()
        }

    def fault(self, planned: PlannedFault) -> InjectedFault:
        """Return the fault that was planned, not yet made."""
        component, kind, severity = planned.component, planned.kind, planned.severity
        if component == "servers":
            return self._server_fault(kind)
        if component == "disk":
            if self.disk is not None:
                return FillDisk(self.disk, severity)
            return FullDiskInLab(self._reachable_receivers())
        if component == "group":
            return SwitchPolicy(self._reachable_receivers(), severity)
        child = self.children[component]
        if kind == "kill":
            return Kill(child)
        if kind == "kill-point":
            return Ambush(child, self._arm, (*POINTS,), severity)
        if kind == "freeze":
            return Freeze(lambda: child.pid)
        return _network_fault(self.links[component], kind, severity)

    async def stop_writers(self) -> None:
        """Let the fleet finish its lines, and write no more."""
        self._armed_starts = 0
        await self.children["fleet"].stop(_ENDS_WITHIN)

    async def stop_programs(self) -> None:
        """End shippers and receivers in good order, so that nothing changes any more."""
        for name in (*SHIPPERS, *RECEIVERS):
            await self.children[name].stop(_ENDS_WITHIN)

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

    async def close(self) -> None:
        """End everything and tidy up, also when cancelled meanwhile."""
        closing = asyncio.create_task(self._close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise

    async def _start(self) -> None:
        plan = self.plan
        root = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="natsconsole-chaos-"))
        self._directory = directory = await asyncio.to_thread(DemoDirectory.claim, root)
        if plan.may_mount and "disk" in plan.fault_groups:
            self.disk = SmallDisk(directory.received, plan.disk_size)
        remove = "" if plan.keep else str(directory.root)
        self._cluster = cluster = Cluster(plan.servers, directory, remove=remove)
        await cluster.start(self._lifeline, self._report)
        await self._start_child("fleet", self._fleet_command)
        self._connection = await cluster.make_stream(
            LogStream(
                name=STREAM,
                partitions=PARTITIONS,
                replicas=plan.servers,
                max_age_seconds=86_400,
                max_bytes=1 << 30,
            )
        )
        self._receivers = Receivers(self._connection, STREAM)
        for name in (*SHIPPERS, *RECEIVERS):
            self.links[name] = link = Link(cluster.ports)
            await link.open()
        for index, name in enumerate(SHIPPERS):
            await self._start_child(name, self._shipper_command(name, index))
        for name in RECEIVERS:
            await self._start_child(name, self._receiver_command(name))

    async def _close(self) -> None:
        for name in ("fleet", *SHIPPERS, *RECEIVERS):
            if name in self.children:
                await self.children[name].stop(_ENDS_WITHIN)
        for link in self.links.values():
            await link.close()
        if self._connection is not None:
            await self._connection.close()
        if self._cluster is not None:
            await self._cluster.stop(_ENDS_WITHIN)
        self._lifeline.close()
        if self.disk is not None:
            await asyncio.to_thread(self.disk.unmount, keep=self.plan.keep)
        if self._directory is not None:
            self._directory.release()
            if not self.plan.keep:
                await asyncio.to_thread(shutil.rmtree, self._directory.root, ignore_errors=True)

    async def _start_child(self, name: str, command: Callable[[], Sequence[str]]) -> None:
        plan = ChildPlan(
            name=name,
            command=command,
            log=self.directory.logs / f"{name}.log",
            lifeline=self._lifeline,
            inherited=(self.directory.lock,),
        )
        self.children[name] = Child(plan, report=self._report)
        await self.children[name].start()

    def _fleet_command(self) -> list[str]:
        return _module(
            "natsconsole.demo.fleet",
            "--dir", self.directory.hosts,
            "--hosts", self.plan.hosts,
            "--rate", self.plan.rate,
            "--seed", self.plan.seed,
            "--rotate-bytes", 16 << 10,
        )  # fmt: skip

    def _shipper_command(self, name: str, index: int) -> Callable[[], Sequence[str]]:
        hosts = fleet_hosts(self.plan.hosts)[index :: len(SHIPPERS)]
        root = glob.escape(str(self.directory.hosts))
        patterns = [f"{root}/{host.name}/*.log*" for host in hosts]
        return lambda: _module(
            "shipper",
            "--host", "{dir}",
            "--state", self.directory.shipper / name,
            "--server", ",".join(self.links[name].urls),
            *patterns,
        )  # fmt: skip

    def _receiver_command(self, name: str) -> Callable[[], Sequence[str]]:
        options = (
            "--lab",
            "--server", ",".join(self.links[name].urls),
            "--stream", STREAM,
            "--dir", self.directory.received,
            "--group", "archive",
            "--name", name,
            "--ack-wait", "3s",
            "--max-ack-pending", "100",
        )  # fmt: skip

        def command() -> list[str]:
            if not self._armed_starts:
                return _module("natsconsole", "receive", *options)
            self._armed_starts -= 1
            variable = f"{VARIABLE}={self._kill_point}"
            return ["env", variable, *_module(KILL_POINT_MODULE, *options)]

        return command

    def _arm(self, point: str) -> None:
        self._kill_point = point
        self._armed_starts = _ARMED_STARTS

    def _server_fault(self, kind: str) -> InjectedFault:
        cluster, connection = self._cluster, self._connection
        assert cluster is not None
        assert connection is not None
        leads = len(cluster.nodes) > 1
        fault = KillServer if kind == "kill" else FreezeServer
        return fault(lambda: cluster.leader(connection, STREAM), leads=leads)

    def _reachable_receivers(self) -> Receivers:
        assert self._receivers is not None
        return self._receivers


def _network_fault(link: Link, kind: str, severity: float) -> InjectedFault:
    if kind == "half-open":
        return HalfOpen(link, severity)
    if kind == "slow":
        return Slow(link, severity)
    return Blackhole(link) if kind == "blackhole" else Reset(link)


def _module(module: str, *words: object) -> list[str]:
    # -P: a file in the working directory must not stand in for a module of ours.
    return [sys.executable, "-P", "-m", module, *map(str, words)]
