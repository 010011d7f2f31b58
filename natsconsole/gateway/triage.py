"""One look at all streams and consumers of an account, whoever made them.

Looking disturbs nothing: lists and single messages are asked for, nothing is created.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import msgspec

from natsconsole.domain.snapshots import Link
from natsconsole.domain.triage import ProblemKind, ServerFacts, TriageSnapshot
from natsconsole.domain.verdicts.judge import in_order
from natsconsole.domain.verdicts.server import of_server
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.gateway.account_api import TIMEOUT, AccountApi
from natsconsole.gateway.account_reader import AccountReader
from natsconsole.gateway.consumer_events import ConsumerEvents
from natsconsole.gateway.denials import Denials
from natsconsole.gateway.interface import GatewayError, LinkLostError
from natsconsole.gateway.jetstream import API_PREFIX, ApiError, JetStream, JetStreamOffError
from natsconsole.gateway.link import link_of
from natsconsole.gateway.publishers import Publishers
from natsconsole.gateway.stream_reader import StreamReader
from shipper.connection import (
    Connection,
    ConnectionProblem,
    NotConnectedError,
    PermissionDeniedError,
)

_UNAVAILABLE = 10008
"""JetStream's code while it has no leader."""
OLDEST_SERVER = (2, 10, 0)
FIRST_LOOK = 2.5
INTERVAL, LONGEST_INTERVAL = 2.0, 30.0
SHARE = 4
"""A look that took so long is followed by a wait of so many times that."""
FEW, SOON = 10, 5.0
"""So few requests burden nobody, however slow the answers are: they are sent again after so many
seconds at most, that an elected leader is seen soon."""
_OFF = frozenset({10039, 10076})
"""JetStream's codes for an account, or a server, without JetStream."""


def wait_after(seconds: float, requests: int, *, at_least: float = INTERVAL) -> float:
    """Return the seconds between a look that took so long, and so many requests, and the next."""
    longest = SOON if requests <= FEW else LONGEST_INTERVAL
    return max(at_least, min(longest, SHARE * seconds))


