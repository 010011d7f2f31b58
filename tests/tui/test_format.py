from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.tui import format as words


@pytest.mark.parametrize(
    ("function", "number", "text"),
    [
        (words.count, 0, "0"),
        (words.count, 1204, "1,204"),
        (words.count, 99_999, "99,999"),
        (words.count, 123_456, "123k"),
        (words.tally, 999, "999"),
        (words.tally, 9_960, "10k"),
        (words.tally, 12_430, "12k"),
        (words.scaled, 0, "0"),
        (words.scaled, 4.72, "4.7"),
        (words.scaled, 842, "842"),
        (words.scaled, 999.9, "1.0k"),
        (words.scaled, 12_430, "12.4k"),
        (words.scaled, 2_600_000, "2.6M"),
        (words.duration, 0.84, "0.8s"),
        (words.duration, 14, "14s"),
        (words.duration, 99.6, "2m"),
        (words.duration, 240, "4m"),
        (words.duration, 7200, "2h"),
        (words.duration, 3 * 86_400, "3d"),
        (words.duration, None, "-"),
        (words.countdown, 0, "due"),
        (words.countdown, 0.2, "1s"),
        (words.countdown, 9.6, "10s"),
        (words.countdown, 18.2, "18s"),
        (words.countdown, 600, "10m"),
        (words.milliseconds, 0.0003, "0.3 ms"),
        (words.milliseconds, 1.25, "1,250 ms"),
        (words.size, 12_100_000_000, "12.1 GB"),
        (words.size, 0, "0 B"),
    ],
)
def test_numbers_read_well(function: Callable[[object], str], number: object, text: str) -> None:
    assert text == function(number)


@given(st.floats(0, 9.9e14))
def test_no_number_is_wider_than_its_column(number: float) -> None:
    assert len(words.scaled(number)) <= 5
    assert len(words.count(number)) <= 6
    assert len(words.tally(int(number))) <= 4
    assert len(words.duration(number)) <= 4
    assert len(words.countdown(number)) <= 4
