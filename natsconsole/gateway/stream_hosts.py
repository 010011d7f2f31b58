"""The hosts of one stream, remembered from look to look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from heapq import nsmallest
from operator import attrgetter

from natsconsole.domain.host_pattern import HostPattern, by_host
from natsconsole.domain.receivers import HostStatus
from natsconsole.domain.shippers import ShipperPulse
from natsconsole.domain.snapshots import HostRow
from natsconsole.gateway.host_memory import HostMemory
from natsconsole.gateway.jetstream import ConsumerInfo
from natsconsole.gateway.stream_consumers import StreamConsumers, has_nothing_left
from natsconsole.gateway.stream_reader import StreamReader

LOOKUPS = 64
"""Hosts whose lag is looked up in one look at most: the others keep what was found before."""


class StreamHosts:
    """What is known of them.

    Args:
        pattern: tells a host from a subject.
        reader: looks for the oldest message of a host that is not done.
        consumers: tell how far a host's messages are done, where no receiver of ours does.
        pulse_of: returns what a host's shipper said last, for a host that is met.
    """

    def __init__(
        self,
        pattern: HostPattern,
        reader: StreamReader,
        consumers: StreamConsumers,
        pulse_of: Callable[[str], ShipperPulse | None],
    ) -> None:
        self._reader = reader
        self._consumers = consumers
        self._pulse_of = pulse_of
        self._looked = 0.0
        self.begin_anew(pattern)

    def begin_anew(self, pattern: HostPattern) -> None:
        """Forget all: the stream is another, or its subjects mean something else."""
        self._pattern = pattern
        self._hosts: dict[str, HostMemory] = {}
        self._by_subject: dict[str, HostMemory] = {}
        self._strangers: set[str] = set()
        """Subjects of the stream that name no host."""
        self._in_order: list[HostMemory] | None = None

    def rows(
        self, lines_per_message: float, now: float, silent_after: float
    ) -> tuple[HostRow, ...]:
        """Return all as the table shows them, by name."""
        if self._in_order is None:
            self._in_order = [self._hosts[host] for host in sorted(self._hosts)]
        return tuple(memory.row(lines_per_message, now, silent_after) for memory in self._in_order)

    def consumer_of(self, host: str) -> ConsumerInfo | None:
        """Return the consumer that reads a host's messages, if the host is known."""
        memory = self._hosts.get(host)
        return self._consumers.reader_of(memory.subject) if memory is not None else None

    def take(self, counts: Mapping[str, int], known: Mapping[str, HostStatus], now: float) -> None:
        """Take the stream's message counts by subject, and what receivers know of hosts."""
        subjects = by_host(self._pattern, counts)
        for subject, count in subjects.items():
            memory = self._by_subject.get(subject) or self._meet(subject)
            # A host that moved to another partition is where it was met last.
            if memory is not None and memory.subject == subject:
                memory.note(count, known.get(memory.host), now, self._looked)
        if len(self._by_subject) + len(self._strangers) > len(subjects):
            self._forget_all_but(subjects)
        self._looked = now

    def take_pulses(self, changes: Mapping[str, ShipperPulse]) -> None:
        """Take what shippers say anew."""
        for host, pulse in changes.items():
            memory = self._hosts.get(host)
            if memory is not None:
                memory.note_shipper(pulse)

    def _meet(self, subject: str) -> HostMemory | None:
        if subject in self._strangers:
            return None
        host = self._pattern.host_of(subject)
        if host is None:
            self._strangers.add(subject)
            return None
        memory = self._hosts.get(host)
        if memory is None:
            memory = self._hosts[host] = HostMemory(host, subject)
            if pulse := self._pulse_of(host):
                memory.note_shipper(pulse)
            self._in_order = None
        memory.stand_at(subject)
        self._by_subject[subject] = memory
        return memory

    def _forget_all_but(self, subjects: Mapping[str, int]) -> None:
        self._strangers &= subjects.keys()
        for gone in self._by_subject.keys() - subjects.keys():
            memory = self._by_subject.pop(gone)
            if memory.subject == gone:
                self._hosts.pop(memory.host, None)
                self._in_order = None

    async def look_up(self, now: float) -> None:
        """Ask for the lag of hosts that are not known to be written to their end."""
        waiting = [memory for memory in self._hosts.values() if memory.needs_look_up]
        if self._consumers.chosen:
            waiting = [memory for memory in waiting if not self._is_settled(memory, now)]
        chosen = nsmallest(LOOKUPS, waiting, key=attrgetter("looked_up"))
        found = await asyncio.gather(
            *(
                self._reader.first_after(memory.subject, mark + 1)
                for memory, mark in ((one, self._mark_of(one)) for one in chosen)
            )
        )
        for memory, message in zip(chosen, found, strict=True):
            memory.is_behind(message, now)

    def _is_settled(self, memory: HostMemory, now: float) -> bool:
        """Whether the host's consumer has nothing left; then the host is not behind."""
        consumer = self._consumers.reader_of(memory.subject)
        if consumer is None or not has_nothing_left(consumer):
            return False
        memory.is_behind(None, now)
        return True

    def _mark_of(self, memory: HostMemory) -> int:
        """Return the stream sequence up to which the host's messages are done."""
        if memory.written:
            return memory.written
        consumer = self._consumers.reader_of(memory.subject)
        return consumer.ack_floor.stream_seq if consumer else 0
