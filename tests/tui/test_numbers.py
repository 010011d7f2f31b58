import pytest

from natsconsole.tui.page.numbers import (
    read_count,
    read_limit,
    read_seconds,
    read_share,
    read_times,
)
from natsconsole.tui.page.wrapping import wrapped


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("2.5s", 2.5), (" 200 ms ", 0.2), ("2m", 120), ("1h", 3600), ("0", None),
     ("-1", None), ("", None), ("soon", None), ("9" * 400, None), ("1e9", None)],
)  # fmt: skip
def test_seconds(text: str, seconds: float | None) -> None:
    assert read_seconds(text) == seconds


def test_several_times() -> None:
    assert read_times("1s, 5s 2m") == (1, 5, 120)
    assert read_times("none") == read_times(" ") == ()
    assert read_times("1s x") is None


def test_counts_and_limits() -> None:
    assert [read_count(text) for text in ("5", "1,000", "none", "∞", "-1")] == [5, 1000, -1, -1, -1]
    assert [read_count(text) for text in ("0", "-2", "x", "", "٣", "9" * 30)] == [None] * 6
    assert read_limit("none") is None
    assert read_limit("7") == 7


def test_shares() -> None:
    assert [read_share(text) for text in ("20%", "0.2", "1", "100%")] == [0.2, 0.2, 1, 1]
    assert [read_share(text) for text in ("0", "2", "nan", "x", "-1%")] == [None] * 5


def test_sentences_are_folded_and_safe() -> None:
    assert wrapped("one two three four", 10) == ["one two", "three four"]
    assert wrapped("", 10) == [""]
    assert wrapped("a\x1b[2J", 20) == ["a␛[2J"]
