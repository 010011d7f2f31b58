"""Rotated files are known by their names, and no active file has such a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.receiver.file_names import safe_name
from natsconsole.receiver.rotated_names import (
    RotatedName,
    free_rotated_name,
    is_partial,
    partial_name,
    read_rotated,
)

NOON = 1_767_268_800.0
"""2026-01-01 12:00:00 UTC."""


def test_name_holds_log_stamp_and_number() -> None:
    free = free_rotated_name("app.log", NOON, lambda _: False)
    taken = {"app.log.20260101T120000Z.gz", "app.log.20260101T120000Z.1"}
    next_free = free_rotated_name("app.log", NOON, taken.__contains__)

    assert free == "app.log.20260101T120000Z"
    assert next_free == "app.log.20260101T120000Z.2"
    assert read_rotated(free) == RotatedName("app.log", NOON, 0, False)
    assert read_rotated(next_free + ".gz") == RotatedName("app.log", NOON, 2, True)


@pytest.mark.parametrize(
    "name",
    [
        "app.log", "app.log.1", "app.log.gz", "app.log-20260101", "app.log.20260101",
        "app.log.20261301T000000Z", "app.log.20260101T250000Z", "app.log.20260101T000000Z.0",
        "app.log.20260101T000000Z.01", "app.log.20260101T000000Z.bz2", ".20260101T000000Z",
        "20260101T000000Z", "app.log.20260101T000000Z\n", "app.log.20260101T000000Z.gz.gz",
        ".app.log.20260101T000000Z", "a/b.20260101T000000Z", "app.log.٢٠٢٦٠١٠١T000000Z",
    ],
)  # fmt: skip
def test_other_names_are_no_rotated_files(name: str) -> None:
    assert read_rotated(name) is None


ROTATED_LOOKS = st.builds(
    "{}.{:08d}T{:06d}Z{}".format,
    st.sampled_from(["app.log", "a", "é", "x" * 60, "a.20260101T000000Z"]),
    st.sampled_from([20260101, 20241231, 99999999]),
    st.integers(0, 240000),
    st.sampled_from(["", ".1", ".12", ".gz", ".3.gz"]),
)


@given(st.text() | ROTATED_LOOKS)
def test_no_active_file_is_named_like_a_rotated_or_partial_one(name: str) -> None:
    safe = safe_name(name)

    assert read_rotated(safe) is None
    assert not is_partial(safe)


@given(st.text() | ROTATED_LOOKS, st.integers(0, 4_000_000_000), st.integers(0, 30))
def test_every_name_made_is_read_back(name: str, now: int, others: int) -> None:
    log = safe_name(name)
    taken: set[str] = set()
    for number in range(others + 1):
        free = free_rotated_name(log, now + 0.7, taken.__contains__)
        assert free not in taken
        assert read_rotated(free) == RotatedName(log, now, number, False)
        assert is_partial(partial_name(free))
        taken.add(f"{free}.gz" if number % 2 else free)

    found = [read for read in map(read_rotated, taken) if read is not None]
    assert [read.number for read in sorted(found)] == list(range(others + 1))
