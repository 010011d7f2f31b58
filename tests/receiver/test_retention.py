"""What is deleted is old enough or too much, always rotated, always the oldest first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.receiver.retention import FoundFile, Limits, plan_retention
from natsconsole.receiver.rotated_names import free_rotated_name, read_rotated

NOW = 2_000_000_000.0
DAY = 86_400.0


def rotated(
    age: float,
    size: int = 100,
    host: str = "web1",
    *,
    suffix: str = "",
    touched: float | None = None,
) -> FoundFile:
    """A file whose last line is ``age`` seconds old; ``touched``: what its mtime says instead."""
    name = free_rotated_name("app.log", NOW - age, lambda _: False) + suffix
    mtime = NOW - (age if touched is None else touched)
    return FoundFile(f"{host}/{name}", size, mtime, NOW - age, read_rotated(name))


def active(age: float, size: int = 100, path: str = "web1/app.log") -> FoundFile:
    return FoundFile(path, size, NOW - age, NOW - age, None)


def deleted(found: list[FoundFile], *, settle: float = 0, **limits: float) -> list[FoundFile]:
    plan = plan_retention(found, Limits(**limits), NOW, settle=settle)  # type: ignore[arg-type]
    return [deletion.file for deletion in plan.deletions]


def test_without_limits_nothing_goes() -> None:
    plan = plan_retention([rotated(900 * DAY), active(900 * DAY)], Limits(), NOW)

    assert not plan.deletions
    assert not plan.silent
    assert (plan.files, plan.bytes, plan.excess) == (2, 200, 0)


def test_age_counts_from_the_last_line() -> None:
    old, young = rotated(31 * DAY, suffix=".gz"), rotated(29 * DAY)
    # Of a silent host, rotated away just now; and one that a backup gave a new mtime.
    silent = rotated(60, touched=40 * DAY)
    restored = rotated(35 * DAY, touched=0)

    assert deleted([young, old, silent, restored], keep_age=30 * DAY) == [silent, restored, old]


def test_bytes_count_active_files_and_spare_them() -> None:
    files = [active(0, 500), rotated(3, 100), rotated(1, 100), rotated(2, 100)]

    assert deleted(files, keep_bytes=800) == []
    assert deleted(files, keep_bytes=799) == [files[1]]
    plan = plan_retention(files, Limits(keep_bytes=450), NOW, settle=0)
    assert [each.file for each in plan.deletions] == [files[1], files[3], files[2]]
    assert plan.excess == 50
    assert "800 bytes are kept, 450 may be" in plan.deletions[0].why


def test_silent_hosts_active_files_are_named_for_their_owner() -> None:
    files = [
        active(31 * DAY), active(29 * DAY, path="web2/app.log"),
        active(31 * DAY, 0, "web3/empty.log"), active(31 * DAY, path="web4/.app.log.swp"),
    ]  # fmt: skip
    plan = plan_retention(files, Limits(keep_age=30 * DAY), NOW)

    assert plan.silent == ("web1/app.log", "web3/empty.log")
    assert plan.deletions == ()


def test_a_file_just_rotated_stays() -> None:
    fresh, settled = rotated(29, touched=40 * DAY), rotated(31, touched=40 * DAY)
    limits = Limits(keep_age=DAY, keep_bytes=1)
    plan = plan_retention([fresh, settled], limits, NOW, settle=30)

    assert [each.file for each in plan.deletions] == [settled]


@pytest.mark.parametrize("limits", [{"keep_age": 0.0}, {"keep_bytes": 0}, {"keep_bytes": -1}])
def test_keeping_nothing_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Limits(**limits)  # type: ignore[arg-type]


AGES = st.floats(0, 100 * DAY)
FILES = st.lists(
    st.builds(rotated, AGES, st.integers(0, 1000), st.sampled_from(["a", "b"]), touched=AGES)
    | st.builds(active, AGES, st.integers(0, 1000), st.sampled_from(["a/x", "b/.x"])),
    max_size=30,
)


@given(FILES, st.none() | st.floats(1, 100 * DAY), st.none() | st.integers(1, 10_000))
def test_every_plan_keeps_its_promises(
    found: list[FoundFile], keep_age: float | None, keep_bytes: int | None
) -> None:
    limits = Limits(keep_age=keep_age, keep_bytes=keep_bytes)
    plan = plan_retention(found, limits, NOW, settle=0)
    gone = [each.file for each in plan.deletions]
    stay = list(found)
    for file in gone:
        stay.remove(file)
    kept = [file for file in stay if file.rotated is not None]
    total = sum(file.size for file in stay)

    assert all(file.rotated is not None for file in gone)
    assert [file.ended for file in gone] == sorted(file.ended for file in gone)
    if gone and kept:
        assert gone[-1].ended <= min(file.ended for file in kept)
    if keep_age is not None:
        assert all(file.ended >= NOW - keep_age for file in kept)
    if keep_bytes is not None:
        assert total <= keep_bytes or not kept
        assert plan.excess == max(0, total - keep_bytes)
    # Nothing goes without need: with the last of them back, a limit is passed.
    if gone:
        last = gone[-1]
        too_old = keep_age is not None and last.ended < NOW - keep_age
        assert too_old or (keep_bytes is not None and total + last.size > keep_bytes)
