"""What the console costs: bytes to the terminal, CPU, time to the first paint, time to answer.

Run ``python -m benchmarks.console_screen``. Each figure is of the real program on a pseudo-terminal
of 120x40, with a nats-server and a stream of its own; the lines are published beside it, one a
message. Nothing is compared with another run: bytes hardly depend on the machine, times do.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from shipper.connection import Connection, ConnectionOptions
from tests.support.nats_server import NatsServer
from tests.support.pipeline import make_stream
from tests.support.terminal import Terminal
from tests.support.waiting import until

COLUMNS, ROWS = 120, 40
TICKS = 100.0
"""Of /proc/<pid>/stat in a second."""


@dataclass
class Bench:
    """A server with the stream, and who publishes to it."""

    url: str
    connection: Connection

    async def publish(self, host: str, text: str) -> None:
        """Publish one line."""
        await self.connection.publish(f"logs.{host}", f"{text}\n".encode())

    async def flow(self, hosts: int, lines_per_second: float) -> None:
        """Publish at a steady rate, round the hosts, until cancelled."""
        number, start = 0, time.perf_counter()
        while True:
            due = int((time.perf_counter() - start) * lines_per_second)
            while number < due:
                shape = f"GET /api/items/{number} 200 {number % 90}ms trace={number * 7919:010x}"
                await self.publish(f"web-{number % hosts + 1:03d}", shape)
                number += 1
            await asyncio.sleep(0.01)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A fresh server and stream."""
    with tempfile.TemporaryDirectory() as directory:
        server = NatsServer(Path(directory))
        await server.start()
        try:
            async with Connection(ConnectionOptions(servers=(server.url,))) as connection:
                await make_stream(connection)
                yield Bench(server.url, connection)
        finally:
            await server.stop()


@asynccontextmanager
async def flowing(found: Bench, hosts: int, rate: float) -> AsyncIterator[None]:
    """Publish beside the block."""
    task = asyncio.create_task(found.flow(hosts, rate))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def console(found: Bench, *flags: str) -> Terminal:
    """The console on a terminal."""
    return Terminal("natsconsole", "-s", found.url, *flags, columns=COLUMNS, rows=ROWS)


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_megabytes(pid: int) -> float:
    """Memory that a process has in use."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def verdict(name: str, value: float, unit: str, most: float) -> bool:
    """Print a figure beside what it may be."""
    reached = value <= most
    print(f"{name:<52} {value:8.2f} {unit:<6} at most {most:g}: {'yes' if reached else 'NO'}")
    return reached


async def bytes_per_second(
    name: str, rate: float, seconds: float, most: float, *flags: str
) -> list[bool]:
    """Two panes, each with half the rate."""
    async with bench() as found, flowing(found, 2, rate), console(found, *flags) as terminal:
        await terminal.until(lambda: terminal.shows("HOSTS 2", "GET /api"), within=20)
        await asyncio.sleep(3)
        sent, used = len(terminal.raw), cpu_seconds(terminal.pid)
        await asyncio.sleep(seconds)
        used = (cpu_seconds(terminal.pid) - used) / seconds
        speed = (len(terminal.raw) - sent) / seconds / 1000
        print(f"{'':<52} {used * 100:8.1f} % of a core")
        return [verdict(f"bytes: {name}", speed, "kB/s", most)]


async def first_paint(rounds: int) -> list[bool]:
    """From the program's start to hosts on the screen."""
    took = []
    async with bench() as found:
        await found.publish("web-001", "hello")
        for _ in range(rounds):
            start = time.perf_counter()
            async with console(found) as terminal:
                await terminal.until(lambda: b"HOSTS" in terminal.raw, within=20)
                took.append(time.perf_counter() - start)
    return [verdict("start to first paint, median", statistics.median(took), "s", 0.7)]


async def line_to_screen(rounds: int) -> list[bool]:
    """From publishing a line of a quiet host to its being on the screen."""
    took = []
    async with bench() as found:
        await found.publish("web-001", "hello")
        async with console(found) as terminal:
            await terminal.until(lambda: terminal.shows("hello"), within=20)
            for number in range(rounds):
                await asyncio.sleep(1.0 + number % 7 / 10)
                mark = f"mark{number:04d}"
                start = time.perf_counter()
                await found.publish("web-001", mark)
                await until(lambda: mark.encode() in terminal.raw, within=10)  # noqa: B023
                took.append((time.perf_counter() - start) * 1000)
    return [verdict("line to screen, p95", quantile(took), "ms", 300)]


