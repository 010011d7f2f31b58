"""Reads the streams and consumers of an account into memories, in a bounded number of requests.

Consumers can be listed by stream only. So in a large account each look lists some streams'
consumers anew, those that are preferred first, then those longest not read.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from heapq import nsmallest
from operator import attrgetter
from typing import TypeVar

from natsconsole.domain.streams import StreamState
from natsconsole.domain.triage import AccountFacts
from natsconsole.gateway.account_api import (
    AccountApi,
    AccountInfo,
    ConsumerPage,
    StreamPage,
    Tier,
)
from natsconsole.gateway.consumer_events import ConsumerEvents
from natsconsole.gateway.consumer_memory import ConsumerMemory
from natsconsole.gateway.denials import Denials
from natsconsole.gateway.jetstream import (
    STREAM_NOT_FOUND,
    ApiError,
    JetStreamOffError,
    StoredMessage,
)
from natsconsole.gateway.stream_memory import StreamMemory
from shipper.connection import PermissionDeniedError, RequestFailedError

LISTS = 96
"""Streams whose consumers are listed in one look at most, after the first."""
LOOK_UPS = 48
"""Consumers whose oldest message is looked for in one look at most."""
LOOK_UP_BYTES = 4 << 20
"""What those messages may weigh, by their streams' mean: they come with their payload."""
FIRST_TIMES = 8
"""How many times as many look-ups the first look may take."""
AT_ONCE = 32
"""Requests under way together."""

_NOT_IN_NAMES = re.compile(r"[\s.*>/\\]|^$")

_Answer = TypeVar("_Answer")


