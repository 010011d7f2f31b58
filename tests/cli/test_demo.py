"""``natsconsole demo`` as people and scripts run it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import is_running, processes_with
from tests.support.terminal import Terminal
from tests.support.waiting import until

DEMO = (sys.executable, "-m", "natsconsole", "demo")


async def run(*arguments: str, **options: Any) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *DEMO, *arguments, stdout=PIPE, stderr=PIPE, stdin=asyncio.subprocess.DEVNULL, **options
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def start(*arguments: str, temporary: Path, **options: Any) -> Process:
    """Start a demo whose temporary directory lies below ``temporary``."""
    return await asyncio.create_subprocess_exec(
        *DEMO, *arguments, env=os.environ | {"TMPDIR": str(temporary)}, **options
    )


async def children_of(root: Path) -> list[int]:
    """Wait until watchdog, server, fleet, shipper and receiver run."""
    await until(lambda: len(processes_with(str(root))) >= 5, within=60)
    return processes_with(str(root))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], "draws on one; use --headless SECONDS", id="no terminal"),
        pytest.param(["--crashes", "2"], "--crashes needs --headless", id="crashes"),
        pytest.param(["--json"], "--json needs --headless", id="json"),
        pytest.param(["--hosts", "0"], "--hosts", id="no hosts"),
        pytest.param(["--hosts", "1001"], "--hosts", id="too many hosts"),
        pytest.param(["--rate", "0"], "--rate", id="no rate"),
        pytest.param(["--rate", "nan"], "--rate", id="no number"),
        pytest.param(["--headless", "inf"], "--headless", id="endless"),
        pytest.param(["--headless", "1", "--dir", "/dev/null/x"], "cannot write in", id="dir"),
    ],
)
async def test_what_cannot_be_done_is_said_in_one_line(arguments: list[str], words: str) -> None:
    code, out, err = await run(*arguments)

    assert code == 2
    assert out == ""
    assert words in err.splitlines()[-1]
    assert "Traceback" not in err


async def test_a_terminal_too_small_is_said_in_one_line() -> None:
    async with Terminal("natsconsole", "demo", columns=59, rows=15) as terminal:
        code = await terminal.end()

    assert code == 2
    assert b"59x15" in terminal.raw


@pytest.mark.timeout(180)
async def test_every_file_is_its_source_byte_for_byte() -> None:
    began = time.monotonic()
    code, out, err = await run("--headless", "4", "--hosts", "6", "--rate", "500", "--json")

    account = json.loads(out)
    assert [code, err] == [0, ""], account
    assert account["totals"]["hosts"] == account["totals"]["identical"] == 6
    # The fleet writes from before the server is ready, and leaves out what it is seconds late with.
    assert 500 < account["totals"]["lines"] <= 500 * (time.monotonic() - began)
    assert {row["host"] for row in account["hosts"]} == {
        f"{role}-01" for role in ("web", "db", "cache", "queue", "api", "auth")
    }
    for row in account["hosts"]:
        assert [row["lost"], row["doubled"], row["out_of_order"]] == [0, 0, 0]


@pytest.mark.timeout(180)
async def test_also_when_the_receiver_is_killed_twice() -> None:
    code, out, err = await run(
        *("--headless", "5", "--hosts", "6", "--rate", "500", "--crashes", "2", "--json")
    )

    account = json.loads(out)
    assert [code, err] == [0, ""], account
    assert account["totals"]["receiver_restarts"] == 2
    assert account["totals"]["identical"] == 6


@pytest.mark.timeout(180)
async def test_a_named_directory_is_kept_and_a_second_run_goes_on(tmp_path: Path) -> None:
    arguments = ("--headless", "2", "--hosts", "3", "--dir", str(tmp_path / "kept"))

    first = await run(*arguments)
    second = await run(*arguments)

    assert [first[0], second[0]] == [0, 0], (first, second)
    assert "byte for byte" in first[1]
    assert len(list((tmp_path / "kept" / "received").glob("*/*.log"))) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_leaves_no_process_and_no_directory(
    tmp_path: Path, number: signal.Signals
) -> None:
    demo = await start("--headless", "180", temporary=tmp_path)
    children = await children_of(tmp_path)

    demo.send_signal(number)

    assert await demo.wait() == 0
    assert [pid for pid in children if is_running(pid)] == []
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
@pytest.mark.timeout(180)
async def test_killed_it_leaves_nothing_either(tmp_path: Path) -> None:
    demo = await start("--headless", "180", temporary=tmp_path)
    children = await children_of(tmp_path)

    demo.kill()
    await demo.wait()

    await until(lambda: not any(map(is_running, children)), within=60)
    await until(lambda: not list(tmp_path.glob("*")), within=60)
