"""Logs whose own file cannot be written: their lines are held while the others' go on.

A held log is tried again now and then. When held messages take half of what may be in flight, the
largest are parked: their lines stay in the stream, and are read from there once the file is well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from natsconsole.receiver.batch import Outcome
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.partition_logs import LogKey, key_of

RETRY_FIRST, RETRY_LONGEST = 0.5, 5.0
"""Seconds between attempts, doubling from first to longest."""
MOST_BYTES = 8 << 20
"""Bytes held of one partition at most."""


@dataclass(slots=True)
class HeldLog:
    """One log that is held."""

    reason: str
    since: float
    retry_at: float
    delay: float = RETRY_FIRST
    deliveries: list[Delivery] = field(default_factory=list)


class HeldLogs:
    """The held logs of one partition. Times are of the monotonic clock."""

    def __init__(self) -> None:
        self.logs: dict[LogKey, HeldLog] = {}

    def __len__(self) -> int:
        """How many messages are held."""
        return sum(len(held.deliveries) for held in self.logs.values())

    def __bool__(self) -> bool:
        return bool(self.logs)

    def clear(self) -> None:
        """Forget all: it comes again."""
        self.logs.clear()

    def reason_of(self, host: str) -> str:
        """Return why a host is held, or nothing."""
        found = (held.reason for (other, _), held in list(self.logs.items()) if other == host)
        return next(found, "")

    def has(self, sequence: int) -> bool:
        """Whether a message is held."""
        return any(
            one.sequence == sequence for held in self.logs.values() for one in held.deliveries
        )

    def drop(self, sequence: int) -> None:
        """Hold a message no longer: it is given up."""
        for held in self.logs.values():
            held.deliveries = [one for one in held.deliveries if one.sequence != sequence]
        self.logs = {key: held for key, held in self.logs.items() if held.deliveries}

    def is_due(self, now: float) -> bool:
        """Whether a held log is to be tried again."""
        return any(held.retry_at <= now for held in self.logs.values())

    def compose(
        self, new: Sequence[Delivery], now: float
    ) -> tuple[list[Delivery], dict[LogKey, frozenset[int]]]:
        """Return what to write: what is new, and behind it nothing of a log that waits.

        Also returns the messages that stay held, which the ledger must know as not written.
        """
        due = {key for key, held in self.logs.items() if held.retry_at <= now}
        batch = [one for key in due for one in self.logs[key].deliveries]
        waiting: dict[LogKey, frozenset[int]] = {}
        for delivery in new:
            key = key_of(delivery)
            if key in due or key not in self.logs:
                batch.append(delivery)
            else:
                self.logs[key].deliveries.append(delivery)
                waiting[key] = waiting.get(key, frozenset()) | {delivery.sequence}
        return batch, waiting

    def learn(self, outcome: Outcome, now: float) -> list[LogKey]:
        """Take over what a commit said. Returns the logs that are well again."""
        well = [
            key
            for key, held in self.logs.items()
            if held.retry_at <= now and key not in outcome.broken
        ]
        for key in well:
            del self.logs[key]
        for key, error in outcome.broken.items():
            before = self.logs.get(key)
            delay = min(before.delay * 2, RETRY_LONGEST) if before else RETRY_FIRST
            self.logs[key] = HeldLog(
                reason=f"{(error.strerror or str(error)).lower()}: {error.filename or key[0]}",
                since=before.since if before else now,
                retry_at=now + delay,
                delay=delay,
                deliveries=[one for one in outcome.unwritten if key_of(one) == key],
            )
        return well

    def to_park(self, limit: int) -> dict[LogKey, int]:
        """Return the logs to park, each with its first held sequence, the largest first."""
        chosen: dict[LogKey, int] = {}
        messages = len(self)
        size = sum(_size(held.deliveries) for held in self.logs.values())
        for weigh in (len, _size):
            for key in sorted(self.logs, key=lambda key: -weigh(self.logs[key].deliveries)):
                if (messages <= limit) if weigh is len else (size <= MOST_BYTES):
                    break
                deliveries = self.logs[key].deliveries
                if deliveries and key not in chosen:
                    chosen[key] = min(one.sequence for one in deliveries)
                    messages -= len(deliveries)
                    size -= _size(deliveries)
        return chosen

    def release(self, keys: Iterable[LogKey]) -> list[Delivery]:
        """Forget logs that are parked; returns what was held of them."""
        return [one for key in keys for one in self.logs.pop(key).deliveries]


def _size(deliveries: Iterable[Delivery]) -> int:
    return sum(len(one.payload) for one in deliveries)
