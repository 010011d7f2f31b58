import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.domain.terminal_text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("größe 日本語 ✓", "größe 日本語 ✓"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x9b31mred", "\\x9b31mred"),
        ("nul\0 del\x7f", "nul␀ del␡"),
        ("a\tb", "a   b"),
        ("one\r\ntwo", "one␍␊two"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066x\u2069\u200e\u200f\u061c", "\\u2066x\\u2069\\u200e\\u200f\\u061c"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("pay\u200bpal\ufeff", "pay\\u200bpal\\ufeff"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("⚠\ufe0f", "⚠"),
        ("[/red][@click=app.quit]", "[/red][@click=app.quit]"),
    ],
)
def test_what_a_terminal_would_act_on_is_shown_as_a_picture(text: str, shown: str) -> None:
    assert shown == visible(text)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_no_control_survives(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}]
    shown.encode("utf-8")


def test_only_the_start_of_a_long_line_is_looked_at() -> None:
    assert visible("\x1b" * 1_000_000, 10) == "␛" * 10
