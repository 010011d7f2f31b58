import pytest

from natsconsole.tui.home.line_pieces import cut, folds, pieces, within
from natsconsole.tui.home.line_search import Search


def drawn(text: str, *, own_time: int = 0, search: str = "") -> list[tuple[str, str]]:
    found = Search(search).spans(text) if search else ()
    return [
        (text[start:end], ink)
        for start, end, ink in pieces(text, "plain", own_time=own_time, matches=found)
    ]


def test_a_plain_line_is_one_piece() -> None:
    assert drawn("GET / 200") == [("GET / 200", "plain")]
    assert drawn("") == []


def test_the_level_stands_out_and_colours_its_line() -> None:
    assert drawn("14:03:22 ERROR closed", own_time=8) == [
        ("14:03:22", "muted"),
        (" ", "bad"),
        ("ERROR", "bad-word"),
        (" closed", "bad"),
    ]
    assert drawn("DEBUG miss") == [("DEBUG miss", "muted")]
    assert drawn("INFO ready") == [("INFO ready", "plain")]


def test_what_is_found_lies_over_everything() -> None:
    assert drawn("WARN slow, slow", search="slow") == [
        ("WARN", "warn-word"),
        (" ", "warn"),
        ("slow", "match"),
        (", ", "warn"),
        ("slow", "match"),
    ]
    assert drawn("an ERROR", search="n ER") == [
        ("a", "bad"),
        ("n ER", "match"),
        ("ROR", "bad-word"),
    ]


@pytest.mark.parametrize("text", ["x" * 25, "日本語" * 7, "a日" * 9, "e\u0301" * 30, "", "é"])
@pytest.mark.parametrize("width", [1, 8, 10])
def test_folds_hold_all_of_a_text_once(text: str, width: int) -> None:
    assert "".join(text[start:end] for start, end in folds(text, width)) == text


def test_a_cut_leaves_a_cell_for_its_mark() -> None:
    assert cut("abcdef", 0, 6) == (6, True)
    assert cut("abcdef", 0, 5) == (4, False)
    assert cut("abcdef", 3, 5) == (6, True)
    assert cut("日本語", 0, 6) == (3, True)
    assert cut("日本語", 0, 5) == (2, False)
    assert cut("日本語", 0, 4) == (1, False)


def test_pieces_are_cut_to_what_is_seen() -> None:
    assert list(within([(0, 5, "plain"), (5, 9, "bad")], 3, 7)) == [(3, 5, "plain"), (5, 7, "bad")]


def test_small_letters_find_both_cases_and_no_character_is_special() -> None:
    assert Search("error").matches("an ERROR")
    assert not Search("Error").matches("an ERROR")
    assert Search("[a.c]*").matches("x[a.c]*y")
    assert not Search("a.c").matches("abc")
