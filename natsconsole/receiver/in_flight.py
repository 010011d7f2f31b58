"""The messages of one partition that are delivered and not acknowledged. Pure: no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from natsconsole.domain.receivers import AckPolicy
from natsconsole.receiver.delivery import Delivery


class InFlight:
    """What the server waits for, by stream sequence."""

    def __init__(self) -> None:
        self._deliveries: dict[int, Delivery] = {}
        self._left: dict[int, float | None] = {}

    def __len__(self) -> int:
        return len(self._deliveries)

    def __iter__(self) -> Iterator[Delivery]:
        return iter(list(self._deliveries.values()))

    def get(self, sequence: int) -> Delivery | None:
        """Return a message in flight, or None."""
        return self._deliveries.get(sequence)

    def clear(self) -> None:
        """Forget all: the consumer has been rewound."""
        self._deliveries.clear()
        self._left.clear()

    def note(self, deliveries: Sequence[Delivery], *, are_new: bool = False) -> None:
        """Take note of deliveries; one that comes again begins to wait anew.

        Args:
            deliveries: in the order in which they came.
            are_new: whether all of them are delivered for the first time.
        """
        if not are_new:
            for delivery in deliveries:
                before = self._deliveries.get(delivery.sequence)
                if before is not None and before.written:
                    delivery.written = True
                self._left.pop(delivery.sequence, None)
        self._deliveries.update([(one.sequence, one) for one in deliveries])

    def leave(self, deliveries: Iterable[Delivery], until: float | None = None) -> None:
        """Let these be delivered again: after ack wait, or at a time of the monotonic clock."""
        for delivery in deliveries:
            if delivery.sequence in self._deliveries:
                self._left[delivery.sequence] = until

    def leave_written(self) -> None:
        """Let all that is written be delivered again: it is to be answered otherwise."""
        self.leave(one for one in self if one.written and not self.is_left(one))

    def is_left(self, delivery: Delivery) -> bool:
        """Whether the message is to be delivered again, so that nobody must say in progress."""
        return delivery.sequence in self._left

    def due(self, delivery: Delivery, wait: float) -> float:
        """Return when it is delivered again if nothing is said; by the monotonic clock."""
        return self._left.get(delivery.sequence) or delivery.received + wait

    def written(self) -> list[Delivery]:
        """Return all whose lines are on the disk, in sequence order."""
        return [one for _, one in sorted(self._deliveries.items()) if one.written]

    def settle(self, deliveries: Iterable[Delivery]) -> None:
        """Forget what has been acknowledged or terminated."""
        waiting, left = self._deliveries, self._left
        for delivery in deliveries:
            waiting.pop(delivery.sequence, None)
            if left:
                left.pop(delivery.sequence, None)

    def up_to(self, sequence: int) -> list[Delivery]:
        """Return all at or below a sequence, lowest first: one ack with policy all settles them."""
        return [one for number, one in sorted(self._deliveries.items()) if number <= sequence]

    def to_acknowledge(
        self,
        policy: AckPolicy,
        written: Sequence[Delivery],
        is_kept: Callable[[Delivery], bool] = lambda _: False,
    ) -> tuple[Sequence[Delivery], Sequence[Delivery]]:
        """Return which messages to send an ack for, and which of them all that settles.

        With policy all one ack settles everything at or below it, so it may go to the highest
        message below which all is written. It never goes to one that is kept from its ack, but
        settles those that lie below.
        """
        if policy != "all":
            return written, written
        settled: list[Delivery] = []
        last = 0
        for _, one in sorted(self._deliveries.items()):
            if not one.written:
                break
            settled.append(one)
            if not is_kept(one):
                last = len(settled)
        return settled[:last][-1:], settled[:last]
