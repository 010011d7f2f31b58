"""Lists of an account's streams and consumers: typed answers, page by page, each request counted.

Unlike `JetStream`, which changes things and keeps configurations whole, this only reads, and reads
much: the answers are decoded into the few fields that triage uses.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import msgspec

from natsconsole.gateway.jetstream import (
    API_PREFIX,
    ErrorReply,
    JetStreamOffError,
    Json,
    StoredMessage,
    answer_in,
    leaders_answer,
    stored_message,
)
from shipper.connection import Connection, NoRespondersError, PermissionDeniedError, Reply

TIMEOUT = 6.0
"""Seconds: in a cluster the server itself waits 4 s for streams whose leader does not answer."""

ACCOUNT_TIMEOUT = 2.0
"""Seconds: that much can be done without."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A subject transform."""

    src: str = ""
    dest: str = ""


class StreamConfig(msgspec.Struct, frozen=True):
    name: str = ""
    description: str = ""
    subjects: tuple[str, ...] | None = None
    subject_transform: Placed | None = None
    retention: str = "limits"
    storage: str = "file"
    discard: str = "old"
    max_msgs: int = -1
    max_bytes: int = -1
    max_age: int = 0
    max_msgs_per_subject: int = -1
    max_msg_size: int = -1
    num_replicas: int = 1
    duplicate_window: int = 0
    allow_direct: bool = False
    sealed: bool = False
    metadata: dict[str, str] | None = None


class Counts(msgspec.Struct, frozen=True, gc=False):
    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0
    first_ts: datetime | None = None
    last_ts: datetime | None = None
    num_deleted: int = 0
    num_subjects: int = 0
    consumer_count: int = 0


class Peer(msgspec.Struct, frozen=True, gc=False):
    name: str = ""
    current: bool = False
    offline: bool = False
    active: int = 0
    lag: int = 0


class ClusterFacts(msgspec.Struct, frozen=True):
    name: str = ""
    leader: str = ""
    replicas: tuple[Peer, ...] | None = None


class Upstream(msgspec.Struct, frozen=True):
    """A stream that is mirrored or sourced."""

    name: str = ""
    lag: int = 0
    active: int = -1
    error: ErrorReply | None = None


class ListedStream(msgspec.Struct, frozen=True):
    config: StreamConfig
    created: str = ""
    state: Counts = Counts()
    cluster: ClusterFacts | None = None
    mirror: Upstream | None = None
    sources: tuple[Upstream, ...] | None = None
    ts: datetime | None = None


class ConsumerSettings(msgspec.Struct, frozen=True):
    durable_name: str = ""
    description: str = ""
    deliver_policy: str = "all"
    ack_policy: str = "none"
    ack_wait: int = 0
    backoff: tuple[int, ...] | None = None
    max_deliver: int = -1
    max_ack_pending: int = -1
    max_waiting: int = 0
    inactive_threshold: int = 0
    filter_subject: str = ""
    filter_subjects: tuple[str, ...] | None = None
    deliver_subject: str = ""
    deliver_group: str = ""
    priority_policy: str = ""
    priority_groups: tuple[str, ...] | None = None
    pause_until: datetime | None = None
    num_replicas: int = 0
    metadata: dict[str, str] | None = None


class Marks(msgspec.Struct, frozen=True, gc=False):
    consumer_seq: int = 0
    stream_seq: int = 0
    last_active: datetime | None = None


class Pinned(msgspec.Struct, frozen=True, gc=False):
    group: str = ""
    pinned_client_id: str = ""


class ListedConsumer(msgspec.Struct, frozen=True):
    name: str
    stream_name: str = ""
    created: datetime | None = None
    config: ConsumerSettings = ConsumerSettings()
    delivered: Marks = Marks()
    ack_floor: Marks = Marks()
    num_ack_pending: int = 0
    num_redelivered: int = 0
    num_waiting: int = 0
    num_pending: int = 0
    cluster: ClusterFacts | None = None
    push_bound: bool = False
    paused: bool = False
    pause_remaining: int = 0
    priority_groups: tuple[Pinned, ...] | None = None
    ts: datetime | None = None


class StreamPage(msgspec.Struct):
    total: int = 0
    streams: list[ListedStream] | None = None
    missing: list[str] | None = None
    offline: dict[str, str] | None = None


