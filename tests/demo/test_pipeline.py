"""The pipeline's promise, with rotation and with each program killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from natsconsole.demo.headless import spread_crashes
from natsconsole.demo.pipeline import PARTITIONS, SECOND, STREAM, DemoPipeline, DemoPlan
from natsconsole.demo.problems import DemoError
from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.log_stream import LogStream, create_log_stream
from shipper.connection import Connection, ConnectionOptions
from tests.support.waiting import until


async def make_stream(url: str) -> None:
    async with Connection(ConnectionOptions(servers=(url,))) as connection:
        spec = LogStream(
            name=STREAM, partitions=PARTITIONS, max_age_seconds=3600, max_bytes=64 << 20
        )
        await create_log_stream(JetStream(connection), spec)


def a_demo(directory: Path, reports: list[str] | None = None) -> DemoPipeline:
    plan = DemoPlan(hosts=4, rate=1500.0, rotate_bytes=8000, directory=directory)
    report = reports.append if reports is not None else lambda _: None
    return DemoPipeline(plan, prepare=make_stream, report=report)


def rotations(demo: DemoPipeline) -> int:
    return len(list(demo.directory.hosts.glob("*/*.log.*")))


def lines_received(demo: DemoPipeline) -> int:
    return sum(file.read_bytes().count(b"\n") for file in demo.directory.received.glob("*/*.log"))


async def test_rotated_logs_arrive_whole(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo:
        await until(lambda: rotations(demo) >= 6, within=60)
        await demo.stop_writers()
        backlog = await demo.wait_until_written(40)
        account = await demo.take_account()

    assert backlog.missing == ()
    assert account.is_clean, account.as_json()
    assert account.totals.lines > 1000


@pytest.mark.parametrize("name", ["shipper", "receiver"])
async def test_a_program_killed_by_others_costs_no_line(tmp_path: Path, name: str) -> None:
    reports: list[str] = []
    async with a_demo(tmp_path, reports) as demo:
        await until(lambda: lines_received(demo) > 300, within=60)
        killed = demo.pid_of(name)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await until(lambda: demo.pid_of(name) not in (None, killed), within=60)
        await demo.stop_writers()
        backlog = await demo.wait_until_written(40)
        account = await demo.take_account()

    assert backlog.missing == ()
    assert account.is_clean, account.as_json()
    assert len(reports) == 1
    assert reports[0].startswith(f"{name} ended (signal 9)")


async def test_lines_are_received_soon_after_the_start(tmp_path: Path) -> None:
    demo = a_demo(tmp_path)

    async def first_line() -> None:
        async with demo:
            await until(lambda: lines_received(demo) > 0, within=60)

    await first_line()


async def test_what_is_missing_is_named_when_nothing_moves(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo:
        await until(lambda: lines_received(demo) > 0, within=60)
        await demo.stop_writers()
        await demo.wait_until_written(40)
        os.truncate(demo.directory.received / "db-01" / "postgres.log", 0)
        backlog = await demo.wait_until_written(0.2)

    ((host, count),) = backlog.missing
    assert host == "db-01"
    assert str(backlog) == f"db-01 lacks {count:,} bytes"


async def test_a_second_receiver_shares_the_work_and_the_first_stays_down(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo:
        await demo.stop_second_receiver()
        await demo.start_second_receiver()
        second = demo.pid_of(SECOND)
        await demo.start_second_receiver()
        assert demo.pid_of(SECOND) == second is not None
        await demo.kill_receiver()
        await until(lambda: demo.pid_of("receiver") is None, within=60)
        await until(lambda: lines_received(demo) > 0, within=60)
        assert demo.pid_of("receiver") is None
        await demo.revive_receiver()
        assert demo.pid_of("receiver") is not None
        await demo.stop_second_receiver()
        assert demo.pid_of(SECOND) is None


async def test_a_demo_that_cannot_begin_leaves_no_process(tmp_path: Path) -> None:
    async def refuse(_: str) -> None:
        raise DemoError("no stream today")

    demo = DemoPipeline(DemoPlan(directory=tmp_path), prepare=refuse)
    with pytest.raises(DemoError, match="no stream today"):
        await demo.__aenter__()

    assert demo.pid_of("server") is None
    assert demo.pid_of("fleet") is None


def test_crashes_are_spread_over_the_run_and_the_same_again() -> None:
    times = spread_crashes(4, 20.0, seed=5)

    assert times == spread_crashes(4, 20.0, seed=5)
    assert times == tuple(sorted(times))
    assert all(1.5 < moment < 20 for moment in times)
    assert [int((moment - 1.5) // (18.5 / 4)) for moment in times] == [0, 1, 2, 3]
