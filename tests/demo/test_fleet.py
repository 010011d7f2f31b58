"""The fleet as a real process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from pathlib import Path

import pytest

from natsconsole.demo.fleet import Stamps
from natsconsole.demo.host_log import log_files
from shipper.lifeline import Lifeline
from tests.support.waiting import until


async def start_fleet(
    directory: Path, lifeline: Lifeline | None = None, **options: object
) -> Process:
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "natsconsole.demo.fleet", "--dir", str(directory), *words),
        env=os.environ | (lifeline.environment() if lifeline is not None else {}),
        pass_fds=lifeline.pass_fds if lifeline is not None else (),
    )


async def end(fleet: Process, number: signal.Signals = signal.SIGTERM) -> int:
    fleet.send_signal(number)
    async with asyncio.timeout(30):
        return await fleet.wait()


def logs_below(directory: Path) -> list[Path]:
    return sorted(directory.glob("*/*.log"))


def written(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for log in logs_below(directory) for file in log_files(log))


async def test_it_writes_every_hosts_log_in_whole_lines_and_ends_on_sigterm(tmp_path: Path) -> None:
    fleet = await start_fleet(tmp_path, hosts=7, rate=2000)
    await until(lambda: len(written(tmp_path)) > 20_000)

    assert await end(fleet) == 0

    assert [str(log.relative_to(tmp_path)) for log in logs_below(tmp_path)] == [
        "api-01/api.log",
        "auth-01/auth.log",
        "cache-01/redis.log",
        "db-01/postgres.log",
        "queue-01/queue.log",
        "web-01/access.log",
        "web-02/access.log",
    ]
    assert all(log.read_bytes().endswith(b"\n") for log in logs_below(tmp_path))


async def test_the_whole_fleet_writes_the_rate_asked_for(tmp_path: Path) -> None:
    fleet = await start_fleet(tmp_path, hosts=12, rate=1000)

    def lines_by_second() -> Counter[bytes]:
        return Counter(line[:8] for line in written(tmp_path).splitlines())

    await asyncio.sleep(2.0)
    await until(lambda: len(lines_by_second()) > 3)
    await end(fleet)

    # By the lines' own times: the first and the last second are not whole ones.
    assert max(lines_by_second().values()) == pytest.approx(1000, rel=0.1)


async def test_logs_rotate_between_lines(tmp_path: Path) -> None:
    fleet = await start_fleet(tmp_path, hosts=2, rate=3000, rotate_bytes=4000)
    log = tmp_path / "web-01" / "access.log"
    await until(lambda: log.exists() and len(log_files(log)) > 2, within=30)
    await end(fleet)

    sizes = [file.stat().st_size for file in log_files(log)]
    assert all(size >= 4000 for size in sizes[:-1])
    assert all(file.read_bytes().endswith(b"\n") for file in log_files(log)[:-1])


async def test_a_second_run_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    for run in (1, 2):
        before = written(tmp_path)
        fleet = await start_fleet(tmp_path, hosts=1, rate=500, seed=run)
        await until(lambda before=before: len(written(tmp_path)) > len(before))  # type: ignore[misc]
        await end(fleet)
        assert written(tmp_path).startswith(before)


async def test_it_ends_with_its_lifeline(tmp_path: Path) -> None:
    lifeline = Lifeline()
    fleet = await start_fleet(tmp_path, lifeline, hosts=3, rate=300)
    await until(lambda: written(tmp_path))

    lifeline.close()

    async with asyncio.timeout(30):
        assert await fleet.wait() == 0
    assert written(tmp_path).endswith(b"\n")


def test_stamps_are_times_of_day_with_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    stamps = Stamps()

    assert [stamps.at(now) for now in (1_700_000_000.0, 1_700_000_000.0625, 1_700_000_001.5)] == [
        "22:13:20.000",
        "22:13:20.062",
        "22:13:21.500",
    ]
    monkeypatch.undo()
    time.tzset()
