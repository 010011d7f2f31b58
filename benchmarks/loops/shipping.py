"""The shipper, timed from inside: from its first look at the file to the last acknowledgement.

Run as ``python -m benchmarks.loops.shipping URL FILE STATE``; prints the seconds it took.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path

from shipper.agent import Agent
from shipper.checkpoint import Checkpoint
from shipper.connection import Connection, ConnectionOptions
from shipper.discovery import Pattern
from shipper.reader import Following
from shipper.source_log import Reading


async def main(url: str, path: str, state: str) -> None:
    following = Following(patterns=(Pattern.parse(path),), host="web1", reading=Reading(once=True))
    async with Connection(ConnectionOptions(servers=(url,))) as connection:
        begun = time.perf_counter()
        with contextlib.closing(Checkpoint(Path(state))) as checkpoint:
            await Agent(connection, checkpoint, following, prefix="logs").run()
        print(time.perf_counter() - begun)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
