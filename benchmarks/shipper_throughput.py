"""A million lines from a file into a file-backed stream: the shipper beside a bare nats-py loop.

Run ``python -m benchmarks.shipper_throughput``. The shipper syncs its checkpoint before it
publishes, and both await each PubAck before the next block. Counted is from the first message in
the stream to the last, for both: not the start of Python.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from benchmarks.support.rounds import compare
from benchmarks.support.shipper import Bench, bench
from shipper.batches import MAX_BATCH

WANTED_RATIO = 0.6


@click.command()
@click.option("--lines", default=1_000_000, show_default=True, help="Of 124 bytes each.")
@click.option("--rounds", default=5, show_default=True)
def main(lines: int, rounds: int) -> None:
    """Measure lines a second; wanted are 0.6 of the bare loop."""
    print(
        f"{lines:,} lines of 124 B, blocks of {MAX_BATCH >> 10} kB, file storage, PubAcks awaited"
    )
    sys.exit(0 if asyncio.run(_measure(lines, rounds)) else 1)


async def _measure(lines: int, rounds: int) -> bool:
    async with bench() as where:
        log = where.directory / "app.log"
        _write(log, lines)
        number = 0

        async def ours() -> float:
            nonlocal number
            number += 1
            await where.empty_stream()
            return lines / await _seconds(
                where, "benchmarks.loops.shipping", str(log), str(where.directory / f"s{number}")
            )

        async def bare() -> float:
            await where.empty_stream()
            return lines / await _seconds(
                where, "benchmarks.loops.publishing", str(log), str(MAX_BATCH)
            )

        return await compare(
            ("shipper, checkpoints on", ours),
            ("bare loop, no checkpoint", bare),
            rounds=rounds,
            unit="lines/s",
            at_least=WANTED_RATIO,
        )


def _write(log: Path, lines: int) -> None:
    with log.open("wb") as file:
        for number in range(lines):
            file.write(b"%012d %s\n" % (number, b"." * 110))


async def _seconds(where: Bench, module: str, *arguments: str) -> float:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, where.url, *arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    stored = (await where.api("STREAM.INFO.LOGS"))["state"]["bytes"]
    if process.returncode or stored < (where.directory / "app.log").stat().st_size:
        raise RuntimeError(f"{module} stored {stored} bytes")
    return float(out)


if __name__ == "__main__":
    main()
