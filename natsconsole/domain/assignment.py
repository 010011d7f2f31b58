"""Who gets which partition: every receiver computes the same answer by itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b


def assign(partitions: Sequence[int], members: Collection[str]) -> dict[int, str]:
    """Share partitions out among members; nobody gets two more than another.

    The answer depends on the two sets alone, not on their order or on what was before. Each
    partition goes to the member that a hash of both likes best and that has room left, so a
    member that comes or goes moves few partitions of the others. Without members it is empty.
    """
    names = sorted(set(members))
    if not names:
        return {}
    numbers = sorted(set(partitions))
    share, spare = divmod(len(numbers), len(names))
    pairs = sorted(
        ((_liking(partition, name), partition, name) for partition in numbers for name in names),
        reverse=True,
    )
    loads = dict.fromkeys(names, 0)
    found: dict[int, str] = {}
    for _, partition, name in pairs:
        if partition in found or loads[name] > share:
            continue
        if loads[name] == share:
            if not spare:
                continue
            spare -= 1
        loads[name] += 1
        found[partition] = name
    return found


def _liking(partition: int, name: str) -> bytes:
    return blake2b(f"{partition} {name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
