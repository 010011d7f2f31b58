"""Whether two subject filters can have a message in common."""

from __future__ import annotations

import pytest

from natsconsole.domain.subjects import as_filter, overlap


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a.>", "a", False),
        ("a.>", "a.b.c", True),
        ("a.*", "a.b.c", False),
        ("*.b", "a.*", True),
        (">", "a", True),
        ("a.b", "a.b.c", False),
        ("a.*.c", "a.>", True),
        ("a.*.c", "a.b.d", False),
    ],
)
def test_filters_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected


def test_a_transform_becomes_a_filter() -> None:
    assert as_filter("logs.{{partition(10)}}.>") == "logs.*.>"
    assert as_filter("x.$2.{{wildcard(1)}}") == "x.*.*"
