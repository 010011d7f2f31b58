"""Rotation by size and by age: no byte is lost, doubled or out of order, whenever it crashes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from natsconsole.receiver.archive import Archive
from natsconsole.receiver.ledger import Ledger
from natsconsole.receiver.rotated_names import next_rotated_name, read_rotated
from natsconsole.receiver.rotation import Rotation
from shipper.connection import Connection
from tests.support.disk_side import NOON, CrashError, DiskSide
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

HUNDRED = Rotation(size=100)
DAY = 86_400.0


@pytest.fixture
def disk(tmp_path: Path) -> DiskSide:
    return DiskSide(tmp_path / "out", rotation=HUNDRED)


def line(length: int) -> bytes:
    return b"x" * (length - 1) + b"\n"


def test_a_file_may_be_just_as_large_as_the_limit(disk: DiskSide) -> None:
    disk.write(line(60))
    disk.write(line(40))
    assert disk.rotated() == []
    disk.write(line(1))

    assert [path.stat().st_size for path in disk.rotated()] == [100]
    assert disk.path().stat().st_size == 1
    assert disk.content() == disk.source["web1"]


def test_only_one_commits_share_may_exceed_the_limit(disk: DiskSide) -> None:
    for length in (50, 250, 10, 90, 1, 100, 99, 1, 1):
        disk.write(line(length))

    sizes = [path.stat().st_size for path in disk.rotated()]
    assert sizes == [50, 250, 100, 1, 100, 100]
    assert disk.path().stat().st_size == 1
    assert disk.content() == disk.source["web1"]


def test_files_rotated_in_one_second_are_in_order_past_ten(disk: DiskSide) -> None:
    for number in range(15):
        disk.write(f"{number:99d}\n".encode())

    names = [path.name for path in disk.rotated()]
    assert names[0] == "app.log.20260101T120000Z"
    assert names[-1] == "app.log.20260101T120000Z.13"
    assert disk.content() == disk.source["web1"]


def test_order_is_kept_where_the_clock_is_set_back(disk: DiskSide) -> None:
    for step in (0, 3600, -7200, -7200, 10, 90_000):
        disk.now += step
        disk.write(line(100))
        disk.crash()

    assert disk.content() == disk.source["web1"]


def test_a_name_is_not_used_again_once_retention_has_taken_the_first() -> None:
    names = {"app.log.20260101T120000Z.3.gz", "app.log.20260101T120000Z.4", "b.20990101T000000Z"}

    assert next_rotated_name("app.log", NOON, names) == "app.log.20260101T120000Z.5"
    assert next_rotated_name("app.log", NOON + 1, names) == "app.log.20260101T120001Z"
    assert next_rotated_name("app.log", NOON - 99, names) == "app.log.20260101T120000Z.5"


@pytest.mark.parametrize(
    ("age", "first", "stays_until", "rotates_at"),
    [
        (DAY, NOON, NOON + DAY / 2 - 0.001, NOON + DAY / 2),
        (3600.0, NOON + 1800, NOON + 3599.9, NOON + 3600),
        (DAY, NOON - DAY / 2, NOON + DAY / 2 - 0.001, NOON + DAY / 2),
    ],
    ids=["a day at midnight", "an hour at the hour", "from the first instant of a day"],
)
def test_periods_are_of_utc(
    tmp_path: Path, age: float, first: float, stays_until: float, rotates_at: float
) -> None:
    disk = DiskSide(tmp_path / "out", rotation=Rotation(age=age), now=first)
    disk.write(b"first\n")
    disk.now = stays_until
    disk.write(b"same period\n")
    disk.crash()
    assert disk.rotated() == []
    disk.now = rotates_at
    disk.write(b"next period\n")

    (rotated,) = disk.rotated()
    assert rotated.read_bytes() == b"first\nsame period\n"
    assert disk.path().read_bytes() == b"next period\n"


def test_a_quiet_period_leaves_no_file(tmp_path: Path) -> None:
    disk = DiskSide(tmp_path / "out", rotation=Rotation(age=DAY))
    disk.write(b"a\n")
    disk.now += 30 * DAY
    disk.crash()
    assert disk.rotated() == []
    disk.write(b"b\n")
    disk.now += DAY
    disk.write(b"c\n")

    assert [path.read_bytes() for path in disk.rotated()] == [b"a\n", b"b\n"]


def test_a_file_made_empty_by_somebody_is_not_rotated(disk: DiskSide) -> None:
    disk.write(line(90))
    os.truncate(disk.path(), 0)
    disk.source["web1"] = b""
    disk.write(line(90))
    assert disk.rotated() == []

    os.truncate(disk.path(), 0)
    disk.committer.rotate_silent(disk.logs, ["web1/app.log"])
    assert disk.rotated() == []


# Every step between the decision to rotate and the commit, by what is called there.
STEPS: dict[str, tuple[type, str, bool]] = {
    "before the rename": (Archive, "rename", False),
    "after the rename": (Archive, "rename", True),
    "before the new file": (Archive, "inode", False),
    "after the new file": (Archive, "inode", True),
    "before the ledger knows": (Ledger, "adopt", False),
    "after the ledger knows": (Ledger, "adopt", True),
    "after the write": (Archive, "append", True),
    "after the sync": (Archive, "sync", True),
    "after the commit": (Ledger, "commit", True),
}


def crash_at(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, *, after: bool) -> None:
    method: Callable[..., object] = getattr(owner, name)

    def crashing(*arguments: object, **named: object) -> object:
        if after:
            method(*arguments, **named)
        raise CrashError

    monkeypatch.setattr(owner, name, crashing)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("times", [1, 2])
def test_a_crash_at_any_step(tmp_path: Path, step: str, times: int) -> None:
    disk = DiskSide(tmp_path / "out", rotation=HUNDRED)
    disk.write(line(60))
    one, two = disk.message(line(70)), disk.message(b"other\n", host="web2")
    crashes = 0
    for _ in range(times):
        with pytest.MonkeyPatch.context() as monkeypatch:
            crash_at(monkeypatch, *STEPS[step][:2], after=STEPS[step][2])
            try:
                disk.give(one, two)
            except CrashError:
                crashes += 1
        disk.crash()
    assert crashes >= 1, "that step was not passed"

    outcome = disk.give(one, two)
    disk.write(line(50))

    assert outcome.failure is None
    for host in ("web1", "web2"):
        assert disk.content(host) == disk.source[host]
    assert [path.stat().st_size for path in disk.rotated()] == [60, 70]


@pytest.mark.parametrize("step", [step for step in STEPS if "write" not in step])
def test_a_crash_while_a_silent_file_is_rotated(tmp_path: Path, step: str) -> None:
    disk = DiskSide(tmp_path / "out")
    disk.write(line(60))
    with pytest.MonkeyPatch.context() as monkeypatch:
        crash_at(monkeypatch, *STEPS[step][:2], after=STEPS[step][2])
        try:
            disk.committer.rotate_silent(disk.logs, ["web1/app.log"])
        except CrashError:
            pass
        else:
            assert "sync" in step or "commit" in step, "that step was not passed"
    disk.crash()
    disk.write(line(50))

    assert disk.content() == disk.source["web1"]
    assert [path.stat().st_size for path in disk.rotated()] in ([60], [])


async def test_a_running_receiver_rotates_by_its_own_limit_alone(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    out = tmp_path / "out"
    config = receiver_config(out, rotation=Rotation(size=500))
    for turn in (1, 2, 3):
        async with running(nats_server, config) as receiver:
            for part in range(5):
                await source.publish_lines(12)
                source.rotate()  # the shipper's own rotation is none of ours
                lines = 60 * turn + 12 * part - 48
                await until(lambda end=lines: receiver.status("").written_lines == end)  # type: ignore[misc]

    found = [(read_rotated(path.name), path) for path in (out / "web1").iterdir()]
    rotated = [path for _, path in sorted((name, path) for name, path in found if name)]
    paths = [*rotated, out / "web1/app.log"]
    assert len(paths) == len(found) > 3
    assert b"".join(path.read_bytes() for path in paths) == source.content
    assert all(0 < path.stat().st_size <= 500 for path in paths)
