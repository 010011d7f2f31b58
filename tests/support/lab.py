"""A lab receiver on a stream of one partition, and what the server says of it."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from natsconsole.demo.integrity_account import Account, compare
from natsconsole.domain.receivers import AnswerRule, HostsRequest, HostStatus, UnackedRequest
from natsconsole.gateway.jetstream import ConsumerInfo, JetStream
from natsconsole.gateway.log_stream import LogStream
from natsconsole.receiver import pull
from natsconsole.receiver.config import ReceiverConfig
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.membership import Membership
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

ONE_PARTITION = LogStream(partitions=1, max_age_seconds=3600, max_bytes=64 << 20)
LONG, SHORT = 120.0, 6.0
"""Ack waits: what comes again within a test is not due to the long one; and the short one is long
enough for a process that a busy machine stops for seconds."""


class Lab:
    """A receiver, its stream's API, and every advisory since it began."""

    def __init__(self, jetstream: JetStream, receiver: Receiver, out: Path) -> None:
        self.jetstream = jetstream
        self.receiver = receiver
        self.out = out
        self.advisories: list[dict[str, Any]] = []

    def take_advisory(self, _subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        self.advisories.append(json.loads(payload))

    def advised(self, kind: str) -> list[dict[str, Any]]:
        """Return the advisories about messages whose type ends so, one for each message."""
        found = [one for one in self.advisories if one["type"].endswith(kind)]
        return list({one["stream_seq"]: one for one in found if "stream_seq" in one}.values())

    async def consumer(self) -> ConsumerInfo:
        (info,) = await self.jetstream.consumers("LOGS")
        return info

    async def until_settled(self, floor: int) -> None:
        """Wait until the server has nothing outstanding and its ack floor is there."""

        async def is_settled() -> bool:
            info = await self.consumer()
            return info.num_ack_pending == 0 and info.ack_floor.stream_seq == floor

        await until(is_settled, within=30, why=f"all is settled up to {floor}")

    async def until_pending(self, count: int, *, redelivered: int = 0) -> ConsumerInfo:
        """Wait until so many messages are outstanding at the server, and return what it says.

        Args:
            count: the outstanding messages.
            redelivered: how many of them at least must have come more than once.
        """

        info = await self.consumer()

        async def is_pending() -> bool:
            nonlocal info
            info = await self.consumer()
            return info.num_ack_pending == count and info.num_redelivered >= redelivered

        await until(is_pending, within=30, why=f"{count} are outstanding")
        return info

    async def until_redelivered(self, count: int) -> None:
        await until(
            lambda: self.receiver.status("").redelivered >= count, within=30, why="it comes again"
        )

    async def until_lines(self, count: int) -> None:
        await until(
            lambda: self.receiver.status("").written_lines >= count,
            within=30,
            why=f"{count} lines are written",
        )

    def choose(self, answer: str, **changes: Any) -> AnswerRule:
        """Choose the answer from now on."""
        rule = AnswerRule(answer=answer, **changes)  # type: ignore[arg-type]
        self.receiver.set_rule(rule)
        return rule

    def host(self, name: str) -> HostStatus:
        (status,) = self.receiver.hosts(HostsRequest(hosts=(name,))).hosts
        return status

    def held(self) -> list[str]:
        """Return the hosts whose messages are held."""
        return [one.host for one in self.receiver.hosts(HostsRequest()).hosts if one.held]

    def unacked(self) -> list[int]:
        return [one.sequence for one in self.receiver.unacked(UnackedRequest()).messages]

    def content(self, source: Source) -> bytes:
        path = self.out / source.host / source.name
        return path.read_bytes() if path.exists() else b""

    def account(self, source: Source) -> Account:
        """Compare what the host shipped with what is on disk: nobody's counters are asked."""
        shipped = self.out.with_name(f"shipped-{source.host}")
        shipped.write_bytes(source.content)
        return compare([shipped], [self.out / source.host / source.name])

    def quarantined(self) -> list[dict[str, Any]]:
        """Return what is in quarantine, payloads decoded."""
        path = self.out / ".natsconsole/quarantine-p0.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [
            kept | {"payload": base64.b64decode(kept["payload_base64"])}
            for kept in map(json.loads, lines)
        ]


@contextlib.asynccontextmanager
async def lab(
    server: NatsServer,
    connection: Connection,
    out: Path,
    *,
    ack_wait: float = LONG,
    jetstream: JetStream | None = None,
    settings: ConsumerSettings | None = None,
    **changes: Any,
) -> AsyncIterator[Lab]:
    """Run a lab receiver until the block ends; ``jetstream`` where the stream is there."""
    if jetstream is None:
        jetstream = await make_stream(connection, ONE_PARTITION)
    if settings is None:
        settings = ConsumerSettings(ack_wait_seconds=ack_wait, max_ack_pending=200)
    config = receiver_config(out, settings=settings, **changes)
    defaults = Membership.__init__.__kwdefaults__
    assert defaults is not None
    with pytest.MonkeyPatch.context() as patch:
        # Neither a server nor a receiver that a busy machine stops is to be taken over from.
        patch.setattr(pull, "SILENCE", 60.0)
        patch.setitem(defaults, "ttl", 30)
        async with _laboratory(server, connection, jetstream, config) as found:
            yield found


@contextlib.asynccontextmanager
async def _laboratory(
    server: NatsServer, connection: Connection, jetstream: JetStream, config: ReceiverConfig
) -> AsyncIterator[Lab]:
    async with running(server, config) as receiver:
        found = Lab(jetstream, receiver, config.directory)
        listening = await connection.subscribe("$JS.EVENT.ADVISORY.CONSUMER.>", found.take_advisory)
        await until(lambda: receiver.status("").state == "running")
        yield found
        await listening.unsubscribe()


def lines_of(source: Source, places: Iterable[int]) -> bytes:
    """Return the source's lines at these places, counted from 1."""
    lines = source.content.splitlines(keepends=True)
    return b"".join(lines[place - 1] for place in places)
