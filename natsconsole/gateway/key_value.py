"""A JetStream key-value bucket, in the layout that ``nats kv`` and every client library read.

nats-py has a KeyValue too, but it belongs to one client object, and our connection replaces a
client that is lost; this one goes over the connection, so it outlives any number of clients.
"""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

import msgspec

from natsconsole.gateway.jetstream import (
    API_PREFIX,
    STREAM_NOT_FOUND,
    ApiError,
    JetStream,
    Json,
    PubAck,
    StoredMessage,
    StreamInfo,
    answer_in,
    leaders_answer,
)
from natsconsole.gateway.stored_lines import epoch_seconds
from natsconsole.gateway.stream_reader import StreamReader
from shipper.connection import Connection, NoRespondersError
from shipper.headers import fields_of

FIRST_WITH_TTL = (2, 11, 0)
"""The first server whose messages can have a time to live of their own."""
MAX_ENTRIES = 10_000
"""Entries that one reading returns at most."""
MAX_READ_BYTES = 16 << 20
"""Bytes after which one reading gives up."""

_STREAM_EXISTS = 10058
_WRONG_REVISION = frozenset({10071, 10164})
_BUCKET = re.compile(r"[A-Za-z0-9_-]+")
_KEY = re.compile(r"[A-Za-z0-9_=/-]+(\.[A-Za-z0-9_=/-]+)*")
_PATTERN = re.compile(r"[A-Za-z0-9_=/.*>-]+")
_PAGE = 1000
_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_MAX_VALUE_BYTES = 32 << 10
_CREATE_TRIES = 3


class KeyValueError(Exception):
    """A bucket could not be used. The text is one line."""


class BadKeyError(KeyValueError):
    """A bucket's name, a key, a pattern or a time to live that cannot be used."""


class NoBucketError(KeyValueError):
    """There is no such bucket, or nobody serves it now, as while a leader is elected."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"the bucket {bucket!r} does not answer: "
            "it was deleted, or its servers are down or elect a leader"
        )


class RevisionError(KeyValueError):
    """Somebody else wrote the key meanwhile: it does not have the expected revision."""

    def __init__(self, bucket: str, key: str, expected: int) -> None:
        found = f"is no longer at revision {expected}" if expected else "exists already"
        super().__init__(f"{key!r} in bucket {bucket!r} {found}")


class TooManyEntriesError(KeyValueError):
    """More matches a pattern than one reading takes."""

    def __init__(self, bucket: str, pattern: str) -> None:
        super().__init__(
            f"bucket {bucket!r} holds more under {pattern!r} than {MAX_ENTRIES:,} entries or "
            f"{MAX_READ_BYTES >> 20} MiB: see `nats kv ls {bucket}` and delete what is not ours"
        )


class NoTtlError(KeyValueError):
    """The server is too old for keys that expire."""

    def __init__(self, version: str) -> None:
        super().__init__(
            f"nats-server {version} has no time to live of single messages: 2.11 or later has"
        )


class Entry(NamedTuple):
    """A key's value."""

    value: bytes
    revision: int
    """The stream sequence that wrote it."""
    created: float
    """When that was, by the server's clock, in seconds since the epoch."""


