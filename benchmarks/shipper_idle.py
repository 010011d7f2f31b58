"""What a shipper costs that follows ten thousand quiet files.

Run ``python -m benchmarks.shipper_idle``. Linux only: it reads ``/proc``.
"""

from __future__ import annotations

import asyncio
import sys

import click

from benchmarks.support.shipper import bench, shipper, wait_for_messages

WANTED_CORE = 0.01
WANTED_BYTES = 60_000_000


@click.command()
@click.option("--files", default=10_000, show_default=True)
@click.option("--directories", default=100, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
def main(files: int, directories: int, seconds: float) -> None:
    """Print the share of a core and the resident set; wanted are under 1 % and 60 MB."""
    print(f"{files:,} files in {directories} directories, {seconds:g} s of nothing")
    sys.exit(0 if asyncio.run(_measure(files, directories, seconds)) else 1)


async def _measure(files: int, directories: int, seconds: float) -> bool:
    async with bench() as where:
        for number in range(files):
            path = where.directory / "logs" / f"host{number % directories}" / f"{number}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"a line of a quiet log\n" * 60)
        pattern = str(where.directory / "logs" / "*" / "*.log")
        async with shipper(where, "state", "--host", "{dir}", pattern):
            await wait_for_messages(where, files)
        # A new start: what the first shipping has left in memory is not what idling costs.
        async with shipper(where, "state", "--host", "{dir}", pattern) as running:
            path = where.directory / "logs" / "host0" / "0.log"
            with path.open("ab") as file:
                file.write(b"ready\n")
            await wait_for_messages(where, files + 1)
            await asyncio.sleep(5)
            begun = running.cpu_seconds
            await asyncio.sleep(seconds)
            share, size = (running.cpu_seconds - begun) / seconds, running.resident_bytes
    is_reached = share < WANTED_CORE and size < WANTED_BYTES
    print(
        f"{share:.2%} of a core, {size / 1e6:.0f} MB (wanted under {WANTED_CORE:.0%} and "
        f"{WANTED_BYTES / 1e6:.0f} MB): {'reached' if is_reached else 'NOT reached'}"
    )
    return is_reached


if __name__ == "__main__":
    main()
