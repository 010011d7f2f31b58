"""What a look at a large account costs: time, our CPU, requests.

Run ``python -m benchmarks.triage_scale``. The console itself is started first, on a terminal.
Consumers are all behind, some streams take messages between looks, and a plain `STREAM.LIST` of the
same account stands beside it in the same run.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import click

from natsconsole.gateway.triage import LiveTriage
from shipper.connection import Connection, ConnectionOptions
from tests.support.nats_server import NatsServer
from tests.support.terminal import Terminal

WANTED_FIRST, WANTED_CPU_MS = 3.0, 300.0
_AT_ONCE = 200


@click.command()
@click.option("--streams", default=2_000, show_default=True)
@click.option("--consumers", default=5_000, show_default=True)
@click.option("--moving", default=200, show_default=True, help="Streams stored to between looks.")
@click.option("--looks", default=10, show_default=True)
def main(streams: int, consumers: int, moving: int, looks: int) -> None:
    """Measure; wanted are a first look under 3 s and 300 ms of CPU for each later one."""
    sys.exit(0 if asyncio.run(_measure(streams, consumers, moving, looks)) else 1)


async def _measure(streams: int, consumers: int, moving: int, looks: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="natsconsole-benchmark-") as name:
        async with (
            NatsServer(Path(name)) as server,
            Connection(ConnectionOptions(servers=(server.url,))) as connection,
        ):
            await _fill(connection, streams, consumers)
            print(f"{streams:,} streams, {consumers:,} consumers, {moving} streams move")
            is_soon = await _first_screen(server.url, streams)
            return await _look(connection, moving, looks) and is_soon


async def _first_screen(url: str, streams: int) -> bool:
    begun = time.monotonic()
    async with Terminal("natsconsole", "-s", url, columns=120, rows=40) as terminal:
        await terminal.until(lambda: terminal.shows(f"STREAMS  {streams:,}"), within=60)
        seconds = time.monotonic() - begun
    print(f"from the command to the list on the screen: {seconds:.2f} s (wanted under 3 s)")
    return seconds <= WANTED_FIRST


async def _look(connection: Connection, moving: int, looks: int) -> bool:
    triage = LiveTriage(connection, first_look=60)
    begun, cpu = time.monotonic(), _cpu()
    first = await triage.look()
    first_seconds, first_cpu = time.monotonic() - begun, _cpu() - cpu
    print(
        f"first look: {first_seconds:.2f} s, {first_cpu * 1000:.0f} ms of CPU, "
        f"{first.requests:,} requests, {len(first.consumers):,} consumers, "
        f"{len(first.verdicts):,} verdicts (wanted under {WANTED_FIRST:g} s)"
    )
    costs, requests = [], []
    for number in range(looks):
        await _all(_publish(connection, stream) for stream in range(moving))
        cpu = _cpu()
        snapshot = await triage.look()
        costs.append((_cpu() - cpu) * 1000)
        requests.append(snapshot.requests)
        print(
            f"look {number + 2}: {snapshot.seconds * 1000:5.0f} ms, {costs[-1]:5.0f} ms of CPU, "
            f"{snapshot.requests} requests; next in {snapshot.interval_seconds:.1f} s"
        )
    cpu = _cpu()
    await _ask(connection, "STREAM.LIST", {"offset": 0})
    page = (_cpu() - cpu) * 1000
    middle = statistics.median(costs)
    reached = first_seconds <= WANTED_FIRST and middle <= WANTED_CPU_MS
    print(
        f"a later look: {middle:.0f} ms of CPU ({min(costs):.0f} to {max(costs):.0f}), at most "
        f"{max(requests)} requests; one bare page of 256 streams: {page:.1f} ms "
        f"(wanted at most {WANTED_CPU_MS:g} ms): {'reached' if reached else 'NOT reached'}"
    )
    return reached


async def _fill(connection: Connection, streams: int, consumers: int) -> None:
    await _all(
        _ask(
            connection,
            f"STREAM.CREATE.S{number}",
            {"name": f"S{number}", "subjects": [f"s{number}.>"], "storage": "memory",
             "allow_direct": True, "max_age": 3600 * 10**9},
        )
        for number in range(streams)
    )  # fmt: skip
    await _all(
        _ask(
            connection,
            f"CONSUMER.CREATE.S{number % streams}.C{number}",
            {
                "stream_name": f"S{number % streams}",
                "config": {"durable_name": f"C{number}", "ack_policy": "explicit",
                           "mem_storage": True, "filter_subject": f"s{number % streams}.a"},
            },
        )
        for number in range(consumers)
    )  # fmt: skip
    await _all(_publish(connection, number) for number in range(streams))


async def _publish(connection: Connection, stream: int) -> None:
    await connection.request(f"s{stream}.a", b"x" * 100, timeout=30)


async def _ask(connection: Connection, verb: str, body: dict[str, Any]) -> None:
    reply = await connection.request(f"$JS.API.{verb}", json.dumps(body).encode(), timeout=30)
    assert b'"error"' not in reply.data[:300], reply.data[:300]


async def _all(asked: Iterable[Awaitable[None]]) -> None:
    waiting: list[Awaitable[None]] = []
    for one in asked:
        waiting.append(one)
        if len(waiting) == _AT_ONCE:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)


_cpu: Callable[[], float] = time.process_time

if __name__ == "__main__":
    main()
