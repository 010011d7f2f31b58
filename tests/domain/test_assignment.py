"""Who gets which partition."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from natsconsole.domain.assignment import assign

PARTITIONS = st.lists(st.integers(0, 500), unique=True, max_size=60)
MEMBERS = st.sets(st.text(max_size=12), min_size=1, max_size=12)


@given(PARTITIONS, MEMBERS)
def test_every_partition_has_one_member_and_loads_differ_by_one_at_most(
    partitions: list[int], members: set[str]
) -> None:
    found = assign(partitions, members)
    assert found.keys() == set(partitions)
    loads = Counter(found.values())
    assert loads.keys() <= members
    assert max(loads[name] for name in members) - min(loads[name] for name in members) <= 1


@given(PARTITIONS, st.lists(st.text(max_size=12), max_size=12), st.randoms())
def test_order_and_repetition_do_not_matter(
    partitions: list[int], members: list[str], random: object
) -> None:
    assert assign(partitions, members) == assign(partitions[::-1], [*reversed(members), *members])


def test_nobody_gets_nothing() -> None:
    assert assign(range(10), []) == {}
    assert assign([], ["a"]) == {}


def test_stays_the_same_over_versions_and_processes() -> None:
    assert assign(range(6), ["r1", "r2", "r3"]) == {
        0: "r2",
        1: "r1",
        2: "r3",
        3: "r1",
        4: "r2",
        5: "r3",
    }


@given(st.integers(1, 40), MEMBERS, st.text(min_size=13, max_size=13))
def test_a_member_alone_in_a_change_takes_what_it_must(
    count: int, members: set[str], newcomer: str
) -> None:
    before, after = assign(range(count), members), assign(range(count), members | {newcomer})
    gained = [partition for partition, name in after.items() if name == newcomer]
    assert len(gained) in {count // (len(members) + 1), -(-count // (len(members) + 1))}
    moved = [partition for partition in range(count) if before[partition] != after[partition]]
    assert set(gained) <= set(moved)


def test_a_member_that_comes_or_goes_moves_few_partitions_of_the_others() -> None:
    for count in (10, 64, 100):
        for size in (2, 3, 4, 8):
            moved = least = 0
            for group in range(30):
                names = [f"receiver-{group}-{number}" for number in range(size + 1)]
                before, after = assign(range(count), names[:-1]), assign(range(count), names)
                moved += sum(before[partition] != after[partition] for partition in range(count))
                least += count // (size + 1)
            # Without the hash, as by partition modulo size, nearly all would move.
            assert moved < least + 0.2 * 30 * count, (count, size)
