"""The JetStream API as typed requests.

Answers are decoded into the few fields we use; configurations stay plain JSON, because a round
trip through a type would drop what a newer server knows and we do not.
"""

from __future__ import annotations

import re
from typing import Any, Protocol, TypeVar

import msgspec

from shipper.connection import NoRespondersError
from shipper.headers import server_fields_of, status_of

API_PREFIX = "$JS.API"
Json = dict[str, Any]


class Reply(Protocol):
    @property
    def headers(self) -> bytes: ...
    @property
    def data(self) -> bytes: ...


class Requests(Protocol):
    """The one thing this module needs of a connection."""

    async def request(
        self, subject: str, payload: bytes = b"", *, timeout: float = 2.0
    ) -> Reply: ...


class ApiError(Exception):
    """JetStream answered with an error."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(f"{description} ({err_code or code})")
        self.code = code
        """HTTP-like code."""
        self.err_code = err_code
        """JetStream's own code, 0 where there is none."""
        self.description = description


class JetStreamOffError(ApiError):
    """Nobody answers the JetStream API: it is off on this server or for this account."""

    def __init__(self) -> None:
        super().__init__(503, 0, "JetStream is not enabled on this server or for this account")


STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
NO_MESSAGE_FOUND = 10037

_COUNT = re.compile(r"[0-9]{1,18}")


class ErrorReply(msgspec.Struct, frozen=True):
    """An error as JetStream writes it."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class _Envelope(msgspec.Struct):
    error: ErrorReply | None = None


class StreamState(msgspec.Struct, frozen=True):
    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0
    last_ts: str = ""
    num_subjects: int = 0
    subjects: dict[str, int] = {}


class StreamInfo(msgspec.Struct, frozen=True):
    config: Json
    created: str
    """When the stream was made, RFC 3339: tells a re-created stream from the one before."""
    state: StreamState = StreamState()
    total: int = 0
    """How many subjects there are, where ``state.subjects`` is one page of them."""

    @property
    def metadata(self) -> dict[str, str]:
        found: dict[str, str] = self.config.get("metadata") or {}
        return found


class Sequences(msgspec.Struct, frozen=True):
    consumer_seq: int = 0
    stream_seq: int = 0
    last_active: str = ""


class PinnedGroup(msgspec.Struct, frozen=True):
    group: str = ""
    pinned_client_id: str = ""


class ConsumerInfo(msgspec.Struct, frozen=True):
    name: str
    config: Json
    stream_name: str = ""
    created: str = ""
    delivered: Sequences = Sequences()
    ack_floor: Sequences = Sequences()
    num_ack_pending: int = 0
    num_redelivered: int = 0
    num_waiting: int = 0
    num_pending: int = 0
    paused: bool = False
    priority_groups: tuple[PinnedGroup, ...] = ()

    @property
    def metadata(self) -> dict[str, str]:
        found: dict[str, str] = self.config.get("metadata") or {}
        return found


class StoredMessage(msgspec.Struct, frozen=True):
    """A message read from the stream itself, not through a consumer."""

    subject: str
    sequence: int
    time: str
    """When it was stored, RFC 3339."""
    headers: bytes
    payload: bytes
    pending: int
    """How many messages that match the request follow it, where ``knows_pending``."""
    knows_pending: bool = True
    """False for what a stream's leader answers: it does not count what follows."""


class _ConsumerPage(msgspec.Struct):
    total: int = 0
    offset: int = 0
    consumers: list[ConsumerInfo] | None = None


class _NamesPage(msgspec.Struct):
    total: int = 0
    streams: list[str] | None = None


class _Stored(msgspec.Struct, frozen=True):
    time: str = ""


class _GetReply(msgspec.Struct):
    message: _Stored = _Stored()


class _Raw(msgspec.Struct, frozen=True):
    subject: str
    seq: int
    time: str = ""
    hdrs: bytes = b""
    data: bytes = b""


class _LeadersReply(msgspec.Struct, frozen=True):
    message: _Raw | None = None
    error: ErrorReply | None = None


class PubAck(msgspec.Struct, frozen=True):
    """What JetStream answers to a message that it has stored."""

    stream: str = ""
    seq: int = 0


class _PurgeReply(msgspec.Struct):
    purged: int = 0


class _ResetReply(msgspec.Struct):
    reset_seq: int = 0


T = TypeVar("T")


