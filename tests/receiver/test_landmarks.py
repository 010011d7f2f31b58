"""Landmarks: few, and always one within twice the distance."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from natsconsole.receiver.landmarks import Landmark, with_landmark


@given(st.lists(st.integers(1, 500), min_size=1, max_size=400))
def test_distances_at_most_double(steps: list[int]) -> None:
    marks: tuple[Landmark, ...] = ()
    seen: list[int] = []
    for step in steps:
        seen.append((seen[-1] if seen else 0) + step)
        marks = with_landmark(marks, Landmark(seen[-1], seen[-1] * 10))
    kept = [one.sequence for one in marks]
    newest = seen[-1]
    assert kept == sorted(set(kept))
    assert kept[-1] == newest
    assert kept[0] == seen[0]
    assert len(kept) <= 60
    for older, newer in pairwise(kept):
        if seen.index(newer) - seen.index(older) > 1:
            assert newest - older <= 2 * max(1, newest - newer)


def test_a_repeated_sequence_replaces_what_is_not_older() -> None:
    marks = with_landmark((), Landmark(5, 1))
    marks = with_landmark(marks, Landmark(9, 2))
    assert with_landmark(marks, Landmark(7, 3)) == (Landmark(5, 1), Landmark(7, 3))