class AccountReader:
    """What is known of an account, and the reading of it.

    Args:
        named: streams to ask for one by one where this login may not list streams.
        first_look: seconds that the first look, which reads everything, may take.
    """

    def __init__(
        self,
        api: AccountApi,
        events: ConsumerEvents,
        denials: Denials,
        *,
        named: Sequence[str],
        first_look: float,
        clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._events = events
        self._denials = denials
        self._named = tuple(name for name in named if not _NOT_IN_NAMES.search(name))
        self._first_look = first_look
        self._clock = clock
        self._is_first = True
        self._by_stream: dict[str, dict[str, ConsumerMemory]] = {}
        self.streams: dict[str, StreamMemory] = {}
        """By name, in order."""
        self.streams_total: int | None = None
        """How many there are; None where that may not be known."""
        self.account: AccountFacts | None = None
        self.unread = 0
        """Streams whose consumers there was no time to read, in the last look."""
        self.unanswered: list[str] = []
        """Streams whose consumers could not be told, in the last look."""
        self.preferred: frozenset[tuple[str, str]] = frozenset()
        """Consumers to read first, by stream and name."""

    def consumers(self) -> Iterator[ConsumerMemory]:
        """Return all, by stream and name."""
        for stream in self.streams:
            yield from self._by_stream.get(stream, {}).values()

    @property
    def keeper(self) -> StreamState | None:
        """The stream that keeps the advisories of messages given up, if any."""
        for memory in self.streams.values():
            if any(_keeps_advisories(subject) for subject in memory.state.subjects):
                return memory.state
        return None

    async def read(self) -> None:
        """Read the account, its streams, consumers, and the messages they are stuck on.

        Raises:
            ApiError, ConnectionProblem: nothing, or not all, could be read.
        """
        begun = time.monotonic()
        self.account = await self._read_account()
        await self._read_streams()
        await self._read_consumers(begun)
        await self._look_up()
        self._is_first = False

    async def _read_account(self) -> AccountFacts | None:
        try:
            info = await self._denials.unless_denied(self._api.account(), "account")
        except RequestFailedError as error:
            if isinstance(error, PermissionDeniedError):
                raise
            return None  # the lists may still be told: a cluster has more than one who can
        return None if info is None else _account(info)

    # Streams.

    async def _read_streams(self) -> None:
        page = await self._denials.unless_denied(self._api.streams(), "streams")
        if page is None:
            await self._read_named_streams()
            return
        pages = [page]
        size = len(page.streams or ()) + len(page.missing or ())
        if 0 < size < page.total:
            offsets = range(size, page.total, size)
            pages += await _all(self._api.streams(offset) for offset in offsets)
        self._take_streams(pages)

    def _take_streams(self, pages: Sequence[StreamPage]) -> None:
        now = self._clock()
        found: dict[str, StreamMemory] = {}
        for page in pages:
            for listed in page.streams or ():
                memory = found[listed.config.name] = self._stream(listed.config.name)
                memory.note(listed, now)
        for page in pages:
            reasons = page.offline or {}
            for name in {*(page.missing or ()), *reasons} - found.keys():
                memory = found[name] = self._stream(name)
                memory.note_absence(now, offline_reason=reasons.get(name, ""))
        self.streams = dict(sorted(found.items()))
        self.streams_total = max([len(found), *(page.total for page in pages)])
        for name in self._by_stream.keys() - found.keys():
            self._forget(name)

    async def _read_named_streams(self) -> None:
        self.streams_total = None
        for name in self._named:
            try:
                listed = await self._denials.unless_denied(self._api.stream(name), "stream", name)
            except ApiError as error:
                if error.err_code != STREAM_NOT_FOUND:
                    raise
                self.streams.pop(name, None)
                self._forget(name)
                continue
            if listed is not None:
                memory = self.streams[name] = self._stream(name)
                memory.note(listed, self._clock())

    def _stream(self, name: str) -> StreamMemory:
        return self.streams.get(name) or StreamMemory(name)

    # Consumers.

    async def _read_consumers(self, begun: float) -> None:
        self.unread, self.unanswered = 0, []
        wanted = []
        for memory in self.streams.values():
            if memory.state.is_missing:
                continue
            if memory.consumers_count:
                wanted.append(memory)
            else:
                self._forget(memory.name)
        chosen = self._chosen(wanted)
        deadline = begun + self._first_look if self._is_first else float("inf")
        for start in range(0, len(chosen), AT_ONCE):
            part = chosen[start : start + AT_ONCE]
            if time.monotonic() > deadline or self.unanswered:
                self.unread += len(part)
            elif self._denials.is_hopeless("consumers"):
                break
            else:
                await _all(self._list_consumers(memory) for memory in part)

    def _chosen(self, wanted: Sequence[StreamMemory]) -> Sequence[StreamMemory]:
        """Choose whose consumers to list; those nobody answers for come last: they take long."""
        if self._is_first or len(wanted) <= LISTS:
            return sorted(wanted, key=attrgetter("is_unanswered"))
        preferred = {stream for stream, _ in self.preferred}
        chosen = nsmallest(
            LISTS, wanted, key=lambda one: (one.name not in preferred, one.consumers_read)
        )
        return sorted(chosen, key=attrgetter("is_unanswered"))

    async def _list_consumers(self, memory: StreamMemory) -> None:
        name = memory.name
        pages: list[ConsumerPage] = []
        read, total = 0, 1
        try:
            while read < total:
                page = await self._denials.unless_denied(
                    self._api.consumers(name, read), "consumers", name
                )
                if page is None:
                    memory.note_consumers(self._clock(), known=False)
                    self._forget(name)
                    return
                pages.append(page)
                size = len(page.consumers or ()) + len(page.missing or ())
                read, total = read + size, page.total if size else 0
        except (ApiError, RequestFailedError) as error:
            if isinstance(error, PermissionDeniedError):
                raise
            if isinstance(error, ApiError) and error.err_code == STREAM_NOT_FOUND:
                self._forget(name)
            else:
                self.unanswered.append(name)
                memory.note_silence(self._clock())
            return
        self._take_consumers(memory, pages)

    def _take_consumers(self, memory: StreamMemory, pages: Sequence[ConsumerPage]) -> None:
        now = self._clock()
        memory.note_consumers(now, known=True)
        known = self._by_stream.get(memory.name, {})
        found: dict[str, ConsumerMemory] = {}
        for page in pages:
            for listed in page.consumers or ():
                one = known.get(listed.name) or ConsumerMemory(memory.name, listed.name)
                if one.is_another(listed):
                    self._events.forget(memory.name, listed.name)
                one.note(listed, memory.state, now)
                found[listed.name] = one
            for name in page.missing or ():
                one = known.get(name) or ConsumerMemory(memory.name, name)
                one.note_absence(now)
                found[name] = one
        self._by_stream[memory.name] = dict(sorted(found.items()))
        for name in known.keys() - found.keys():
            self._events.forget(memory.name, name)

    def _forget(self, stream: str) -> None:
        for name in self._by_stream.pop(stream, {}):
            self._events.forget(stream, name)

    # What they are stuck on.

    async def _look_up(self) -> None:
        chosen = self._worth_looking_up()
        for start in range(0, len(chosen), AT_ONCE):
            if self._denials.is_hopeless("messages"):
                return
            await _all(self._look_up_one(one) for one in chosen[start : start + AT_ONCE])

    def _worth_looking_up(self) -> Sequence[ConsumerMemory]:
        times = FIRST_TIMES if self._is_first else 1
        waiting = [one for one in self.consumers() if one.needs_look_up]
        if len(waiting) > LOOK_UPS * times:
            preferred = self.preferred
            waiting = nsmallest(
                LOOK_UPS * times,
                waiting,
                key=lambda one: ((one.stream, one.name) not in preferred, one.looked_up),
            )
        room = LOOK_UP_BYTES * times
        for number, one in enumerate(waiting):
            state = self.streams[one.stream].state
            room -= len(one.filters) * state.bytes // max(1, state.messages)
            if room < 0 and number:
                return waiting[:number]
        return waiting

    async def _look_up_one(self, one: ConsumerMemory) -> None:
        floor, direct = one.floor, self.streams[one.stream].state.allow_direct
        found: list[StoredMessage] = []
        for subject in one.filters:
            asked = self._api.first_from(one.stream, subject, floor + 1, direct=direct)
            try:
                message = await self._denials.unless_denied(asked, "messages", one.stream)
            except (ApiError, JetStreamOffError):
                return
            except RequestFailedError as error:
                if isinstance(error, PermissionDeniedError):
                    raise
                return
            if message is not None:
                found.append(message)
            elif self._denials.refuses("messages", one.stream):
                return
        one.note_oldest(min(found, key=attrgetter("sequence"), default=None), floor, self._clock())


async def _all(asked: Iterable[Awaitable[_Answer]]) -> list[_Answer]:
    """Await all, and raise the first failure only when none is under way any more."""
    found: list[_Answer] = []
    for result in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found


def _keeps_advisories(subject: str) -> bool:
    advisory = "$JS.EVENT.ADVISORY.CONSUMER."
    return subject in {
        "$JS.EVENT.>", "$JS.EVENT.ADVISORY.>", f"{advisory}>"
    } or subject.startswith(f"{advisory}MAX_DELIVERIES.")  # fmt: skip


def _account(info: AccountInfo) -> AccountFacts:
    tier: Tier = info
    name = ""
    fullest = 0.0
    for each, found in (info.tiers or {}).items():
        share = found.storage / found.limits.max_storage if found.limits.max_storage > 0 else 0.0
        if not name or share > fullest:
            tier, name, fullest = found, each, share
    return AccountFacts(
        domain=info.domain,
        memory=tier.memory,
        storage=tier.storage,
        max_memory=tier.limits.max_memory,
        max_storage=tier.limits.max_storage,
        streams=tier.streams,
        consumers=tier.consumers,
        max_streams=tier.limits.max_streams,
        max_consumers=tier.limits.max_consumers,
        api_errors=info.api.errors,
        tier=name,
    )
