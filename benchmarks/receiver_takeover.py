"""How long a receiver's partitions are nobody's when it is killed with -9.

Run ``python -m benchmarks.receiver_takeover``. Beside it, by turns, the same with a receiver that
is asked to end and hands over. Each has a directory of its own, as on another machine.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable

import click

from benchmarks.support.fleet import STREAM, Fleet
from benchmarks.support.processes import Running, receiver
from benchmarks.support.setting import Setting, filled

WANTED = 10.0
"""Seconds, for the longest of all rounds."""
_LOOK = 0.02
_LONGEST = 60.0


@click.command()
@click.option("--hosts", default=50, show_default=True)
@click.option("--messages", default=5_000, show_default=True, help="One line of 200 B each.")
@click.option("--rounds", default=5, show_default=True)
def main(hosts: int, messages: int, rounds: int) -> None:
    """Measure seconds until another has them all; wanted are at most 10 after a kill."""
    fleet = Fleet(hosts=hosts, messages=messages)
    print(f"two receivers, {STREAM.partitions} partitions, {messages:,} messages of {hosts} hosts")
    sys.exit(0 if asyncio.run(_measure(fleet, rounds)) else 1)


async def _measure(fleet: Fleet, rounds: int) -> bool:
    killed: list[float] = []
    handed: list[float] = []
    async with filled(fleet) as setting:
        for number in range(1, rounds + 1):
            killed.append(await _round(setting, f"killed-{number}", lambda it: it.process.kill()))
            print(f"  round {number}  killed with -9   {killed[-1]:5.2f} s", flush=True)
            handed.append(
                await _round(setting, f"ended-{number}", lambda it: it.process.terminate())
            )
            print(f"  round {number}  asked to end     {handed[-1]:5.2f} s", flush=True)
    is_reached = max(killed) <= WANTED
    ratio = statistics.median(killed) / statistics.median(handed)
    print(f"killed with -9   median {statistics.median(killed):.2f} s, longest {max(killed):.2f} s")
    print(f"asked to end     median {statistics.median(handed):.2f} s, longest {max(handed):.2f} s")
    print(
        f"ratio of medians {ratio:.1f}; longest after a kill wanted at most {WANTED:g} s: "
        f"{'reached' if is_reached else 'NOT reached'}"
    )
    return is_reached


async def _round(setting: Setting, group: str, end: Callable[[Running], None]) -> float:
    half = STREAM.partitions // 2
    async with (
        receiver(setting, group=group, name="stays") as stays,
        receiver(setting, group=group, name="goes") as goes,
    ):
        await _until_owned(stays, half)
        await _until_owned(goes, half)
        begun = time.monotonic()
        end(goes)
        await _until_owned(stays, STREAM.partitions)
        return time.monotonic() - begun


async def _until_owned(running: Running, partitions: int) -> None:
    async with asyncio.timeout(_LONGEST):
        while await _owned(running) != partitions:
            await asyncio.sleep(_LOOK)


async def _owned(running: Running) -> int:
    status = await running.status()
    return 0 if status is None else sum(one.state == "running" for one in status.partitions)


if __name__ == "__main__":
    main()
