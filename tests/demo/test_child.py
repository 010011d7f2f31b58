"""A child runs until it is stopped, whatever it or others do."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from natsconsole.demo.child import Child, ChildPlan
from shipper.lifeline import Lifeline
from tests.support.processes import is_running
from tests.support.waiting import until

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


class Nursery:
    """Starts children for one test."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "child.log"
        self.lifeline = Lifeline()
        self.reports: list[str] = []
        self.children: list[Child] = []

    async def start(self, program: str) -> Child:
        plan = ChildPlan(
            name="child",
            command=lambda: [sys.executable, "-c", program],
            log=self.log,
            lifeline=self.lifeline,
        )
        child = Child(plan, report=self.reports.append)
        self.children.append(child)
        await child.start()
        return child

    async def started(self, times: int = 1) -> None:
        await until(lambda: self.log.read_text().count("up\n") == times)


@pytest_asyncio.fixture
async def nursery(tmp_path: Path) -> AsyncIterator[Nursery]:
    nursery = Nursery(tmp_path)
    yield nursery
    for child in nursery.children:
        await child.stop(0)
    nursery.lifeline.close()


async def test_a_crash_is_a_sigkill_and_a_restart_at_once(nursery: Nursery) -> None:
    child = await nursery.start(SLEEPER)
    await nursery.started()
    before = child.pid

    await child.crash()

    assert child.restarts == 1
    assert before is not None
    assert not is_running(before)
    assert child.pid not in (None, before)
    assert nursery.reports == []
    await nursery.started(times=2)


async def test_a_killed_child_stays_down_until_it_is_revived(nursery: Nursery) -> None:
    child = await nursery.start(SLEEPER)
    await nursery.started()

    child.kill()
    await until(lambda: child.has_ended)
    child.kill()
    assert child.restarts == 0
    await child.revive()

    await nursery.started(times=2)
    assert child.restarts == 1
    assert nursery.reports == []
    await child.revive()
    assert child.restarts == 1


async def test_a_child_that_is_down_can_be_stopped(nursery: Nursery) -> None:
    child = await nursery.start(SLEEPER)
    await nursery.started()
    child.kill()

    await child.stop(within=5)

    assert child.has_ended
    assert child.restarts == 0


async def test_crashes_in_a_row_are_each_counted(nursery: Nursery) -> None:
    child = await nursery.start(SLEEPER)

    for _ in range(5):
        await child.crash()

    assert child.restarts == 5


async def test_a_child_killed_by_others_is_started_again_and_reported(nursery: Nursery) -> None:
    child = await nursery.start(SLEEPER)
    await nursery.started()
    assert child.pid is not None

    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: child.restarts == 1)

    assert nursery.reports == ["child ended (signal 9) and is started again: up"]


async def test_stopped_it_is_not_started_again(nursery: Nursery) -> None:
    child = await nursery.start(SLEEPER)

    await child.stop(5)
    await child.stop(5)

    assert child.has_ended
    assert child.restarts == 0


async def test_one_that_will_not_end_is_killed(nursery: Nursery) -> None:
    child = await nursery.start(STUBBORN)
    await nursery.started()

    await child.stop(0.1)

    assert child.has_ended


async def test_stopping_does_not_wait_for_a_restart(nursery: Nursery) -> None:
    child = await nursery.start("import sys; print('2026-11-24 10:00:00 ERROR no'); sys.exit(7)")
    await until(lambda: nursery.reports)

    await child.stop(5)

    assert nursery.reports == ["child ended (exit code 7) and is started again: no"]
    assert child.restarts == 0


async def test_settings_for_other_servers_do_not_reach_it(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_CREDS", "/secret")
    monkeypatch.setenv("SHIPPER_FILE", "/other")

    await nursery.start(
        "import os; print(*sorted(n for n in os.environ if n.startswith(('NATS', 'SHIPPER'))))\n"
        + SLEEPER
    )
    await nursery.started()

    assert nursery.log.read_text().splitlines()[0] == "NATSCONSOLE_LIFELINE"
