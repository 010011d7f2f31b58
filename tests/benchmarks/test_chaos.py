"""The promise, tried: random faults everywhere, and in the end every byte compared."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos.estate import FAULT_GROUPS
from tests.support.processes import processes_with
from tests.support.programs import Program
from tests.support.waiting import until

EVERY_KIND = {kind for kinds in FAULT_GROUPS.values() for kind in kinds}


@pytest.mark.early
@pytest.mark.timeout(240)
async def test_every_byte_arrives_through_every_kind_of_fault() -> None:
    result = await run_chaos("--minutes", "0.8", "--seed", "22", within=220)

    assert_identical(result)
    assert set(result["counts"]) == EVERY_KIND
    assert result["totals"]["lines"] > 10_000


@pytest.mark.early
@pytest.mark.timeout(200)
async def test_nothing_acknowledged_is_lost_when_the_leader_of_a_cluster_is_killed() -> None:
    """A shipper never sends again what a PubAck has named, so a lost one would be missing."""
    result = await run_chaos(
        "--cluster", "--faults", "kill", "--minutes", "0.35", "--seed", "4", within=180
    )

    assert_identical(result)
    leaders = [fault for fault in result["faults"] if fault["component"] == "servers"]
    assert len(leaders) >= 4
    assert all("which leads the stream, killed with -9" in fault["what"] for fault in leaders)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("where", [(), ("--cluster",)], ids=["one server", "cluster"])
async def test_ten_minutes(where: tuple[str, ...]) -> None:
    result = await run_chaos(*where, "--minutes", "10", "--seed", "1", within=840)

    assert_identical(result)
    assert set(result["counts"]) == EVERY_KIND


async def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    chaos = Program("benchmarks.chaos", "--minutes", "1", env={"TMPDIR": str(tmp_path)})
    async with chaos:
        # watchdog and server, fleet, two shippers, two receivers
        await until(lambda: len(processes_with(str(tmp_path))) >= 7, within=60)
        code, _, errors = await chaos.terminate(within=90)

    assert code == 1
    assert "Traceback" not in errors
    assert processes_with(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - nobody waits


async def test_a_killed_run_leaves_no_process_behind(tmp_path: Path) -> None:
    chaos = Program("benchmarks.chaos", "--minutes", "1", env={"TMPDIR": str(tmp_path)})
    async with chaos:
        await until(lambda: len(processes_with(str(tmp_path))) >= 7, within=60)
        await chaos.kill()

        await until(lambda: processes_with(str(tmp_path)) == [], within=60)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--faults", "kill,earthquake"], "earthquake: name some of kill", id="fault"),
        pytest.param(["--faults", ","], "name some of kill", id="no fault"),
        pytest.param(["--minutes", "0"], "--minutes", id="no time"),
    ],
)
async def test_bad_input_is_one_line(arguments: list[str], words: str) -> None:
    async with Program("benchmarks.chaos", *arguments) as chaos:
        code, _, errors = await chaos.finish()

    assert code == 2
    assert words in errors
    assert "Traceback" not in errors


async def run_chaos(*arguments: str, within: float) -> dict[str, Any]:
    """Run it and return what it found; its story is in the failure report."""
    async with Program("benchmarks.chaos", "--json", *arguments) as chaos:
        code, out, story = await chaos.finish(within=within)
    await asyncio.to_thread(print, story)
    assert out, f"exit code {code}"
    result: dict[str, Any] = json.loads(out)
    assert code == (0 if result["totals"]["identical"] == result["totals"]["hosts"] else 1)
    return result


def assert_identical(result: dict[str, Any]) -> None:
    totals = result["totals"]
    damage = {name: totals[name] for name in ("lost", "doubled", "out_of_order", "foreign")}
    assert damage == {"lost": 0, "doubled": 0, "out_of_order": 0, "foreign": 0}, result["hosts"]
    assert result["missing"] == {}
    assert totals["identical"] == totals["hosts"] == 12
    assert result["tracebacks"] == {}
