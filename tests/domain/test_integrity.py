"""Gaps in a log, and what is left of them once a part came after all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from natsconsole.domain.integrity import GAPS_KEPT, gaps_kept, lines_of, without
from natsconsole.domain.receivers import LostRange


def gap(start: int, end: int, *, file: str = "f1", lines: int | None = None) -> LostRange:
    """A gap in a file whose every byte is a line, unless it is said otherwise."""
    count = end - start if lines is None else lines
    return LostRange(log="app.log", file=file, start=start, end=end, lines=count)


def bytes_of(gaps: tuple[LostRange, ...], file: str = "f1") -> set[int]:
    return {byte for one in gaps if one.file == file for byte in range(one.start, one.end)}


spans = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda it: (it[0], it[0] + it[1]))


@given(lost=spans, filled=st.lists(spans, max_size=5))
def test_what_came_is_no_gap_any_more(lost: tuple[int, int], filled: list[tuple[int, int]]) -> None:
    gaps: tuple[LostRange, ...] = (gap(*lost), gap(*lost, file="other"))
    missing = set(range(*lost))
    for start, end in filled:
        gaps = without(gaps, "f1", start, end, len(missing & set(range(start, end))))
        missing -= set(range(start, end))
        assert bytes_of(gaps) == missing
        assert lines_of(tuple(one for one in gaps if one.file == "f1")) <= lost[1] - lost[0]
    assert bytes_of(gaps, "other") == set(range(*lost))
    if not missing:
        assert lines_of(gaps) == lost[1] - lost[0], "of the other file"


def test_a_gap_filled_in_its_middle_is_two() -> None:
    left = without((gap(0, 30, lines=9),), "f1", 10, 20, 3)

    assert [(one.start, one.end) for one in left] == [(0, 10), (20, 30)]
    assert lines_of(left) == 6


def test_the_latest_gaps_are_kept() -> None:
    gaps = tuple(gap(number * 10, number * 10 + 1) for number in range(GAPS_KEPT + 5))

    assert gaps_kept(gaps) == gaps[5:]