class JetStream:
    """JetStream's API over one connection.

    Every call may raise ``ApiError`` and the connection's own errors; times out after
    ``timeout`` seconds.
    """

    def __init__(self, connection: Requests, *, timeout: float = 5.0) -> None:
        self._connection = connection
        self._timeout = timeout

    async def stream_info(self, stream: str, *, subjects: str = "", offset: int = 0) -> StreamInfo:
        """Return a stream's configuration and state, with message counts of matching subjects."""
        body: Json = {}
        if subjects:
            body = {"subjects_filter": subjects, "offset": offset}
        return await self._call(f"STREAM.INFO.{stream}", body, StreamInfo)

    async def count(self, stream: str, subjects: str) -> int:
        """Return how many messages a subject filter matches: every subject is read, page by page.

        Where a message is at hand that direct get has answered with, that knows it for less.
        """
        found = read = 0
        while True:
            info = await self.stream_info(stream, subjects=subjects, offset=read)
            page = info.state.subjects
            found += sum(page.values())
            read += len(page)
            if not page or read >= info.total:
                return found

    async def stream_names(self) -> list[str]:
        """Return the names of all streams, page by page."""
        found: list[str] = []
        while True:
            page = await self._call("STREAM.NAMES", {"offset": len(found)}, _NamesPage)
            found += page.streams or []
            if not page.streams or len(found) >= page.total:
                return found

    async def create_stream(self, config: Json) -> StreamInfo:
        return await self._call(f"STREAM.CREATE.{config['name']}", config, StreamInfo)

    async def update_stream(self, config: Json) -> StreamInfo:
        return await self._call(f"STREAM.UPDATE.{config['name']}", config, StreamInfo)

    async def consumers(self, stream: str) -> list[ConsumerInfo]:
        """Return all consumers of a stream, page by page."""
        found: list[ConsumerInfo] = []
        while True:
            page = await self._call(
                f"CONSUMER.LIST.{stream}", {"offset": len(found)}, _ConsumerPage
            )
            found += page.consumers or []
            if not page.consumers or len(found) >= page.total:
                return found

    async def consumer_info(self, stream: str, consumer: str) -> ConsumerInfo:
        return await self._call(f"CONSUMER.INFO.{stream}.{consumer}", {}, ConsumerInfo)

    async def create_consumer(self, stream: str, config: Json) -> ConsumerInfo:
        """Create a durable consumer; one of that name and another configuration is an error."""
        name = config["durable_name"]
        body = {"stream_name": stream, "config": config, "action": "create"}
        return await self._call(f"CONSUMER.CREATE.{stream}.{name}", body, ConsumerInfo)

    async def delete_consumer(self, stream: str, consumer: str) -> None:
        """Delete a consumer; one that is gone already is no error."""
        try:
            await self._call(f"CONSUMER.DELETE.{stream}.{consumer}", {}, _Envelope)
        except ApiError as error:
            if error.err_code != CONSUMER_NOT_FOUND:
                raise

    async def reset_consumer(self, stream: str, consumer: str, sequence: int = 0) -> int:
        """Rewind a consumer to a stream sequence, or to its ack floor for 0 (server 2.14).

        Returns the stream sequence that is delivered next.
        """
        body = {"seq": sequence} if sequence else {}
        reply = await self._call(f"CONSUMER.RESET.{stream}.{consumer}", body, _ResetReply)
        return reply.reset_seq

    async def unpin_consumer(self, stream: str, consumer: str, group: str) -> None:
        """Take the pin from whichever client a pinned consumer serves now."""
        await self._call(f"CONSUMER.UNPIN.{stream}.{consumer}", {"group": group}, _Envelope)

    async def message_after(self, stream: str, subject: str, sequence: int) -> StoredMessage | None:
        """Return the first message of a subject filter at or behind a sequence, by direct get."""
        # A batch of one: only answers to batches say how many messages follow.
        body = {"seq": max(1, sequence), "next_by_subj": subject, "batch": 1}
        reply = await self._connection.request(
            f"{API_PREFIX}.DIRECT.GET.{stream}", msgspec.json.encode(body), timeout=self._timeout
        )
        return stored_message(reply.headers, reply.data)

    async def message_at(self, stream: str, sequence: int) -> StoredMessage | None:
        """Return the message with this stream sequence; None where it is gone.

        By direct get, or from the leader of a stream that does not allow it.
        """
        body = {"seq": sequence}
        try:
            reply = await self._connection.request(
                f"{API_PREFIX}.DIRECT.GET.{stream}",
                msgspec.json.encode(body),
                timeout=self._timeout,
            )
        except NoRespondersError:
            return await self.leaders_message(stream, body)
        return stored_message(reply.headers, reply.data)

    async def leaders_message(self, stream: str, body: Json) -> StoredMessage | None:
        """Return one message as the stream's leader has it; None where it has none such.

        ``body`` is what ``STREAM.MSG.GET`` takes. How many follow it is not told.
        """
        try:
            reply = await self._connection.request(
                f"{API_PREFIX}.STREAM.MSG.GET.{stream}",
                msgspec.json.encode(body),
                timeout=self._timeout,
            )
        except NoRespondersError as nobody:
            raise JetStreamOffError from nobody
        return leaders_answer(reply.data)

    async def leader_has_from(self, stream: str, subject: str, sequence: int) -> bool:
        """Whether the stream's leader has a message of a filter at or behind a sequence.

        Direct get may be answered by a replica that lags; this cannot.
        """
        body = {"seq": max(1, sequence), "next_by_subj": subject}
        try:
            await self._call(f"STREAM.MSG.GET.{stream}", body, _Envelope)
        except ApiError as error:
            if error.err_code == NO_MESSAGE_FOUND:
                return False
            raise
        return True

    async def stored_at(self, stream: str, sequence: int) -> str | None:
        """Return when the leader stored a message, RFC 3339; None where it has none such."""
        try:
            found = await self._call(f"STREAM.MSG.GET.{stream}", {"seq": sequence}, _GetReply)
        except ApiError as error:
            if error.err_code == NO_MESSAGE_FOUND:
                return None
            raise
        return found.message.time

    async def purge(self, stream: str, *, subject: str = "", below: int = 0, keep: int = 0) -> int:
        """Remove messages; returns how many. ``below`` and ``keep`` exclude each other."""
        body: Json = {}
        if subject:
            body["filter"] = subject
        if below:
            body["seq"] = below
        if keep:
            body["keep"] = keep
        return (await self._call(f"STREAM.PURGE.{stream}", body, _PurgeReply)).purged

    async def delete_message(self, stream: str, sequence: int) -> None:
        """Remove one message, and overwrite it on the disk."""
        await self._call(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence}, _Envelope)

    async def pause_consumer(self, stream: str, consumer: str, until: str) -> None:
        """Deliver nothing until a time, RFC 3339; an empty one resumes (server 2.11)."""
        body = {"pause_until": until} if until else {}
        await self._call(f"CONSUMER.PAUSE.{stream}.{consumer}", body, _Envelope)

    async def edit_consumer(self, stream: str, consumer: str, config: Json) -> ConsumerInfo:
        """Change a consumer's settings, durable or not; ``config`` is the whole of them."""
        body = {"stream_name": stream, "config": config, "action": "update"}
        return await self._call(f"CONSUMER.CREATE.{stream}.{consumer}", body, ConsumerInfo)

    async def _call(self, verb: str, body: Json, answer: type[T]) -> T:
        payload = msgspec.json.encode(body) if body else b""
        try:
            reply = await self._connection.request(
                f"{API_PREFIX}.{verb}", payload, timeout=self._timeout
            )
        except NoRespondersError as nobody:
            raise JetStreamOffError from nobody
        return answer_in(reply.data, answer)


