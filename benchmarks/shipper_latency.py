"""How soon a line that is appended to a quiet file is in the stream.

Run ``python -m benchmarks.shipper_latency``.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time

import click

from benchmarks.support.shipper import bench, shipper, wait_for_messages
from shipper.wire import source_range

WANTED_SECONDS = 0.1


@click.command()
@click.option("--files", default=10_000, show_default=True)
@click.option("--lines", default=200, show_default=True)
def main(files: int, lines: int) -> None:
    """Print the times from the write to the message; wanted is 100 ms at p95."""
    print(f"{lines} lines, each to one of {files:,} quiet files, linger as it is by default")
    sys.exit(0 if asyncio.run(_measure(files, lines)) else 1)


async def _measure(files: int, lines: int) -> bool:
    choose = random.Random(1)  # noqa: S311 - guards nothing
    seen: dict[str, float] = {}
    arrived = asyncio.Event()

    def take(_subject: str, _reply: str, headers: bytes, _payload: bytes) -> None:
        source = source_range(headers)
        if source is not None:
            seen[source.name] = time.monotonic()
            arrived.set()

    async with bench() as where:
        paths = [where.directory / "logs" / f"{number}.log" for number in range(files)]
        paths[0].parent.mkdir()
        for path in paths:
            path.write_bytes(b"a line\n")
        times = []
        async with shipper(where, "state", str(paths[0].with_name("*.log")), "--host", "web1"):
            await wait_for_messages(where, files)
            await where.connection.subscribe("logs.>", take)
            for path in choose.sample(paths, lines):
                await asyncio.sleep(choose.uniform(0.02, 0.2))
                begun = time.monotonic()
                with path.open("ab") as file:
                    file.write(b"another line\n")
                async with asyncio.timeout(30):
                    while path.name not in seen:
                        arrived.clear()
                        await arrived.wait()
                times.append(seen[path.name] - begun)
    times.sort()
    p95 = times[int(len(times) * 0.95)]
    print(
        f"median {times[len(times) // 2] * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, longest "
        f"{times[-1] * 1000:.0f} ms (wanted p95 {WANTED_SECONDS * 1000:.0f} ms): "
        f"{'reached' if p95 <= WANTED_SECONDS else 'NOT reached'}"
    )
    return p95 <= WANTED_SECONDS


if __name__ == "__main__":
    main()
