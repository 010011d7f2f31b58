"""Streams and consumers of anybody's, and workers that behave as a test wants."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from natsconsole.domain.triage import TriageSnapshot
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.gateway.triage import LiveTriage
from shipper.connection import Connection
from tests.support.waiting import until

_numbers = itertools.count(1)


class Delivered:
    """A message that a worker has."""

    def __init__(self, connection: Connection, reply: str, payload: bytes) -> None:
        self.reply = reply
        self.payload = payload
        self._connection = connection

    @property
    def sequence(self) -> int:
        """Its stream sequence."""
        tokens = self.reply.split(".")
        return int(tokens[-4] if len(tokens) == 9 else tokens[7])

    async def answer(self, verb: str = "+ACK") -> None:
        """Acknowledge it, or what the verb says, and wait until the server has done so."""
        await self._connection.request(self.reply, verb.encode())


class Anybody:
    """A stream of its own for one test, by the plain API."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.stream = f"S{next(_numbers)}"
        self.timeout = 15.0
        """Seconds to wait for an answer of the API."""

    @property
    def subject(self) -> str:
        """A token that no other test's stream takes."""
        return self.stream.lower()

    async def api(self, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the API; an error is a failure of the test."""
        reply = await self.connection.request(
            f"$JS.API.{verb}",
            json.dumps(body).encode() if body is not None else b"",
            timeout=self.timeout,
        )
        answer: dict[str, Any] = json.loads(reply.data)
        assert "error" not in answer, answer
        return answer

    async def make_stream(self, verb: str = "CREATE", **config: Any) -> None:
        """Make it, or ``UPDATE`` it: subjects ``s1.>`` unless given."""
        body = {"name": self.stream, "subjects": [f"{self.subject}.>"], "allow_direct": True}
        await self.api(f"STREAM.{verb}.{self.stream}", body | config)

    async def make_consumer(self, called: str = "worker", **config: Any) -> None:
        """Make a durable pull consumer with explicit acks unless given otherwise."""
        body: dict[str, Any] = {"durable_name": called, "ack_policy": "explicit"} | config
        body = {key: value for key, value in body.items() if value is not None}
        await self.api(
            f"CONSUMER.CREATE.{self.stream}.{called}", {"stream_name": self.stream, "config": body}
        )

    async def publish(self, count: int, *, subject: str = "a", payload: bytes = b"x") -> None:
        """Store so many messages."""
        for _ in range(count):
            reply = await self.connection.request(f"{self.subject}.{subject}", payload)
            assert b'"error"' not in reply.data, reply.data

    async def pull(self, count: int, *, name: str = "worker", **request: Any) -> list[Delivered]:
        """Get so many messages, and wait until they are there."""
        found: list[Delivered] = []

        def take(_subject: str, reply: str, _headers: bytes, payload: bytes) -> None:
            if reply:
                found.append(Delivered(self.connection, reply, payload))

        inbox = self.connection.new_inbox()
        subscription = await self.connection.subscribe(inbox, take)
        body = {"batch": count, "expires": 20_000_000_000} | request
        await self.connection.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{name}",
            json.dumps(body).encode(),
            reply=inbox,
        )
        try:
            await until(lambda: len(found) >= count, why=f"{count} messages are delivered")
        finally:
            await subscription.unsubscribe()
        return found

    async def wait_for_pulls(self, count: int, *, name: str = "worker") -> None:
        """Let so many pulls wait, until the connection ends."""
        for _ in range(count):
            inbox = self.connection.new_inbox()
            await self.connection.subscribe(inbox, _ignore)
            await self.connection.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{name}",
                json.dumps({"batch": 1, "expires": 60_000_000_000}).encode(),
                reply=inbox,
            )

        async def are_waiting() -> bool:
            info = await self.api(f"CONSUMER.INFO.{self.stream}.{name}")
            return int(info["num_waiting"]) >= count

        await until(are_waiting)

    async def verdict(
        self,
        triage: LiveTriage,
        rule: str,
        *,
        consumer: str = "worker",
        within: float = 30.0,
        meanwhile: Callable[[], Awaitable[object]] | None = None,
        **evidence: int | float | str,
    ) -> Verdict:
        """Look until the rule speaks of our consumer (or stream, for ``""``), and return it.

        Args:
            triage: what looks.
            rule: the rule.
            consumer: of whom it is to speak.
            within: seconds.
            meanwhile: is done before each look, for what must go on as it is looked at.
            evidence: what it must give.
        """
        found: list[Verdict] = []
        seen: list[Verdict] = []

        async def speaks() -> bool:
            if meanwhile is not None:
                await meanwhile()
            snapshot = await triage.look()
            seen[:] = self.verdicts(snapshot, consumer)
            found[:] = [
                one
                for one in seen
                if one.rule == rule and evidence.items() <= evidence_of(one).items()
            ]
            if not found:
                await asyncio.sleep(0.02)
            return bool(found)

        try:
            await until(speaks, within=within, why=rule)
        except AssertionError:
            raise AssertionError(f"no {rule} {evidence or ''}, but {seen}") from None
        return found[0]

    def verdicts(self, snapshot: TriageSnapshot, consumer: str = "worker") -> Sequence[Verdict]:
        """Return what is said of our consumer, or of our stream for ``""``."""
        return snapshot.verdicts_of(self.stream, consumer)


def evidence_of(verdict: Verdict) -> dict[str, int | float | str]:
    """Return the evidence by name."""
    return dict(verdict.evidence)


def rules_of(verdicts: Sequence[Verdict]) -> set[str]:
    """Return the rules that speak."""
    return {one.rule for one in verdicts}


def _ignore(_subject: str, _reply: str, _headers: bytes, _payload: bytes) -> None:
    """Take a message and do nothing."""
