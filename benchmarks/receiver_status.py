"""How long control requests take while the receiver writes as fast as it can.

Run ``python -m benchmarks.receiver_status``. Beside it, in the same run, the same requests to the
receiver at rest.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

import click
import msgspec

from benchmarks.support.fleet import Fleet
from benchmarks.support.processes import Running, receiver
from benchmarks.support.setting import Setting, filled
from natsconsole.domain.receivers import HostsRequest
from shipper.connection import Connection, ConnectionOptions

WANTED_MS = 50.0
_PAUSE = 0.02
"""Seconds between two requests."""


@click.command()
@click.option("--hosts", default=500, show_default=True)
@click.option("--messages", default=25_000, show_default=True, help="200 lines of 200 bytes each.")
@click.option("--rounds", default=3, show_default=True)
def main(hosts: int, messages: int, rounds: int) -> None:
    """Measure milliseconds; wanted is a p95 of at most 50 under load."""
    fleet = Fleet(hosts=hosts, messages=messages, lines_per_message=200)
    print(f"{hosts} hosts, {messages:,} messages of 200 lines of 200 B with range headers")
    sys.exit(0 if asyncio.run(_measure(fleet, rounds)) else 1)


async def _measure(fleet: Fleet, rounds: int) -> bool:
    p95s = []
    async with filled(fleet) as setting:
        for number in range(1, rounds + 1):
            print(f"round {number}")
            p95s.append(await _round(setting, fleet))
    p95 = statistics.median(p95s)
    print(
        f"status under load: p95 {p95:.1f} ms (rounds {min(p95s):.1f} to {max(p95s):.1f}; "
        f"wanted at most {WANTED_MS:g}): {'reached' if p95 <= WANTED_MS else 'NOT reached'}"
    )
    print("Other work may share this machine: trust several rounds, not one.")
    return p95 <= WANTED_MS


async def _round(setting: Setting, fleet: Fleet) -> float:
    page = msgspec.json.encode(HostsRequest(limit=1000))
    loaded: dict[str, list[float]] = {"status": [], "hosts": []}
    rested: dict[str, list[float]] = {"status": [], "hosts": []}
    async with (
        receiver(setting, "--fsync", "always") as running,
        Connection(ConnectionOptions(servers=(setting.url,))) as connection,
    ):
        while (status := await running.status()) is None or not status.written_lines:
            await asyncio.sleep(0.01)
        while status is not None and status.written_lines < fleet.lines:
            loaded["status"].append(await _timed(connection, running, "status", b""))
            loaded["hosts"].append(await _timed(connection, running, "hosts", page))
            await asyncio.sleep(_PAUSE)
            status = await running.status()
        for _ in range(50):
            rested["status"].append(await _timed(connection, running, "status", b""))
            rested["hosts"].append(await _timed(connection, running, "hosts", page))
    for verb in ("status", "hosts"):
        ratio = statistics.median(loaded[verb]) / statistics.median(rested[verb])
        print(f"  {verb:<7} under load  {_percentiles(loaded[verb])}")
        print(f"  {verb:<7} at rest     {_percentiles(rested[verb])}   ratio of p50 {ratio:.1f}")
    return _percentile(loaded["status"], 95)


async def _timed(connection: Connection, running: Running, verb: str, body: bytes) -> float:
    begun = time.perf_counter()
    await connection.request(f"{running.subject}.{verb}", body, timeout=10)
    return (time.perf_counter() - begun) * 1000


def _percentile(times: list[float], percent: int) -> float:
    return sorted(times)[min(len(times) - 1, len(times) * percent // 100)]


def _percentiles(times: list[float]) -> str:
    p50, p95, worst = _percentile(times, 50), _percentile(times, 95), max(times)
    return f"p50 {p50:6.1f}  p95 {p95:6.1f}  worst {worst:6.1f} ms  ({len(times)} requests)"


if __name__ == "__main__":
    main()
