"""One run: faults as planned, then peace, then the account."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from benchmarks.chaos.estate import Estate, EstatePlan
from benchmarks.chaos.faults import NotMadeError
from benchmarks.chaos.schedule import PlannedFault, draw_faults
from natsconsole.demo.backlog import Backlog, wait_until_written
from natsconsole.demo.integrity_account import IntegrityAccount, take_account

Say = Callable[[float, str, str], None]
"""Seconds since the start, who, and what happened."""

_BY_KILL = "(signal 9)"
_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)*.*$", re.MULTILINE)
_STALLED_AFTER = 45.0
_TOLD_EVERY = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFault:
    """A fault that was made."""

    at: float
    """Seconds after the start."""
    component: str
    kind: str
    seconds: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run has shown."""

    plan: EstatePlan
    account: IntegrityAccount
    backlog: Backlog
    faults: tuple[MadeFault, ...]
    not_made: int
    """Faults that another one has prevented."""
    kill_points_hit: int
    """How often a receiver killed itself at a kill point."""
    ended_by_themselves: tuple[str, ...]
    """Programs that ended though nobody killed them, in words; they were started again."""
    tracebacks: dict[str, list[str]]
    """What each program has printed of them: defects, also where every byte arrived."""
    settled_after: float
    """Seconds from the last fault's end until everything was written."""

    @property
    def is_clean(self) -> bool:
        """Whether every host's file is its source, byte for byte."""
        return self.account.is_clean

    @property
    def counts(self) -> dict[str, int]:
        """How many faults of each kind were made."""
        return dict(sorted(Counter(fault.kind for fault in self.faults).items()))

    def as_json(self) -> dict[str, object]:
        """Return it as scripts read it: fields are added, never renamed."""
        return self.account.as_json() | {
            "seed": self.plan.seed,
            "seconds": self.plan.seconds,
            "servers": self.plan.servers,
            "counts": self.counts,
            "not_made": self.not_made,
            "kill_points_hit": self.kill_points_hit,
            "missing": dict(self.backlog.missing),
            "settled_after": round(self.settled_after, 1),
            "ended_by_themselves": list(self.ended_by_themselves),
            "tracebacks": self.tracebacks,
            "faults": [
                {
                    "at": round(fault.at, 2),
                    "component": fault.component,
                    "kind": fault.kind,
                    "seconds": round(fault.seconds, 2),
                    "what": fault.what,
                }
                for fault in self.faults
            ],
        }


@dataclass(slots=True)
class _Run:
    say: Say
    began: float = field(default_factory=time.monotonic)
    made: list[MadeFault] = field(default_factory=list)
    not_made: int = 0
    struck: int = 0
    ended: list[str] = field(default_factory=list)

    def tell(self, who: str, what: str) -> None:
        self.say(time.monotonic() - self.began, who, what)

    def note_fault(self, at: float, planned: PlannedFault, what: str) -> None:
        seconds = planned.seconds
        self.tell(planned.component, f"{what}, for {seconds:.1f} s" if seconds else what)
        self.made.append(
            MadeFault(
                at=at,
                component=planned.component,
                kind=planned.kind,
                seconds=seconds,
                what=what,
            )
        )

    def note_end(self, what: str) -> None:
        # No program of ours ends itself with a signal, but where a kill point was armed.
        if _BY_KILL in what:
            self.struck += 1
        else:
            self.ended.append(what)
        self.tell("", what)


async def run_chaos(plan: EstatePlan, say: Say) -> Outcome:
    """Run it all, and tell everything that happens.

    Raises:
        DemoError: the programs cannot run.
    """
    run = _Run(say)
    async with Estate(plan, report=run.note_end) as estate:
        _tell_of_estate(run, estate)
        run.began = time.monotonic()
        faults = draw_faults(plan.seed, plan.seconds, estate.decks)
        await _play(run, estate, faults)
        await asyncio.sleep(max(0.0, run.began + plan.seconds - time.monotonic()))
        run.tell("fleet", "stops writing; all faults are over")
        await estate.stop_writers()
        healed = time.monotonic()
        backlog = await _settle(run, estate)
        settled_after = time.monotonic() - healed
        await estate.stop_programs()
        run.tell("", "comparing every file with its source")
        restarts = sum(estate.children[name].restarts for name in ("receiver-1", "receiver-2"))
        account = await asyncio.to_thread(
            take_account, estate.directory, receiver_restarts=restarts
        )
        return Outcome(
            plan=plan,
            account=account,
            backlog=backlog,
            faults=tuple(sorted(run.made, key=lambda fault: fault.at)),
            not_made=run.not_made,
            kill_points_hit=run.struck,
            ended_by_themselves=tuple(run.ended),
            tracebacks=await asyncio.to_thread(_tracebacks, estate.directory.logs),
            settled_after=settled_after,
        )


def _tell_of_estate(run: _Run, estate: Estate) -> None:
    plan = estate.plan
    servers = f"{plan.servers} servers, the stream on each" if plan.servers > 1 else "1 server"
    run.tell(
        "",
        f"{plan.hosts} hosts, {plan.rate:g} lines/s, {servers}, 2 shippers, 2 receivers, "
        f"seed {plan.seed}, {plan.seconds:g} s",
    )
    if "disk" in plan.fault_groups:
        size = f"a tmpfs of {estate.disk.size >> 20} MiB" if estate.disk else ""
        run.tell("disk", size or "no tmpfs can be mounted here: receivers are told it is full")
    if plan.keep:
        run.tell("", f"everything is kept in {estate.directory.root}")


async def _play(run: _Run, estate: Estate, faults: tuple[PlannedFault, ...]) -> None:
    def component(fault: PlannedFault) -> str:
        return fault.component

    async with asyncio.TaskGroup() as group:
        for _, own in groupby(sorted(faults, key=component), key=component):
            group.create_task(_play_in_turn(run, estate, tuple(own)))


async def _play_in_turn(run: _Run, estate: Estate, faults: tuple[PlannedFault, ...]) -> None:
    for planned in faults:
        await asyncio.sleep(max(0.0, run.began + planned.at - time.monotonic()))
        if time.monotonic() > run.began + estate.plan.seconds:
            return  # to heal the one before took long
        fault = estate.fault(planned)
        at = time.monotonic() - run.began
        try:
            await fault.inject()
            run.note_fault(at, planned, fault.describe())
            await asyncio.sleep(planned.seconds)
        except NotMadeError as error:
            run.not_made += 1
            run.tell(planned.component, f"no {planned.kind}: {error}")
            continue
        finally:
            await fault.heal()
        if planned.seconds:
            run.tell(planned.component, f"{planned.kind} is over")


async def _settle(run: _Run, estate: Estate) -> Backlog:
    told = 0.0

    def progress(backlog: Backlog) -> None:
        nonlocal told
        if time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            run.tell("", f"waiting until all is written: {backlog}")

    return await wait_until_written(estate.directory.host_logs, _STALLED_AFTER, progress)


def _tracebacks(logs: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for log in sorted(logs.glob("*.log")):
        texts = _TRACEBACK.findall(log.read_text(errors="replace"))
        if texts:
            found[log.stem] = texts
    return found
