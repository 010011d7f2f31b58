"""A shipper under test, and what the stream holds of what it shipped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from shipper.agent import Agent
from shipper.checkpoint import Checkpoint
from shipper.claims import Claims
from shipper.connection import Connection
from shipper.discovery import LogPlace, Pattern
from shipper.headers import fields_of
from shipper.reader import Following
from shipper.source_log import Reading, SourceLog
from shipper.wire import ORDERS_BUCKET, SourceRange, source_range
from tests.support.waiting import until

QUICK = Reading(linger=0.0, grace=0.05)


class Stored(NamedTuple):
    """One message of the stream."""

    source: SourceRange
    payload: bytes


def append(path: Path, text: bytes) -> None:
    """Write to a log, as its program does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(text)


async def api(connection: Connection, call: str, request: Any = None) -> Any:
    """Ask JetStream."""
    payload = b"" if request is None else json.dumps(request).encode()
    answer = json.loads((await connection.request(f"$JS.API.{call}", payload)).data)
    assert "error" not in answer, answer
    return answer


async def make_stream(connection: Connection, **config: Any) -> None:
    """Make a stream of the lines that shippers publish."""
    wanted = {
        "name": "LOGS",
        "subjects": ["logs.>"],
        "storage": "file",
        "discard": "new",
        "max_bytes": 256 << 20,
        "duplicate_window": 120 * 10**9,
        "allow_direct": True,
    }
    await api(connection, "STREAM.CREATE.LOGS", wanted | config)


async def make_bucket(connection: Connection) -> None:
    """Make the bucket of the red button."""
    wanted = {
        "name": f"KV_{ORDERS_BUCKET}",
        "subjects": [f"$KV.{ORDERS_BUCKET}.>"],
        "storage": "file",
        "max_msgs_per_subject": 1,
        "allow_direct": True,
        "allow_rollup_hdrs": True,
    }
    await api(connection, f"STREAM.CREATE.KV_{ORDERS_BUCKET}", wanted)


async def press(connection: Connection, key: str, **order: Any) -> None:
    """Press the red button."""
    reply = await connection.request(f"$KV.{ORDERS_BUCKET}.{key}", json.dumps(order).encode())
    assert "seq" in json.loads(reply.data)


async def release(connection: Connection, key: str) -> None:
    """Release it."""
    await connection.request(f"$KV.{ORDERS_BUCKET}.{key}", headers={"KV-Operation": "DEL"})


async def stored(connection: Connection, host: str | None = None) -> list[Stored]:
    """Read the stream, or one host's part of it, by sequence."""
    state = (await api(connection, "STREAM.INFO.LOGS"))["state"]
    found = []
    for sequence in range(max(1, state["first_seq"]), state["last_seq"] + 1):
        reply = await connection.request("$JS.API.DIRECT.GET.LOGS", b'{"seq":%d}' % sequence)
        source = source_range(reply.headers)
        if source is None:
            assert fields_of(reply.headers).get("Status") or b"404" in reply.headers
            continue
        if host in (None, source.host):
            found.append(Stored(source, reply.data))
    return found


async def content(connection: Connection, host: str | None = None) -> bytes:
    """What the stream holds, as one sequence of bytes."""
    return b"".join(message.payload for message in await stored(connection, host))


async def arrives(connection: Connection, wanted: bytes, host: str | None = None) -> None:
    """Wait until the stream holds exactly this."""

    async def is_there() -> bool:
        return len(await content(connection, host)) >= len(wanted)

    with contextlib.suppress(AssertionError):  # the difference says more
        await until(is_there, within=30.0)
    assert await content(connection, host) == wanted


def following(*files: Path | str, host: str = "web1", **changes: Any) -> Following:
    """What to follow, with short times."""
    values: dict[str, Any] = {"reading": QUICK}
    patterns = tuple(Pattern.parse(str(file)) for file in files)
    return Following(patterns=patterns, host=host, **(values | changes))


@contextlib.asynccontextmanager
async def shipping(connection: Connection, state: Path, what: Following) -> AsyncIterator[Agent]:
    """Ship in this process until the block ends."""
    with contextlib.closing(Checkpoint(state)) as checkpoint:
        agent = Agent(connection, checkpoint, what, prefix="logs")
        running = asyncio.create_task(agent.run())
        try:
            yield agent
        finally:
            agent.stop()
            await running


async def ship_once(connection: Connection, state: Path, what: Following) -> None:
    """Ship what there is."""
    once = Following(
        patterns=what.patterns, host=what.host, from_end=what.from_end, reading=Reading(once=True)
    )
    with contextlib.closing(Checkpoint(state)) as checkpoint:
        await Agent(connection, checkpoint, once, prefix="logs").run()


class LogReader:
    """Reads one log without a server: every batch counts as acknowledged at once."""

    def __init__(self, path: Path, reading: Reading = QUICK, **begin: Any) -> None:
        self.path = path
        self.claims = Claims()
        self.batches: list[bytes] = []
        self.sources: list[SourceRange] = []
        place = LogPlace(path=str(path), root=path.parent, host="web1", name=path.name)
        self.log = SourceLog(place, reading, self.claims, **begin)

    def read(self, *, settled: bool = False, limit: int = 1 << 16) -> bytes:
        """Look and read all that is due; ``settled`` as if all had been quiet for an hour."""
        self.log.look(time.monotonic())
        now = time.monotonic() + (3600 if settled else 0)
        got = b""
        while (batch := self.log.next_batch(limit, now)) is not None:
            got += batch.payload
            self.batches.append(batch.payload)
            self.sources.append(batch.source)
            self.log.acknowledge(batch)
        return got

    def restart(self, **begin: Any) -> LogReader:
        """Stop, and start from what was recorded."""
        record = self.log.record()
        self.log.close()
        return LogReader(self.path, record=record, **begin)