class LiveTriage:
    """Implements ``Triage`` on a connection.

    Args:
        streams: names to ask for one by one where this login may not list streams.
        interval: seconds between looks while answers are quick.
        first_look: seconds that the first look, which reads everything, may take.
        clock: seconds since the epoch.
        timeout: seconds to wait for an answer.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        streams: Sequence[str] = (),
        interval: float = INTERVAL,
        first_look: float = FIRST_LOOK,
        clock: Callable[[], float] = time.time,
        timeout: float = TIMEOUT,
    ) -> None:
        self._connection = connection
        self._prefix = connection.options.api_prefix
        self._interval = interval
        self._clock = clock
        self._api = AccountApi(connection, prefix=self._prefix, clock=clock, timeout=timeout)
        self._events = ConsumerEvents(connection)
        self._publishers = Publishers(connection)
        self._denials = Denials()
        self._reader = AccountReader(
            self._api,
            self._events,
            self._denials,
            named=streams,
            first_look=first_look,
            clock=clock,
        )
        self._began = 0.0
        self._rtt: float | None = None
        self._past_read = False
        self._has_leader = True
        self._looking = asyncio.Lock()

    @property
    def link(self) -> Link:
        """The connection as it is now, without asking anybody."""
        return link_of(self._connection, self._rtt)

    def prefer(self, consumers: Iterable[tuple[str, str]]) -> None:
        """Read these first, by stream and name."""
        self._reader.preferred = frozenset(consumers)

    async def ask_shippers(self) -> None:
        """Let shippers say, within two seconds, what goes wrong as they publish.

        Raises:
            GatewayError: there is no connection.
        """
        try:
            await self._publishers.listen()
            await self._publishers.ask()
        except ConnectionProblem as error:
            raise GatewayError(str(error)) from error

    def close(self) -> None:
        """Listen no more."""
        self._events.close()
        self._publishers.close()

    async def look(self) -> TriageSnapshot:
        """Take one look; a second call waits for the first to end."""
        async with self._looking:
            return await self._look()

    async def _look(self) -> TriageSnapshot:
        begun, asked = time.monotonic(), self._api.requests
        self._api.clock_ahead = None
        self._denials.clear()
        self._began = self._began or self._clock()
        try:
            kind, problem = await self._read()
        except NotConnectedError as error:
            raise LinkLostError(str(error)) from error
        version = self._connection.server_version_tuple
        if (0, 0, 0) < version < OLDEST_SERVER:
            kind, problem = "too-old", self._too_old()
        snapshot = self._snapshot(kind, problem)
        seconds, requests = time.monotonic() - begun, self._api.requests - asked
        return replace(
            snapshot,
            seconds=seconds,
            requests=requests,
            interval_seconds=wait_after(seconds, requests, at_least=self._interval),
        )

    async def _read(self) -> tuple[ProblemKind, str]:
        """Read all there is, and return what is wrong with it."""
        self._has_leader = True
        try:
            self._rtt = await self._connection.rtt()
            await self._events.listen()
            await self._publishers.listen()
            await self._reader.read()
            await self._read_past()
        except NotConnectedError:
            raise
        except PermissionDeniedError as error:
            return "not-permitted", str(error)
        except JetStreamOffError:
            return self._absence()
        except ConnectionProblem as error:
            return "no-answer", str(error)
        except ApiError as error:
            if error.err_code in _OFF:
                return self._absence()
            self._has_leader = error.err_code != _UNAVAILABLE
            return "no-answer", f"JetStream cannot tell how it stands: {error}"
        except msgspec.MsgspecError as error:
            return "no-answer", f"what answers is no JetStream API: {error}"
        return "", self._gaps()

    async def _read_past(self) -> None:
        """Read, once, what a stream that keeps advisories has."""
        keeper = self._reader.keeper
        if self._past_read or keeper is None or not keeper.allow_direct:
            return
        self._past_read = True
        jetstream = JetStream(self._connection, timeout=2.0)
        reader = StreamReader(self._connection, jetstream, keeper.name)
        born = {(one.stream, one.name): one.born for one in self._reader.consumers()}
        try:
            await self._denials.unless_denied(
                self._events.read_past(reader, keeper, born), "past", keeper.name
            )
        except (ApiError, ConnectionProblem) as error:
            if isinstance(error, NotConnectedError):
                raise

    def _gaps(self) -> str:
        reader = self._reader
        if reader.unanswered:
            names = ", ".join(reader.unanswered[:3])
            return f"nobody tells the consumers of {names}: their leader does not answer"
        if reader.unread:
            return (
                f"the consumers of {reader.unread:,} more streams are not read yet: the next "
                "looks do"
            )
        return ""

    def _absence(self) -> tuple[ProblemKind, str]:
        where = self._connection.connected_address
        if self._prefix != API_PREFIX:
            domain = self._prefix.removeprefix("$JS.").removesuffix(".API")
            return "wrong-domain", (
                f"nothing answers for JetStream domain {domain!r} at {where}: check --js-domain "
                "and --js-api-prefix, or leave them out for the server's own"
            )
        return "no-jetstream", (
            f"JetStream is not enabled at {where}, or not for this account: enable it on the "
            "server (-js) or for the account, or log in to an account that has it"
        )

    def _too_old(self) -> str:
        return (
            f"nats-server {self._connection.server_version} is older than 2.10: what it does not "
            "tell is not known here; upgrade it"
        )

    def _snapshot(self, kind: ProblemKind, problem: str) -> TriageSnapshot:
        reader, connection = self._reader, self._connection
        keeps = reader.keeper is not None
        consumers = list(reader.consumers())
        for one in consumers:
            one.judge(reader.streams[one.stream], self._events, keeps_advisories=keeps)
        server = ServerFacts(
            name=connection.server_name,
            version=connection.server_version,
            address=connection.connected_address,
            rtt_seconds=self._rtt,
            has_leader=self._has_leader,
            clock_ahead_seconds=self._api.clock_ahead,
        )
        troubles = self._publishers.troubles()
        verdicts: list[Verdict] = [*of_server(server, reader.account, troubles)]
        for memory in reader.streams.values():
            verdicts += memory.verdicts
        for one in consumers:
            verdicts += one.verdicts
        now = self._clock()
        streams = tuple(memory.state for memory in reader.streams.values())
        knows = bool(streams) or reader.streams_total is not None
        return TriageSnapshot(
            taken=now,
            watched_seconds=max(0.0, now - self._began),
            server=server,
            account=reader.account,
            streams=streams,
            consumers=tuple(one.state for one in consumers),
            streams_total=reader.streams_total,
            consumers_total=sum(one.consumers_count for one in streams) if knows else None,
            verdicts=in_order(verdicts),
            troubles=troubles,
            keeps_advisories=keeps,
            not_permitted=(*self._denials.lines(), *self._events.denied),
            problem=problem,
            problem_kind=kind,
        )
