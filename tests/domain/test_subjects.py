"""Whether two subject filters can have a message in common."""

from __future__ import annotations

import pytest

from natsconsole.domain.subjects import as_filter, overlap, untransformed


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


@pytest.mark.parametrize(
    ("subject", "source", "destination", "expected"),
    [
        ("logs.3.web1.example.net", "logs.>", "logs.{{partition(10)}}.>", "logs.web1.example.net"),
        ("logs.web1.a", "logs.>", "logs.{{partition(10)}}.>", "logs.web1.a"),
        ("logs.web1", "logs.>", "logs.{{partition(10)}}.>", "logs.web1"),
        ("x.b.4.a", "in.*.*", "x.$2.{{Partition(5, 1)}}.{{wildcard(1)}}", "in.a.b"),
        ("x.b", "in.*.*", "x.{{wildcard(2)}}", None),
        ("x.a", "in.>", "x.{{SplitFromLeft(1,1)}}", None),
        ("x.a.b", "", "x.>", "a.b"),
        ("a.b", "", "", "a.b"),
    ],
)
def test_a_transform_is_undone(
    subject: str, source: str, destination: str, expected: str | None
) -> None:
    assert untransformed(subject, source, destination) == expected
