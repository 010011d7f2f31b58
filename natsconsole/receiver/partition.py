"""What is known of one partition: its worker changes it, reports read it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

from natsconsole.domain.receivers import AckPolicy, PartitionState, PartitionStatus
from natsconsole.receiver.consumers import GroupConsumer
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.held_logs import HeldLogs
from natsconsole.receiver.in_flight import InFlight
from natsconsole.receiver.partition_lock import PartitionLock
from natsconsole.receiver.partition_logs import LogKey, PartitionLogs
from natsconsole.receiver.pull import Pull


class Partition:
    """One partition as its worker sees it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.state: PartitionState = "waiting"
        self.reason = "not started"
        self.held_since: float | None = None
        self.logs = PartitionLogs(partition=number)
        self.delivered: dict[str, int] = {}
        """Highest sequence delivered, by host."""
        self.last_delivered = 0
        self.in_flight = InFlight()
        """Delivered and not acknowledged."""
        self.held_logs = HeldLogs()
        """Messages of logs whose own file cannot be written."""
        self.refused: dict[LogKey, frozenset[int]] = {}
        """Sequences that were delivered and not written, as the next commit is to say."""
        self.batch: Sequence[Delivery] = ()
        """What is being committed."""
        self.redelivered = 0
        """Deliveries beyond a message's first, since the start."""
        self.consumer: GroupConsumer | None = None
        self.pull: Pull | None = None
        self.lock: PartitionLock | None = None
        """Held while the partition is ours."""
        self.last_busy = time.monotonic()
        self._nudge = asyncio.Event()

    def nudge(self) -> None:
        """Wake whoever waits for something to do."""
        self._nudge.set()
        if self.pull is not None:
            self.pull.arrived.set()

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds, or once nudged."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nudge.wait(), seconds)
        self._nudge.clear()

    def set(self, state: PartitionState, reason: str) -> None:
        """Say how it is, and why in plain words."""
        self.state = state
        self.reason = reason

    @property
    def policy(self) -> AckPolicy:
        """The ack policy of the consumer; none where there is no consumer to acknowledge to."""
        return self.consumer.policy if self.consumer is not None else "none"

    @property
    def parked_from(self) -> list[int]:
        """The stream sequences from which on logs wait in the stream."""
        return [self.logs.logs[key].parked_from for key in self.logs.parked]

    @property
    def is_ours(self) -> bool:
        """Whether this receiver has the partition."""
        return self.lock is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in memory and the consumer has nothing more to deliver."""
        if self.state == "elsewhere":
            return True
        pull = self.pull
        if self.state != "running" or pull is None:
            return False
        return pull.pending == 0 and self.unwritten == 0 and not self.logs.parked

    @property
    def unwritten(self) -> int:
        """Messages in memory whose lines are not in the files yet."""
        buffered = self.pull.buffered_count if self.pull else 0
        return len(self.batch) + buffered + len(self.held_logs)

    @property
    def first_unread(self) -> int:
        """The stream sequence behind all that is committed, or acknowledged before we had it."""
        if self.logs.committed is None and self.consumer is not None:
            return self.consumer.ack_floor + 1
        return (self.logs.committed or 0) + 1

    @property
    def held_messages(self) -> int:
        return len(self.held_logs) + (len(self.batch) if self.held_since is not None else 0)

    def wait_of(self, delivery: Delivery) -> float:
        """Return the seconds from now until a message in flight is delivered again."""
        wait = self.consumer.wait(delivery.deliveries) if self.consumer else 0.0
        return self.in_flight.due(delivery, wait) - time.monotonic()

    def status(self, owner: str) -> PartitionStatus:
        """Return it as others are told; ``owner`` is the receiver that has it, as last seen."""
        return PartitionStatus(
            partition=self.number,
            state=self.state,
            reason=self.reason,
            consumer=self.consumer.name if self.consumer else "",
            delivered=self.last_delivered,
            committed=self.logs.committed or 0,
            unacked=len(self.in_flight),
            held_messages=self.held_messages,
            owner="" if self.is_ours else owner,
        )

    def see_arrivals(self) -> None:
        """Take note of what has been delivered since the last look."""
        arrivals = self.pull.arrivals() if self.pull is not None else []
        if not arrivals:
            return
        again = sum(one.deliveries > 1 for one in arrivals)
        self.redelivered += again
        delivered = self.delivered
        for one in arrivals:
            if not again or one.sequence > delivered.get(one.host, 0):
                delivered[one.host] = one.sequence
        self.last_delivered = max(arrivals[-1].sequence, self.last_delivered)
        if self.consumer is not None and self.consumer.policy != "none":
            self.in_flight.note(arrivals, are_new=not again)

    def refuse(self, key: LogKey, sequences: frozenset[int]) -> None:
        """Remember messages that were delivered and are not written."""
        self.refused[key] = self.refused.get(key, frozenset()) | sequences

    def forget_deliveries(self) -> None:
        """Forget what is in memory: the consumer has been rewound, or is another's."""
        self.in_flight.clear()
        self.held_logs.clear()
        self.refused = {}

    def forget(self) -> None:
        """Forget all: another receiver has it."""
        self.logs = PartitionLogs(partition=self.number)
        self.forget_deliveries()
        self.delivered.clear()
        self.consumer = None
