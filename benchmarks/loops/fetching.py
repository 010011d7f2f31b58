"""What a nats-py user writes first: fetch 500, write each line to its host's file, ack each.

Usage: ``python -m benchmarks.loops.fetching URL DIRECTORY MESSAGES``; prints the seconds it took.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import nats

from benchmarks.support.fleet import STREAM
from shipper.wire import HostPattern

_FETCH = 500


async def _main(url: str, directory: Path, messages: int) -> None:
    client = await nats.connect(url)
    subscription = await client.jetstream().pull_subscribe(
        f"{STREAM.prefix}.>", durable="fetching", stream=STREAM.name
    )
    pattern = HostPattern.ours(STREAM.prefix)
    files: dict[str, int] = {}
    done = 0
    begun = time.monotonic()
    while done < messages:
        for message in await subscription.fetch(_FETCH, timeout=5):
            host = pattern.host_of(message.subject) or ""
            if host not in files:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
                files[host] = os.open(directory / host, flags, 0o640)
            os.write(files[host], message.data)
            await message.ack()
            done += 1
    await client.flush()
    print(time.monotonic() - begun)
    await client.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
