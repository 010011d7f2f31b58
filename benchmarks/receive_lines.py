"""One line a message, explicit acks, ledger on: the receiver beside nats-py's fetch loop.

Run ``python -m benchmarks.receive_lines``. The fetch loop writes and acks each line, without a
sync; the receiver syncs before it acks.
"""

from __future__ import annotations

import asyncio
import sys

import click

from benchmarks.support.fleet import Fleet
from benchmarks.support.processes import loop_rate, receiver_rate
from benchmarks.support.rounds import compare
from benchmarks.support.setting import filled

WANTED_RATIO = 4.0


@click.command()
@click.option("--hosts", default=500, show_default=True)
@click.option("--messages", default=150_000, show_default=True, help="One line of 200 B each.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--ranges/--no-ranges", default=None, help="Only with, only without range headers.")
def main(hosts: int, messages: int, rounds: int, ranges: bool | None) -> None:
    """Measure lines a second; wanted is 4 times the fetch loop."""
    variants = (False, True) if ranges is None else (ranges,)
    reached = True
    for with_ranges in variants:
        print(
            f"{hosts} hosts, {messages:,} messages of one line of 200 B, "
            f"{'with' if with_ranges else 'without'} range headers"
        )
        fleet = Fleet(hosts=hosts, messages=messages, with_ranges=with_ranges)
        reached = asyncio.run(_measure(fleet, rounds)) and reached
    sys.exit(0 if reached else 1)


async def _measure(fleet: Fleet, rounds: int) -> bool:
    async with filled(fleet) as setting:
        return await compare(
            ("natsconsole receive, explicit acks", lambda: receiver_rate(setting, fleet)),
            ("nats-py fetch(500), write, ack", lambda: loop_rate(setting, fleet, "fetching")),
            rounds=rounds,
            unit="lines/s",
            at_least=WANTED_RATIO,
        )


if __name__ == "__main__":
    main()
