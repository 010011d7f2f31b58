"""Messages by which a stream is known again: their sequence, and when they were stored.

A stream that is restored from a backup counts on from there: old sequences name new messages.
What is stored under the sequence of a landmark tells whether it is still the same message, and
then so is everything below it. Pure: no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Landmark(NamedTuple):
    """One message of a partition that has been committed."""

    sequence: int
    stored_at: int
    """Nanoseconds since the epoch."""


def with_landmark(before: Sequence[Landmark], newest: Landmark) -> tuple[Landmark, ...]:
    """Add one, and leave out what is not needed for distances that at most double.

    Some sixty stay of a thousand million messages; the oldest always does.
    """
    older = [one for one in before if one.sequence < newest.sequence]
    kept = [newest, *older[-1:]]
    for place in range(len(older) - 2, -1, -1):
        reach = 2 * (newest.sequence - kept[-1].sequence)
        if place == 0 or newest.sequence - older[place - 1].sequence > reach:
            kept.append(older[place])
    return tuple(reversed(kept))