def answer_in(payload: bytes, kind: type[T]) -> T:
    """Read what JetStream answers to a request of its API, or to a message that is published.

    Raises:
        ApiError: it is an error.
        msgspec.MsgspecError: it is nothing that JetStream answers.
    """
    error = msgspec.json.decode(payload, type=_Envelope).error
    if error is not None:
        raise ApiError(error.code, error.err_code, error.description)
    return msgspec.json.decode(payload, type=kind)


def stored_message(headers: bytes, payload: bytes) -> StoredMessage | None:
    """Read one direct-get answer; None where it says that there is no such message.

    Raises:
        ApiError: the request was refused.
    """
    fields = server_fields_of(headers)
    status = status_of(headers)
    # A publisher may send a status, too, but only what is stored has a sequence.
    if status is not None and "Nats-Sequence" not in fields:
        if status.code in (204, 404):
            return None
        raise ApiError(status.code, 0, status.description)
    pending = fields.get("Nats-Num-Pending", "")
    return StoredMessage(
        subject=fields.get("Nats-Subject", ""),
        sequence=int(fields.get("Nats-Sequence", "0")),
        time=fields.get("Nats-Time-Stamp", ""),
        headers=headers,
        payload=payload,
        # Where no batch was asked for, it is the publisher's, who may have sent anything.
        pending=int(pending) if _COUNT.fullmatch(pending) else 0,
    )


def leaders_answer(payload: bytes) -> StoredMessage | None:
    """Read one answer of ``STREAM.MSG.GET``; None where it says that there is no such message.

    Raises:
        ApiError: the request was refused.
    """
    answer = msgspec.json.decode(payload, type=_LeadersReply)
    error, raw = answer.error, answer.message
    if error is not None:
        if error.err_code == NO_MESSAGE_FOUND:
            return None
        raise ApiError(error.code, error.err_code, error.description)
    if raw is None:
        return None
    return StoredMessage(
        subject=raw.subject,
        sequence=raw.seq,
        time=raw.time,
        headers=raw.hdrs,
        payload=raw.data,
        pending=0,
        knows_pending=False,
    )
