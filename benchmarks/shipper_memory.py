"""The shipper's memory over ten million lines, with rotations.

Run ``python -m benchmarks.shipper_memory``. Linux only: it reads ``/proc``.
"""

from __future__ import annotations

import asyncio
import sys

import click

from benchmarks.support.shipper import Bench, Running, bench, shipper

WANTED_RATIO = 1.15
_LINE_BYTES = 100
_STEPS = 20
_WARM = 0.25
_ROTATE_EVERY = 500_000


@click.command()
@click.option("--lines", default=10_000_000, show_default=True, help="Of 100 bytes each.")
def main(lines: int) -> None:
    """Print the largest resident set as a curve; wanted is that it stays flat after the warm-up."""
    print(f"{lines:,} lines of {_LINE_BYTES} B, a rotation each {_ROTATE_EVERY:,}")
    sys.exit(0 if asyncio.run(_measure(lines)) else 1)


async def _measure(lines: int) -> bool:
    block = (b"x" * (_LINE_BYTES - 1) + b"\n") * 10_000
    curve: list[tuple[int, int]] = []
    async with bench() as where:
        log = where.directory / "app.log"
        log.touch()
        async with shipper(where, "state", str(log), "--host", "web1") as running:
            log.write_bytes(block)
            written, peak = 10_000, 0
            peak = max(peak, await _shipped(where, running, written * _LINE_BYTES))
            while written < lines:
                with log.open("ab") as file:
                    file.write(block)
                written += 10_000
                if written % _ROTATE_EVERY == 0:
                    log.rename(log.with_name("app.log.1"))
                    log.touch()
                    peak = max(peak, await _shipped(where, running, written * _LINE_BYTES))
                if written % (lines // _STEPS) == 0:
                    curve.append((written, max(peak, running.resident_bytes)))
                    peak = 0
            peak = max(peak, await _shipped(where, running, written * _LINE_BYTES))
            curve.append((written, max(peak, curve[-1][1])))
    largest = max(size for _, size in curve)
    for count, size in curve:
        print(f"  {count:>12,} lines  {size / 1e6:7.1f} MB  {'#' * round(40 * size / largest)}")
    warm = max(size for count, size in curve if count <= lines * _WARM)
    ratio = curve[-1][1] / warm
    print(
        f"ratio of the end to {_WARM:.0%} of the lines: {ratio:.2f} (wanted at most "
        f"{WANTED_RATIO:g}): {'reached' if ratio <= WANTED_RATIO else 'NOT reached'}"
    )
    return ratio <= WANTED_RATIO


async def _shipped(where: Bench, running: Running, size: int) -> int:
    """Wait until so many bytes are in the stream; return the largest resident set meanwhile."""
    peak = 0
    while (await where.api("STREAM.INFO.LOGS"))["state"]["bytes"] < size:
        peak = max(peak, running.resident_bytes)
        await asyncio.sleep(0.005)
    return peak


if __name__ == "__main__":
    main()
