"""A demo without a screen: run, crash, stop, wait, and account for every line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from natsconsole.demo.backlog import Backlog
from natsconsole.demo.integrity_account import IntegrityAccount
from natsconsole.demo.pipeline import DemoPipeline

_STALLED_AFTER = 60.0
_STEP = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadlessPlan:
    """What happens, and when."""

    seconds: float
    crash_times: tuple[float, ...] = ()
    """Seconds after the start at which the receiver is killed."""


def spread_crashes(count: int, seconds: float, seed: int) -> tuple[float, ...]:
    """Choose when the receiver is killed: once in each equal part, after some time to start up."""
    random = Random(seed)  # noqa: S311 - it only has to be the same again
    lead = min(1.5, seconds / 4)
    part = (seconds - lead) / max(count, 1)
    return tuple(lead + part * (index + random.uniform(0.1, 0.9)) for index in range(count))


async def run_headless(
    pipeline: DemoPipeline, plan: HeadlessPlan, progress: Callable[[str], None]
) -> tuple[IntegrityAccount, Backlog]:
    """Run the demo to its end, and return the account and what was missing at the end."""
    began = time.monotonic()
    for number, moment in enumerate(plan.crash_times):
        await _pass_time(began, moment, plan, number, progress)
        await pipeline.crash_receiver()
    await _pass_time(began, plan.seconds, plan, len(plan.crash_times), progress)
    progress("stopping the writers")
    await pipeline.stop_writers()
    backlog = await pipeline.wait_until_written(
        _STALLED_AFTER,
        lambda left: progress(
            f"written {left.output_bytes:,} of {left.source_bytes:,} bytes, "
            f"{len(left.missing)} hosts behind"
        ),
    )
    progress("comparing every file with its source")
    return await pipeline.take_account(), backlog


async def _pass_time(
    began: float, until: float, plan: HeadlessPlan, crashed: int, progress: Callable[[str], None]
) -> None:
    while (passed := time.monotonic() - began) < until:
        crashes = f", receiver killed {crashed} of {len(plan.crash_times)} times"
        progress(f"{passed:.0f} of {plan.seconds:g} s{crashes if plan.crash_times else ''}")
        await asyncio.sleep(min(_STEP, until - passed))
