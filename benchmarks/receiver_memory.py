"""The receiver's memory over ten million lines of ten thousand hosts, with 256 descriptors.

Run ``python -m benchmarks.receiver_memory``. Linux only: it reads ``/proc``.
"""

from __future__ import annotations

import asyncio
import sys

import click

from benchmarks.support.fleet import Fleet
from benchmarks.support.processes import receiver
from benchmarks.support.setting import filled

LINES_PER_MESSAGE = 200
WANTED_RATIO = 1.15
_WARM = 0.4
"""Share of the lines after which every host has been seen several times."""
_STEPS = 20


@click.command()
@click.option("--hosts", default=10_000, show_default=True)
@click.option("--lines", default=10_000_000, show_default=True, help="Of 40 bytes each.")
@click.option("--descriptors", default=256, show_default=True, help="As by ulimit -n.")
def main(hosts: int, lines: int, descriptors: int) -> None:
    """Print the resident set as a curve; wanted is that it stays flat after the warm-up."""
    fleet = Fleet(
        hosts=hosts,
        messages=max(lines // LINES_PER_MESSAGE, hosts),
        lines_per_message=LINES_PER_MESSAGE,
        line_bytes=40,
    )
    print(f"{hosts:,} hosts, {fleet.lines:,} lines, at most {descriptors} descriptors")
    sys.exit(0 if asyncio.run(_measure(fleet, descriptors)) else 1)


async def _measure(fleet: Fleet, descriptors: int) -> bool:
    limit = ("sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh")
    curve: list[tuple[int, int]] = []
    async with filled(fleet) as setting, receiver(setting, wrapper=limit) as running:
        written = 0
        while written < fleet.lines:
            await asyncio.sleep(0.05)
            status = await running.status()
            if status is None:
                continue
            written = status.written_lines
            if status.state == "held":
                raise RuntimeError(f"the receiver holds: {status.reason}")
            if not curve or written - curve[-1][0] >= fleet.lines // _STEPS:
                curve.append((written, running.resident_bytes))
        curve.append((written, running.resident_bytes))
    largest = max(size for _, size in curve)
    for lines, size in curve:
        print(f"  {lines:>12,} lines  {size / 2**20:7.1f} MB  {'#' * round(40 * size / largest)}")
    warm = next(size for lines, size in curve if lines >= fleet.lines * _WARM)
    ratio = curve[-1][1] / warm
    print(
        f"ratio of the end to {_WARM:.0%} of the lines: {ratio:.2f} (wanted at most "
        f"{WANTED_RATIO:g}): {'reached' if ratio <= WANTED_RATIO else 'NOT reached'}"
    )
    return ratio <= WANTED_RATIO


if __name__ == "__main__":
    main()
