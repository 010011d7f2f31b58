"""Batched messages, synced before they are acknowledged: the receiver beside a loop with no ledger.

Run ``python -m benchmarks.receive_batched``.
"""

from __future__ import annotations

import asyncio
import sys

import click

from benchmarks.support.fleet import Fleet
from benchmarks.support.processes import loop_rate, receiver_rate
from benchmarks.support.rounds import compare
from benchmarks.support.setting import filled

WANTED_RATIO = 0.7


@click.command()
@click.option("--hosts", default=500, show_default=True)
@click.option("--messages", default=15_000, show_default=True, help="200 lines of 200 bytes each.")
@click.option("--rounds", default=5, show_default=True)
def main(hosts: int, messages: int, rounds: int) -> None:
    """Measure lines a second; wanted are 0.8 M and 0.7 of the loop with no ledger."""
    fleet = Fleet(hosts=hosts, messages=messages, lines_per_message=200)
    print(f"{hosts} hosts, {messages:,} messages of 200 lines of 200 B with range headers")
    sys.exit(0 if asyncio.run(_measure(fleet, rounds)) else 1)


async def _measure(fleet: Fleet, rounds: int) -> bool:
    async with filled(fleet) as setting:
        return await compare(
            (
                "natsconsole receive --fsync always",
                lambda: receiver_rate(setting, fleet, "--fsync", "always"),
            ),
            ("pull, write, sync, ack, no ledger", lambda: loop_rate(setting, fleet, "bare")),
            rounds=rounds,
            unit="lines/s",
            at_least=WANTED_RATIO,
        )


if __name__ == "__main__":
    main()