class KeyValue:
    """One bucket, which keeps the last value of each key.

    Deleted and expired keys read as absent. Beside the errors named below, every call may raise
    ``ApiError`` and the connection's own ``ConnectionProblem``; of a write that failed with one
    of these two it is not known whether it was stored.

    Args:
        timeout: seconds to wait for each answer.
        marker_ttl: whole seconds for which a deleted or expired key leaves its mark, for those
            who watch.
    """

    def __init__(
        self,
        connection: Connection,
        jetstream: JetStream,
        bucket: str,
        *,
        timeout: float = 2.0,
        marker_ttl: int = 60,
    ) -> None:
        if not _BUCKET.fullmatch(bucket):
            raise BadKeyError(f"{bucket!r} cannot name a bucket: use letters, digits, '-' and '_'")
        self.bucket = bucket
        self.stream = f"KV_{bucket}"
        self._subject = f"$KV.{bucket}."
        self._connection = connection
        self._jetstream = jetstream
        self._reader = StreamReader(connection, jetstream, self.stream)
        self._timeout = timeout
        self._marker_ttl = marker_ttl

    async def ensure(self, *, replicas: int = 1) -> StreamInfo:
        """Create the bucket where it is missing, and return the stream beneath it.

        One that is there keeps its settings, but gets what expiry and reading need.

        Raises:
            NoTtlError: the server is too old.
        """
        if self._connection.server_version_tuple < FIRST_WITH_TTL:
            raise NoTtlError(self._connection.server_version)
        try:
            info = await self._jetstream.stream_info(self.stream)
        except ApiError as error:
            if error.err_code != STREAM_NOT_FOUND:
                raise
            info = await self._create(replicas)
        needed = {"allow_msg_ttl": True, "allow_direct": True}
        if all(info.config.get(key) == value for key, value in needed.items()):
            return info
        return await self._jetstream.update_stream(info.config | needed)

    async def created(self) -> str:
        """Return when the bucket was made, as ``StreamInfo.created``; empty if there is none.

        Unlike ``NoBucketError``, that is certain.

        Raises:
            NoBucketError: no answer, as while a leader is elected.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return (await self._jetstream.stream_info(self.stream)).created
        except TimeoutError:
            raise NoBucketError(self.bucket) from None
        except ApiError as error:
            if error.err_code == STREAM_NOT_FOUND:
                return ""
            raise

    async def put(self, key: str, value: bytes, ttl: int | None = None) -> int:
        """Write a key, whatever it holds, and return its revision.

        Args:
            key: tokens of letters, digits, ``-``, ``_``, ``=`` and ``/``, joined by dots.
            value: up to 32 kB.
            ttl: whole seconds after which the key is gone unless written again; None keeps it.

        Raises:
            NoBucketError: there is no bucket.
        """
        return await self._write(key, value, ttl=ttl)

    async def create(self, key: str, value: bytes, ttl: int | None = None) -> int:
        """Write a key that is absent, deleted or expired, and return its revision.

        Raises:
            RevisionError: it holds a value.
            NoBucketError: there is no bucket.
        """
        expected = 0
        for _ in range(_CREATE_TRIES):
            try:
                return await self._write(key, value, ttl=ttl, expected=expected)
            except RevisionError:
                # A tombstone has a revision too, and may itself expire between two looks.
                last = await self._last(key)
                if last is not None and not _is_tombstone(last.headers):
                    raise
                expected = last.sequence if last is not None else 0
        raise RevisionError(self.bucket, key, 0)

    async def update(self, key: str, value: bytes, revision: int, ttl: int | None = None) -> int:
        """Write a key that still has this revision, and return its next one.

        Raises:
            RevisionError: it has another one, or is absent.
            NoBucketError: there is no bucket.
        """
        return await self._write(key, value, ttl=ttl, expected=revision)

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Delete a key; only at this revision, if one is given.

        Raises:
            RevisionError: it has another one.
            NoBucketError: there is no bucket.
        """
        await self._write(
            key, b"", ttl=self._marker_ttl, expected=revision, more={"KV-Operation": "DEL"}
        )

    async def get(self, key: str) -> Entry | None:
        """Read a key from the stream's leader: of all replicas that one is never behind.

        Raises:
            NoBucketError: there is no bucket.
        """
        last = await self._last(key)
        return None if last is None or _is_tombstone(last.headers) else _entry(last)

    async def entries(self, pattern: str, *, from_leader: bool = False) -> dict[str, Entry]:
        """Read all keys that match a pattern such as ``owner.*.>``: one request for 1,000 keys.

        Keys that are written meanwhile are not missed: they come again at the stream's end, where
        the reading is yet to pass. (A request for the last of each subject promises no such
        thing, and is refused above 1,024 keys.)

        Args:
            pattern: a key with NATS' wildcards.
            from_leader: read from the stream's leader, which is never behind as another replica
                may be, at the price of a request for each key.

        Raises:
            NoBucketError: there is no bucket.
            TooManyEntriesError: more matches than can be meant.
        """
        if not _PATTERN.fullmatch(pattern):
            raise BadKeyError(f"{pattern!r} is no pattern of keys")
        found: dict[str, Entry] = {}
        sequence, read = 1, 0
        while True:
            page = await (self._next if from_leader else self._page)(pattern, sequence)
            for message in page:
                key = message.subject.removeprefix(self._subject)
                read += len(message.payload)
                if _is_tombstone(message.headers):
                    found.pop(key, None)
                else:
                    found[key] = _entry(message)
            if not page or page[-1].pending == 0:
                return found
            if len(found) > MAX_ENTRIES or read > MAX_READ_BYTES:
                raise TooManyEntriesError(self.bucket, pattern)
            sequence = page[-1].sequence + 1

    async def _create(self, replicas: int) -> StreamInfo:
        config = bucket_config(self.bucket, replicas=replicas, marker_ttl=self._marker_ttl)
        try:
            return await self._jetstream.create_stream(config)
        except ApiError as error:
            if error.err_code != _STREAM_EXISTS:
                raise
        return await self._jetstream.stream_info(self.stream)

    async def _write(
        self,
        key: str,
        value: bytes,
        *,
        ttl: int | None,
        expected: int | None = None,
        more: dict[str, str] | None = None,
    ) -> int:
        headers = dict(more or {})
        if expected is not None:
            headers[_EXPECTED] = str(expected)
        if ttl is not None:
            if ttl < 1:
                raise BadKeyError(f"a time to live of {ttl} s is too short: 1 s is the least")
            headers["Nats-TTL"] = f"{ttl}s"
        try:
            reply = await self._connection.request(
                self._checked(key), value, timeout=self._timeout, headers=headers
            )
        except NoRespondersError:
            raise NoBucketError(self.bucket) from None
        try:
            return answer_in(reply.data, PubAck).seq
        except ApiError as error:
            if error.err_code in _WRONG_REVISION:
                raise RevisionError(self.bucket, key, expected or 0) from None
            raise

    async def _last(self, key: str) -> StoredMessage | None:
        return await self._stored({"last_by_subj": self._checked(key)})

    async def _next(self, pattern: str, sequence: int) -> list[StoredMessage]:
        message = await self._stored({"seq": sequence, "next_by_subj": self._subject + pattern})
        return [message] if message else []

    async def _stored(self, body: Json) -> StoredMessage | None:
        reply = await self._connection.request(
            f"{API_PREFIX}.STREAM.MSG.GET.{self.stream}",
            msgspec.json.encode(body),
            timeout=self._timeout,
        )
        try:
            message = leaders_answer(reply.data)
        except ApiError as error:
            if error.err_code == STREAM_NOT_FOUND:
                raise NoBucketError(self.bucket) from None
            raise
        # The leader does not say how many follow: that some do is what makes a reader go on.
        return message and msgspec.structs.replace(message, pending=1)

    async def _page(self, pattern: str, sequence: int) -> list[StoredMessage]:
        try:
            return await self._reader.messages_from(self._subject + pattern, sequence, batch=_PAGE)
        except ApiError as error:
            if error.code == 503:
                raise NoBucketError(self.bucket) from None
            raise

    def _checked(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise BadKeyError(f"{key!r} cannot be a key: use letters, digits, '-', '_' and '.'")
        return self._subject + key


def bucket_config(bucket: str, *, replicas: int = 1, marker_ttl: int = 60) -> Json:
    """Return the configuration of the stream beneath a bucket that keeps one value of each key."""
    return {
        "name": f"KV_{bucket}",
        "subjects": [f"$KV.{bucket}.>"],
        "retention": "limits",
        "storage": "file",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "max_msg_size": _MAX_VALUE_BYTES,
        "discard": "new",
        "allow_direct": True,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_msg_ttl": True,
        "subject_delete_marker_ttl": marker_ttl * 10**9,
    }


def _entry(message: StoredMessage) -> Entry:
    return Entry(
        value=message.payload, revision=message.sequence, created=epoch_seconds(message.time)
    )


def _is_tombstone(headers: bytes) -> bool:
    if not headers:
        return False
    fields = fields_of(headers)
    return fields.get("KV-Operation") in {"DEL", "PURGE"} or "Nats-Marker-Reason" in fields