async def key_to_paint(rounds: int) -> list[bool]:
    """Keys while 5,000 lines a second of 100 hosts come in."""
    took = []
    async with bench() as found, flowing(found, 100, 5_000), console(found) as terminal:
        await terminal.until(lambda: terminal.shows("HOSTS 100", "GET /api"), within=30)
        await asyncio.sleep(3)
        used, begun = cpu_seconds(terminal.pid), time.perf_counter()
        for number in range(rounds):
            await asyncio.sleep(0.13)
            before = cursor_row(terminal)
            start = time.perf_counter()
            terminal.press("k" if number % 20 > 9 else "j")
            await until(lambda: cursor_row(terminal) != before, within=10)  # noqa: B023
            took.append((time.perf_counter() - start) * 1000)
        used = (cpu_seconds(terminal.pid) - used) / (time.perf_counter() - begun)
    print(f"{'':<52} {statistics.median(took):8.1f} ms median")
    return [
        verdict("key to paint at 5,000 lines/s, p95", quantile(took), "ms", 50),
        verdict("CPU meanwhile", used * 100, "%", 25),
    ]


def cursor_row(terminal: Terminal) -> int:
    """The row of the hosts' cursor."""
    return next((y for y, row in enumerate(terminal.text.split("\n")) if row[0] == "▌"), -1)


async def many_hosts(hosts: int, seconds: float) -> list[bool]:
    """So many hosts, of which few still write."""
    async with bench() as found:
        for number in range(hosts):
            await found.publish(f"host-{number:05d}", "hello")
        await found.connection.rtt()
        async with flowing(found, 20, 200):
            start = time.perf_counter()
            async with console(found) as terminal:
                await terminal.until(lambda: b"HOSTS" in terminal.raw, within=60)
                painted = time.perf_counter() - start
                await terminal.until(lambda: terminal.shows(f"HOSTS {hosts:,}"[:8]), within=60)
                await asyncio.sleep(5)
                used = cpu_seconds(terminal.pid)
                await asyncio.sleep(seconds)
                used = (cpu_seconds(terminal.pid) - used) / seconds
                resident = resident_megabytes(terminal.pid)
    return [
        verdict(f"{hosts:,} hosts: start to first full screen", painted, "s", 2),
        verdict(f"{hosts:,} hosts: CPU of a refresh, one a second", used * 1000, "ms", 150),
        verdict(f"{hosts:,} hosts: resident set", resident, "MB", 200),
    ]


def quantile(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


async def measure(only: str, seconds: float, hosts: int) -> bool:
    """Measure one thing or all."""
    reached: list[bool] = []
    if only in {"all", "bytes"}:
        reached += await bytes_per_second("quiet panes, 1 line/s each", 2, seconds, 8)
        reached += await bytes_per_second("two panes at 50 lines/s each", 100, seconds, 20)
        reached += await bytes_per_second(
            "the same with --bandwidth low", 100, seconds, 10, "--bandwidth", "low"
        )
    if only in {"all", "start"}:
        reached += await first_paint(7)
    if only in {"all", "line"}:
        reached += await line_to_screen(20)
    if only in {"all", "keys"}:
        reached += await key_to_paint(100)
    if only in {"all", "hosts"}:
        reached += await many_hosts(hosts, seconds)
    return all(reached)


@click.command()
@click.option(
    "--only",
    type=click.Choice(["all", "bytes", "start", "line", "keys", "hosts"]),
    default="all",
    show_default=True,
)
@click.option("--seconds", default=20.0, show_default=True, help="Of each measuring.")
@click.option("--hosts", default=50_000, show_default=True, help="Of the large fleet.")
def main(only: str, seconds: float, hosts: int) -> None:
    """Measure the console; ends with 0 where every figure is as it should be (Linux)."""
    sys.exit(0 if asyncio.run(measure(only, seconds, hosts)) else 1)


if __name__ == "__main__":
    main()
