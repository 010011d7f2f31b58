"""Writes one partition's batches: holds what the disk refuses, parks what one file refuses."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from natsconsole.gateway.jetstream import ApiError
from natsconsole.gateway.key_value import KeyValueError
from natsconsole.receiver.batch import Batch, Outcome
from natsconsole.receiver.committer import LostPartitionError
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.leases import LeaseLostError
from natsconsole.receiver.orders import Orders
from natsconsole.receiver.partition import Partition
from natsconsole.receiver.quarantine import full_alarm
from natsconsole.receiver.surroundings import Surroundings
from shipper.connection import ConnectionProblem

log = logging.getLogger(__name__)

HOLD_FIRST, HOLD_LONGEST = 0.25, 2.0
"""Seconds between attempts to write a held batch, doubling from first to longest."""
MOST_IN_FLIGHT = 1000
"""Messages, where the consumer has no max ack pending: with policy none."""


@dataclass(slots=True)
class Written:
    """What became of a batch that was to be written."""

    deliveries: list[Delivery] = field(default_factory=list)
    """Written, or left in the stream for later: to be acknowledged."""
    terminated: list[tuple[Delivery, str]] = field(default_factory=list)
    """In quarantine, each with the reason."""


class PartitionWriter:
    """The way of one partition's messages to the disk."""

    def __init__(self, partition: Partition, surroundings: Surroundings, orders: Orders) -> None:
        self.partition = partition.number
        self._partition = partition
        self._around = surroundings
        self._orders = orders

    async def write(
        self,
        deliveries: Sequence[Delivery],
        terminated: Sequence[tuple[Delivery, str]] = (),
    ) -> Written:
        """Write and commit a batch, holding it for as long as the disk refuses.

        Held messages of logs that are well again are written with it. Returns nothing where the
        batch was given up because the receiver has to end.

        Raises:
            LostPartitionError: the partition is another receiver's by now.
            OSError: it cannot be written, and others want the partition.
        """
        now = time.monotonic()
        batch, waiting = self._partition.held_logs.compose(deliveries, now)
        if not (batch or waiting or terminated):
            return Written()
        for key, sequences in waiting.items():
            self._partition.refuse(key, sequences)
        outcome = await self._commit(
            Batch(
                logs=self._partition.logs,
                deliveries=batch,
                refused=self._partition.refused,
                terminated=terminated,
            )
        )
        if outcome is None:
            return Written()
        self._partition.refused = {}
        for host, _ in self._partition.held_logs.learn(outcome, now):
            log.info("partition %s: writing %r again", self._partition.number, host)
        for (host, _), error in outcome.broken.items():
            log.warning("partition %s: holding %r: %s", self._partition.number, host, error)
        if outcome.not_kept:
            log.warning("partition %s: %s messages went to a quarantine that is full",
                        self._partition.number, outcome.not_kept)  # fmt: skip
            self._around.alarm(full_alarm(self._partition.number))
        given_up = {delivery.sequence for delivery, _ in outcome.terminated}
        written = [one for one in batch if one.written and one.sequence not in given_up]
        return Written(written + await self._park(), outcome.terminated)

    async def _commit(self, batch: Batch) -> Outcome | None:
        """Commit, again and again while the disk refuses; None where we have to end first."""
        self._partition.batch = batch.deliveries
        delay = HOLD_FIRST
        try:
            while True:
                outcome = await self._around.disk.commit(batch)
                if outcome.failure is None:
                    return outcome
                if isinstance(outcome.failure, LostPartitionError) or not self._may_hold():
                    raise outcome.failure
                self._hold(outcome.failure)
                if self._orders.draining:
                    return None
                await self._partition.wait(delay)
                delay = min(delay * 2, HOLD_LONGEST)
        finally:
            self._partition.batch = ()
            if self._partition.held_since is not None:
                self._partition.held_since = None
                log.info("partition %s: no longer held", self._partition.number)

    def _may_hold(self) -> bool:
        """Whether to keep a batch that cannot be written: others may have a better disk."""
        leases = self._around.leases
        return leases.is_held(self._partition.number) and (
            self._orders.draining or self._partition.number in leases.wanted
        )

    def _hold(self, error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        if self._partition.held_since is None:
            self._partition.held_since = time.time()
            log.warning("partition %s: %s; holding %s messages", self._partition.number, reason,
                        len(self._partition.batch))  # fmt: skip
        self._partition.set("held", f"{reason}: {error.filename}" if error.filename else reason)

    async def _park(self) -> list[Delivery]:
        """Leave the lines of held logs in the stream where they take too much of our room."""
        most = (
            self._partition.consumer.max_ack_pending if self._partition.consumer else 0
        ) or MOST_IN_FLIGHT
        limit = most // 2
        is_blocked = (
            self._partition.consumer is not None
            and self._partition.consumer.policy == "all"
            and len(self._partition.in_flight) >= limit
        )
        park = self._partition.held_logs.to_park(0 if is_blocked else limit)
        if not park:
            return []
        first = min([*park.values(), *self._partition.parked_from])
        await self._around.leases.keep_from(self._partition.number, first)
        outcome = await self._commit(Batch(logs=self._partition.logs, park=park))
        if outcome is None:
            return []
        for host, _ in park:
            log.warning("partition %s: %r waits in the stream until its file can be written",
                        self._partition.number, host)  # fmt: skip
        parked = self._partition.held_logs.release(park)
        for delivery in parked:
            delivery.written = True
        return parked

    async def parked_changed(self) -> None:
        """Keep what is parked from being purged, and no more than that."""
        with contextlib.suppress(ApiError, KeyValueError, ConnectionProblem, LeaseLostError):
            await self._around.leases.keep_from(
                self._partition.number, min(self._partition.parked_from, default=None)
            )
