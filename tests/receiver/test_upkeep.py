"""Upkeep on real files: what is due is deleted and compressed, what fails is said once."""

from __future__ import annotations

import fcntl
import gzip
import logging
import os
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from natsconsole.receiver.retention import Limits
from natsconsole.receiver.upkeep import Upkeep, UpkeepConfig
from tests.support.waiting import until

DAY = 86_400.0
NOW = time.time()


def stamped(age: float, log: str = "app.log") -> str:
    return time.strftime(f"{log}.%Y%m%dT%H%M%SZ", time.gmtime(NOW - age))


class Collector:
    """An archive, and upkeep of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / ".natsconsole"
        self.state.mkdir(parents=True)
        self.silent: list[str] = []

    def put(self, host: str, name: str, data: bytes = b"line\n", *, age: float = 0) -> Path:
        path = self.directory / host / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (NOW - age, NOW - age))
        return path

    def files(self) -> list[str]:
        found = self.directory.glob("[!.]*/*")
        return sorted(str(path.relative_to(self.directory)) for path in found)

    def upkeep(
        self,
        *,
        limits: Limits | None = None,
        compress_level: int | None = None,
        room: int = 0,
        interval: float = 60.0,
        settle: float = 0.0,
    ) -> Upkeep:
        config = UpkeepConfig(
            limits=limits or Limits(),
            compress_level=compress_level,
            room=room,
            interval=interval,
            settle=settle,
        )

        def on_silent(paths: Sequence[str]) -> None:
            self.silent = list(paths)

        return Upkeep(
            self.directory,
            config,
            state_directory=self.state,
            on_silent=on_silent,
        )


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    return Collector(tmp_path / "archive")


def test_one_sweep_deletes_compresses_and_names_the_silent(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    old, young = stamped(40 * DAY), stamped(2 * DAY)
    collector.put("web1", old, age=40 * DAY)
    collector.put("web1", young, b"young\n" * 1000, age=2 * DAY)
    collector.put("web1", f".{young}.gz.part", b"left over")
    collector.put("web1", "app.log")
    collector.put("web2", "app.log", age=31 * DAY)
    upkeep = collector.upkeep(limits=Limits(keep_age=30 * DAY), compress_level=6)

    upkeep.sweep()

    assert collector.files() == ["web1/app.log", f"web1/{young}.gz", "web2/app.log"]
    assert collector.silent == ["web2/app.log"]
    packed = collector.directory / "web1" / f"{young}.gz"
    assert gzip.decompress(packed.read_bytes()) == b"young\n" * 1000
    last = upkeep.last
    assert (last.files, last.bytes) == (4, 6015)
    assert (last.deleted, last.deleted_bytes, last.compressed) == (1, 5, 1)
    assert last.compressed_bytes == 6000
    assert last.saved_bytes == 6000 - packed.stat().st_size
    assert (last.errors, last.last_error, last.is_sweeper) == (0, "", True)
    assert last.swept == pytest.approx(time.time(), abs=60)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"deleted host=web1 file={old} bytes=5: last written 40 d ago, kept 30 d"

    upkeep.sweep()
    assert upkeep.last.deleted == upkeep.last.compressed == 1


def test_a_restored_directory_with_hostile_names_is_logged_safely(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    collector.put("web\x1b[31m1\n", stamped(40 * DAY), age=40 * DAY)
    collector.upkeep(limits=Limits(keep_age=DAY)).sweep()

    (line,) = [record.getMessage() for record in caplog.records]
    assert "host=web␛[31m1␊ " in line


def test_of_two_receivers_one_sweeps_and_both_hear_of_the_silent(collector: Collector) -> None:
    old = collector.put("web1", stamped(40 * DAY), age=40 * DAY)
    collector.put("web2", "app.log", age=31 * DAY)
    with (collector.state / "sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        upkeep = collector.upkeep(limits=Limits(keep_age=30 * DAY), compress_level=6)
        upkeep.sweep()

        assert old.exists()
        assert not upkeep.last.is_sweeper
        assert upkeep.last.files == 2
        assert collector.silent == ["web2/app.log"]

    upkeep.sweep()
    assert not old.exists()


def test_what_is_just_rotated_is_left_alone(collector: Collector) -> None:
    fresh = collector.put("web1", stamped(40 * DAY), age=40 * DAY)
    limits = Limits(keep_age=DAY, keep_bytes=1)
    collector.upkeep(limits=limits, compress_level=6, settle=30).sweep()
    assert fresh.exists()

    collector.upkeep(limits=limits, compress_level=6).sweep()
    assert not fresh.exists()


def test_trouble_with_one_file_is_said_once_and_the_rest_is_done(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    name = stamped(2 * DAY)
    clash = collector.put("web1", name, age=2 * DAY)
    collector.put("web1", f"{name}.gz", gzip.compress(b"other\n"), age=2 * DAY)
    collector.put("web2", name, age=2 * DAY)
    upkeep = collector.upkeep(compress_level=6)

    upkeep.sweep()
    upkeep.sweep()

    assert collector.files() == [f"web1/{name}", f"web1/{name}.gz", f"web2/{name}.gz"]
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == f"web1/{name}: {name}.gz holds other lines: move one of the two away"
    assert upkeep.last.errors == 2
    assert upkeep.last.last_error == said
    assert upkeep.last.problems == (said,)

    clash.unlink()
    upkeep.sweep()
    assert not upkeep.last.problems
    collector.put("web1", name, age=2 * DAY)
    upkeep.sweep()
    assert len(caplog.records) == 2


def test_active_files_above_the_limit_are_an_error_that_names_the_mend(
    collector: Collector,
) -> None:
    collector.put("web1", "app.log", b"x" * 1000)
    upkeep = collector.upkeep(limits=Limits(keep_bytes=900))
    upkeep.sweep()

    assert "100 bytes above --keep-bytes" in upkeep.last.last_error
    assert "--rotate-size" in upkeep.last.last_error


def test_little_room_leaves_everything_and_is_said_once(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    for host in ("web1", "web2"):
        collector.put(host, stamped(DAY), age=DAY)
    before = collector.files()
    upkeep = collector.upkeep(compress_level=6, room=1 << 60)
    upkeep.sweep()
    upkeep.sweep()

    assert collector.files() == before
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == "rotated files stay uncompressed: No space left on device"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = ["/usr/bin/env", "mount", "-t", "tmpfs", "-o", "size=4m", "none", str(directory)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk takes root on Linux")
    yield directory
    subprocess.run(["/usr/bin/env", "umount", str(directory)], check=True)


def test_a_disk_that_fills_while_compressing(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collector = Collector(small_disk / "archive")
    noise = random.Random(3).randbytes(3 << 20)
    path = collector.put("web1", stamped(DAY), noise, age=DAY)
    upkeep = collector.upkeep(compress_level=6, room=-1 << 40)
    upkeep.sweep()
    upkeep.sweep()

    assert collector.files() == [f"web1/{path.name}"]
    assert path.read_bytes() == noise
    assert not list(path.parent.glob(".*"))
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == "rotated files stay uncompressed: No space left on device"


async def test_it_runs_by_itself_and_lives_through_a_lost_directory(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    upkeep = collector.upkeep(limits=Limits(keep_age=DAY), interval=0.01)
    upkeep.start()
    try:
        for host in ("web1", "web2"):
            old = collector.put(host, stamped(40 * DAY), age=40 * DAY)
            await until(lambda old=old: not old.exists())  # type: ignore[misc]
        collector.directory.rename(collector.directory.with_name("away"))
        await until(lambda: upkeep.last.errors > 2)
        collector.directory.with_name("away").rename(collector.directory)
        old = collector.put("web3", stamped(40 * DAY), age=40 * DAY)
        await until(lambda: not old.exists() and not upkeep.last.problems)
    finally:
        upkeep.stop()

    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    assert not upkeep.last.problems
    assert "No such file or directory" in upkeep.last.last_error


async def test_stopping_does_not_wait_for_a_large_file(collector: Collector) -> None:
    path = collector.put("web1", stamped(DAY), random.Random(1).randbytes(1 << 20) * 200, age=DAY)
    before = path.stat()
    upkeep = collector.upkeep(compress_level=9)
    upkeep.start()
    await until(lambda: list(path.parent.glob(".*.part")), why="compression has begun")

    upkeep.stop()

    assert path.stat().st_size == before.st_size
    await until(lambda: collector.files() == [f"web1/{path.name}"])
    assert not list(path.parent.glob(".*"))
    assert upkeep.last.compressed == 0
