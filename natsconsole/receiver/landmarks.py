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
    """Add one; of the older ones so many stay that their distances double: some thirty at most."""
    kept: list[Landmark] = []
    for one in sorted(before, reverse=True):
        if one.sequence >= newest.sequence:
            continue
        last = newest.sequence - kept[-1].sequence if kept else 0
        if newest.sequence - one.sequence >= 2 * last:
            kept.append(one)
    return (*reversed(kept), newest)
