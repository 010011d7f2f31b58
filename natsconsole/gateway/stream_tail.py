"""Follows the messages of some hosts in a stream, by direct get and never through a consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from natsconsole.domain.host_pattern import HostPattern, by_host, named_hosts
from natsconsole.gateway.jetstream import JetStream, StoredMessage, StreamInfo
from natsconsole.gateway.log_stream import pattern_of
from natsconsole.gateway.stream_reader import StreamReader
from shipper.connection import Connection

BATCH = 1_000
MAX_BYTES = 2 << 20
ONE_BY_ONE = 64
"""Hosts up to which the last messages are looked for host by host."""
_GLOB = frozenset("*?[")
_REPLICA_WAIT = 0.2
_REPLICA_TRIES = 25


@dataclass(frozen=True, slots=True)
class HostMessage:
    """A stored message, and whose it is."""

    host: str
    stored: StoredMessage


class StreamTail:
    """A place in a stream that moves on as messages are read.

    Every method may raise ``ApiError`` and the connection's own errors; then the place has not
    moved, and the same may be asked again.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        *,
        hosts: Sequence[str] = (),
        pattern: HostPattern | None = None,
    ) -> None:
        """Prepare.

        Args:
            connection: an open one.
            stream: the stream's name.
            hosts: names or globs; none for all hosts.
            pattern: where the host stands in a subject; as the stream suggests unless given.
        """
        self._stream = stream
        self._globs = tuple(hosts)
        self._given = pattern
        self._pattern = pattern or HostPattern.ours()
        self._jetstream = JetStream(connection)
        self._reader = StreamReader(connection, self._jetstream, stream, asks_leader=True)
        self._created = ""
        self._next = 1
        self._last = 0
        self._hosts: tuple[str, ...] = ()

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self._stream

    @property
    def is_one_host(self) -> bool:
        """Whether one host was named, and no glob."""
        return len(self._globs) == 1 and not _GLOB & set(self._globs[0])

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that the stream had when it was opened and that are meant."""
        return self._hosts

    async def open(self) -> tuple[str, ...]:
        """Find out what there is; return all hosts that the stream has."""
        info = await self._jetstream.stream_info(self._stream)
        self._note(info)
        self._pattern = self._given or pattern_of(info)
        counts = await self._counts()
        every = {self._pattern.host_of(one) for one in by_host(self._pattern, counts)}
        known = named_hosts((host for host in every if host is not None), ())
        self._hosts = named_hosts(known, self._globs)
        self._next = self._last + 1
        return known

    async def _counts(self) -> dict[str, int]:
        """Return the message counts of all subjects that name a host, page by page."""
        found: dict[str, int] = {}
        while True:
            page = await self._jetstream.stream_info(
                self._stream, subjects=self._pattern.filter_subject, offset=len(found)
            )
            found |= page.state.subjects
            if not page.state.subjects or len(found) >= page.total:
                return found

    def begin_at_first(self) -> None:
        """Begin with the first message there is."""
        self._next = 1

    async def begin_at(self, moment: float) -> None:
        """Begin with the first message stored at or after a moment, in seconds since the epoch."""
        found = await self._reader.sequence_at(self._subject, moment)
        self._next = self._last + 1 if found is None else found

    async def last_messages(self, count: int) -> list[HostMessage]:
        """Return the last messages of each host, in the stream's order, at most so many of each."""
        if len(self._hosts) <= ONE_BY_ONE:
            subjects = [self._pattern.subject_of(host) for host in self._hosts]
        else:
            subjects = [self._subject]
        end = self._next
        found: dict[int, StoredMessage] = {}
        for subject in subjects:
            page = await self._reader.before(subject, end, count)
            found |= {one.sequence: one for one in page}
        return self._ours([found[sequence] for sequence in sorted(found)])

    async def read(self) -> list[HostMessage] | None:
        """Return messages that follow, fewer than there were read if others' are among them.

        None where nothing follows now.
        """
        found = await self._reader.messages_from(
            self._subject, self._next, batch=BATCH, max_bytes=MAX_BYTES
        )
        if not found:
            return None
        self._next = found[-1].sequence + 1
        return self._ours(found)

    async def read_to_end(self) -> list[HostMessage] | None:
        """Return messages that follow, up to where the stream ended when it was opened.

        A replica that lags is waited for. None at the end.
        """
        for _ in range(_REPLICA_TRIES):
            if self._next > self._last:
                return None
            found = await self.read()
            if found is not None:
                return [one for one in found if one.stored.sequence <= self._last]
            if not await self._jetstream.leader_has_from(self._stream, self._subject, self._next):
                return None
            await asyncio.sleep(_REPLICA_WAIT)
        return None

    async def look_again(self) -> str:
        """Go back to the beginning where the stream was made anew; say so, or nothing."""
        info = await self._jetstream.stream_info(self._stream)
        was_made_anew = info.created != self._created
        self._note(info)
        if not was_made_anew:
            return ""
        self._next = 1
        return f"stream {self._stream} was made anew: reading it from its beginning"

    def _note(self, info: StreamInfo) -> None:
        self._created = info.created
        self._last = info.state.last_seq

    @property
    def _subject(self) -> str:
        """What is read: one host's messages, or everybody's to choose among."""
        if self.is_one_host:
            return self._pattern.subject_of(self._globs[0])
        return self._pattern.filter_subject

    def _ours(self, found: Sequence[StoredMessage]) -> list[HostMessage]:
        ours = []
        for stored in found:
            host = self._pattern.host_of(stored.subject)
            if host is not None and named_hosts((host,), self._globs):
                ours.append(HostMessage(host, stored))
        return ours
