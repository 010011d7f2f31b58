"""Tells whoever listens that this shipper lives, also when its logs are silent."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Iterator

import msgspec

import shipper
from shipper.connection import Connection, ConnectionProblem
from shipper.problems import Problems
from shipper.reader import Survey
from shipper.red_button import RedButton
from shipper.wire import (
    HEARTBEAT_SECONDS,
    HEARTBEAT_SUBJECT,
    HOSTS_PER_HEARTBEAT,
    PING_SUBJECT,
    Heartbeat,
    HostPulse,
)

_SOONEST = 1.0
"""Seconds between two, whatever changes."""
_SPREAD = 2.0
_PROBLEMS_SHOWN = 5
_NOT_IN_TOKEN = re.compile(r"[^-_a-zA-Z0-9]")


class HeartbeatSender:
    """Publishes heartbeats.

    Args:
        survey: tells how the logs stand.
    """

    def __init__(
        self,
        connection: Connection,
        problems: Problems,
        button: RedButton,
        survey: Callable[[], Awaitable[Survey]],
        *,
        interval: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._connection = connection
        self._problems = problems
        self._button = button
        self._survey = survey
        self._interval = interval
        self._name = socket.gethostname()
        self._instance = secrets.token_hex(4)
        self._started = time.time()
        self._subject = f"{HEARTBEAT_SUBJECT}.{_NOT_IN_TOKEN.sub('_', self._name) or '_'}"
        self._due = asyncio.Event()

    def hurry(self) -> None:
        """Send one soon: something changed."""
        self._due.set()

    async def run(self) -> None:
        """Send one each interval, and sooner after `hurry` or a ping, until cancelled."""
        loop = asyncio.get_running_loop()

        def ping(*_: object) -> None:
            loop.call_later(random.uniform(0, _SPREAD - _SOONEST), self.hurry)  # noqa: S311

        subscription = await self._connection.subscribe(PING_SUBJECT, ping)
        try:
            while True:
                self._due.clear()
                with contextlib.suppress(ConnectionProblem):
                    await self._send()
                await asyncio.sleep(_SOONEST)
                wait = self._interval * random.uniform(0.8, 1.2) - _SOONEST  # noqa: S311
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._due.wait()
        finally:
            subscription.cancel()

    async def _send(self) -> None:
        # A login that may not say it is not asked to say it again and again.
        if self._subject in self._connection.denied or self._connection.state != "connected":
            return
        for heartbeat in self._heartbeats(await self._survey()):
            await self._connection.publish(self._subject, msgspec.json.encode(heartbeat))

    def _heartbeats(self, survey: Survey) -> Iterator[Heartbeat]:
        pulses = tuple(self._pulses(survey))
        parts = max(1, -(-len(pulses) // HOSTS_PER_HEARTBEAT))
        for part in range(parts):
            yield Heartbeat(
                name=self._name,
                instance=self._instance,
                version=shipper.__version__,
                started=self._started,
                sent=time.time(),
                interval_seconds=self._interval,
                hosts=pulses[part * HOSTS_PER_HEARTBEAT : (part + 1) * HOSTS_PER_HEARTBEAT],
                part=part + 1,
                parts=parts,
                files=survey.files,
                lost_bytes=survey.lost_bytes,
                problems=self._problems.sentences[:_PROBLEMS_SHOWN],
                problem_kinds=self._problems.kinds[:_PROBLEMS_SHOWN],
            )

    def _pulses(self, survey: Survey) -> Iterator[HostPulse]:
        for host, standing in survey.hosts.items():
            order = self._button.order_for(host)
            yield HostPulse(
                host=host,
                logs=standing.logs,
                backlog_bytes=standing.backlog_bytes,
                lag_seconds=round(standing.lag_seconds, 3),
                paused=order.pause,
                bytes_per_second=order.bytes_per_second,
            )
