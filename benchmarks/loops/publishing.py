"""A bare loop on nats-py: reads a file in blocks, publishes each and awaits its PubAck.

Run as ``python -m benchmarks.loops.publishing URL FILE BLOCK_BYTES``; prints the seconds it took.
No batches, headers, checkpoints, identities: what publishing alone costs, in order.
"""

from __future__ import annotations

import asyncio
import sys
import time

import nats


async def main(url: str, path: str, block: int) -> None:
    client = await nats.connect(url)
    jetstream = client.jetstream()
    begun = time.perf_counter()
    rest = b""
    with open(path, "rb") as file:  # noqa: ASYNC230, PTH123 - as a bare loop does it
        while data := file.read(block - len(rest)):
            data = rest + data
            end = data.rfind(b"\n") + 1
            await jetstream.publish(
                "logs.bare", data[:end], headers={"Nats-Msg-Id": f"{begun}:{file.tell()}"}
            )
            rest = data[end:]
    print(time.perf_counter() - begun)
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
