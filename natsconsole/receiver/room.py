"""Keeps room in the stream, and watches that nothing unread grows too old.

The stream discards new messages when it is full, so that lines which everybody has written must
not fill it: past 80 % what every consumer has passed is purged. The first of a group's members
does it; several that do it at once do no harm.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import MsgspecError

from natsconsole.gateway.jetstream import ApiError, ConsumerInfo, JetStream, StreamInfo
from natsconsole.gateway.key_value import KeyValueError
from natsconsole.receiver.partition import Partition
from natsconsole.receiver.surroundings import Surroundings
from shipper.connection import ConnectionProblem

log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between two looks."""
SOON = 1.0
"""Seconds to the next look while the stream is full."""
PURGE_FROM, PURGE_TO = 0.8, 0.6
"""Shares of the stream's limits: past the first it is purged, towards the second."""
OLD_SHARE = 0.5
"""Share of max age past which an unread message is an alarm."""


class Room:
    """Watches one stream for one receiver."""

    def __init__(self, around: Surroundings, partitions: Sequence[Partition]) -> None:
        self.problem = ""
        """What endangers unread messages now, in plain words."""
        self._is_full = False
        self.purged = 0
        """Messages removed by us since the start."""
        self._around = around
        self._partitions = partitions

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            try:
                await self.look()
            except (ApiError, ConnectionProblem, KeyValueError, MsgspecError, ValueError) as error:
                log.info("cannot look after the stream's room: %s", error)
            await asyncio.sleep(SOON if self._is_full else INTERVAL)

    async def look(self) -> None:
        """Purge where it is due, and see how old the oldest unread message is."""
        info = await self._around.jetstream.stream_info(self._around.stream)
        knows_all = self._around.see_partitions(info)
        first = next(iter(self._around.leases.members), self._around.name)
        self._is_full = fullness(info) > PURGE_FROM
        full = ""
        if first == self._around.name and self._is_full and knows_all:
            full = await self._purge(info)
        self.problem = await self._old_unread(info) or full

    async def _purge(self, info: StreamInfo) -> str:
        """Purge as far as is allowed; returns what is in the way where that makes no room."""
        around = self._around
        if not around.leases.knows_all_needs:
            return (
                f"the stream is {fullness(info):.0%} full, and this server (before 2.11) tells no "
                "receiver what others have still to read: nothing is purged, do it yourself"
            )
        needed = await needed_by_consumers(around.jetstream, info)
        without = around.consumers.partitions_without(
            [one for one, _ in needed], around.partition_count
        )
        # Read after the floors: what is parked is said before the floor moves past it.
        parked = await around.leases.needed()
        wants = {f"consumer {one.name}": first for one, first in needed}
        wants |= {f"a parked host of partition {key[1]}": first for key, first in parked.items()}
        if without:
            # Whoever is to make it again reads on at what its ledger has not committed.
            wants[f"partition {without[0]}, without a consumer now,"] = info.state.first_seq
        below = min([purge_target(info), info.state.last_seq + 1, *wants.values()])
        if below > info.state.first_seq:
            purged = await around.jetstream.purge(around.stream, below=below)
            self.purged += purged
            log.info("purged %s messages that every consumer has passed", purged)
            return ""
        who = min(wants, key=wants.__getitem__, default="")
        return f"the stream is {fullness(info):.0%} full: {who} still needs its oldest messages"

    async def _old_unread(self, info: StreamInfo) -> str:
        max_age = info.config.get("max_age", 0) / 1e9
        if not max_age:
            return ""
        oldest = 0.0
        for partition in self._partitions:
            if partition.is_ours:
                first = partition.first_unread
                parked = partition.parked_from
                oldest = max(oldest, await self._age(partition.number, min([first, *parked])))
        if oldest < OLD_SHARE * max_age:
            return ""
        return (
            f"the oldest unread message is {_hours(oldest)} old: the stream drops it unread in "
            f"{_hours(max(0.0, max_age - oldest))}"
        )

    async def _age(self, partition: int, sequence: int) -> float:
        found = await self._around.jetstream.message_after(
            self._around.stream, self._around.filter_subject(partition), sequence
        )
        return max(0.0, time.time() - _seconds(found.time)) if found else 0.0


async def needed_by_consumers(
    jetstream: JetStream, info: StreamInfo
) -> list[tuple[ConsumerInfo, int]]:
    """Return each of a stream's consumers with the first stream sequence it may still need."""
    stream = info.config["name"]
    needed = []
    for consumer in await jetstream.consumers(stream):
        after_floor = consumer.ack_floor.stream_seq + 1
        first = info.state.last_seq + 1
        if consumer.num_ack_pending:
            first = min(first, after_floor)
        elif consumer.num_pending:
            # The floor of a filter that has matched nothing for long lies far below its next.
            for subject in _filters(consumer):
                found = await jetstream.message_after(stream, subject, after_floor)
                first = min(first, found.sequence) if found is not None else first
        needed.append((consumer, first))
    return needed


def fullness(info: StreamInfo) -> float:
    """Return the share of the stream's tightest limit that is used."""
    shares = [0.0]
    for used, limit in (
        (info.state.bytes, info.config.get("max_bytes", -1)),
        (info.state.messages, info.config.get("max_msgs", -1)),
    ):
        if limit > 0:
            shares.append(used / limit)
    return max(shares)


def purge_target(info: StreamInfo) -> int:
    """Return the sequence below which to purge, so that some history stays to be looked at."""
    span = info.state.last_seq - info.state.first_seq + 1
    surplus = 1 - PURGE_TO / max(fullness(info), PURGE_TO)
    return info.state.first_seq + int(span * surplus)


def _filters(consumer: ConsumerInfo) -> Iterable[str]:
    config = consumer.config
    return config.get("filter_subjects") or [config.get("filter_subject") or ">"]


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp[:19] + "+00:00").timestamp()


def _hours(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