class ConsumerPage(msgspec.Struct):
    total: int = 0
    consumers: list[ListedConsumer] | None = None
    missing: list[str] | None = None
    offline: dict[str, str] | None = None


class Limits(msgspec.Struct, frozen=True, gc=False):
    max_memory: int = -1
    max_storage: int = -1
    max_streams: int = -1
    max_consumers: int = -1


class ApiCounts(msgspec.Struct, frozen=True, gc=False):
    errors: int = 0


class Tier(msgspec.Struct, frozen=True):
    memory: int = 0
    storage: int = 0
    streams: int = 0
    consumers: int = 0
    limits: Limits = Limits()


class AccountInfo(Tier, frozen=True):
    domain: str = ""
    api: ApiCounts = ApiCounts()
    tiers: dict[str, Tier] | None = None


Answer = TypeVar("Answer")


class AccountApi:
    """Requests that only read.

    Every call may raise ``ApiError`` and the connection's own errors. What was refused to this
    login once is not asked again over the same connection: the server logs each attempt.

    Args:
        prefix: of the JetStream API, such as ``$JS.hub.API`` for domain ``hub``.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        prefix: str = API_PREFIX,
        clock: Callable[[], float] = time.time,
        timeout: float = TIMEOUT,
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._clock = clock
        self._timeout = timeout
        self.requests = 0
        """How many were asked, ever."""
        self.clock_ahead: float | None = None
        """By how much some server's clock is ahead of ours, as far as the time that a request
        took cannot explain it; the worst seen since it was last set to None."""

    async def account(self) -> AccountInfo:
        """Return what the account uses and may."""
        return await self._ask("INFO", {}, AccountInfo, timeout=min(ACCOUNT_TIMEOUT, self._timeout))

    async def streams(self, offset: int = 0) -> StreamPage:
        """Return one page of the streams, by name."""
        asked = self._clock()
        page = await self._ask("STREAM.LIST", {"offset": offset}, StreamPage)
        self._note_clock(asked, [one.ts for one in page.streams or ()])
        return page

    async def stream(self, name: str) -> ListedStream:
        """Return one stream."""
        asked = self._clock()
        found = await self._ask(f"STREAM.INFO.{name}", {}, ListedStream)
        self._note_clock(asked, [found.ts])
        return found

    async def consumers(self, stream: str, offset: int = 0) -> ConsumerPage:
        """Return one page of a stream's consumers, by name."""
        asked = self._clock()
        page = await self._ask(f"CONSUMER.LIST.{stream}", {"offset": offset}, ConsumerPage)
        self._note_clock(asked, [one.ts for one in page.consumers or ()])
        return page

    async def first_from(
        self, stream: str, subject: str, sequence: int, *, direct: bool
    ) -> StoredMessage | None:
        """Return the first message of a filter at or behind a sequence; None where there is none.

        ``direct``: whether the stream allows direct get; else its leader is asked.
        """
        body: Json = {"seq": max(1, sequence), "next_by_subj": subject or ">"}
        if direct:
            reply = await self._request(f"DIRECT.GET.{stream}", body)
            return stored_message(reply.headers, reply.data)
        reply = await self._request(f"STREAM.MSG.GET.{stream}", body)
        return leaders_answer(reply.data)

    async def _ask(
        self, verb: str, body: Json, answer: type[Answer], *, timeout: float | None = None
    ) -> Answer:
        reply = await self._request(verb, body, timeout)
        return answer_in(reply.data, answer)

    async def _request(self, verb: str, body: Json, timeout: float | None = None) -> Reply:
        subject = f"{self._prefix}.{verb}"
        connection = self._connection
        if subject in connection.denied:
            raise PermissionDeniedError("publish to", subject, connection.connected_address)
        self.requests += 1
        try:
            return await connection.request(
                subject,
                msgspec.json.encode(body) if body else b"",
                timeout=timeout or self._timeout,
            )
        except NoRespondersError as nobody:
            raise JetStreamOffError from nobody

    def _note_clock(self, asked: float, told: list[datetime | None]) -> None:
        times = [one.timestamp() for one in told if one is not None]
        if not times:
            return
        now = self._clock()
        behind, ahead = min(0.0, min(times) - asked), max(0.0, max(times) - now)
        worst = ahead if ahead > -behind else behind
        if self.clock_ahead is None or abs(worst) > abs(self.clock_ahead):
            self.clock_ahead = worst
