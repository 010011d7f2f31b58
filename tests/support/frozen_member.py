"""A member of a group that freezes itself, and says what it sees when it is thawed.

Run as ``python -m tests.support.frozen_member URL``; prints one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from natsconsole.gateway.jetstream import JetStream
from natsconsole.receiver.membership import Membership, Seat
from shipper.connection import Connection
from tests.support.patience import patient_options


def say(**values: object) -> None:
    print(json.dumps(values), flush=True)  # noqa: T201


async def main(url: str) -> None:
    async with Connection(patient_options(url)) as connection:
        seat = Seat(stream="LOGS", group="archive", name="frozen", partitions=range(1))
        membership = Membership(connection, JetStream(connection), seat, ttl=5, interval=0.2)
        running = asyncio.create_task(membership.run())
        while not await membership.acquire(0):
            await asyncio.sleep(0.02)
        instance = membership.instance
        say(held=membership.is_held(0), instance=instance)
        # Nothing else of this process runs between the thaw and the look: the loop is not left.
        os.kill(os.getpid(), signal.SIGSTOP)
        say(held=membership.is_held(0), instance=membership.instance)
        while membership.instance in {"", instance}:
            await asyncio.sleep(0.02)
        say(held=membership.is_held(0), acquired=await membership.acquire(0))
        await running


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
