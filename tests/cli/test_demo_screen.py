"""The demo as its user sees it: on a real terminal, with real keys."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.processes import processes_with
from tests.support.terminal import Terminal

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "demo"


@pytest.fixture
async def terminal(directory: Path) -> AsyncIterator[Terminal]:
    async with Terminal("natsconsole", "demo", "--dir", str(directory)) as opened:
        yield opened


def number_behind(terminal: Terminal, word: str) -> int:
    found = re.search(rf"{word}\s+([\d,]+)", terminal.text)
    return int(found[1].replace(",", "")) if found else -1


def flowing(terminal: Terminal) -> Callable[[], bool]:
    words = ("HOSTS 12", "● receiver-1 running", "policy [explicit]")
    return lambda: terminal.shows(*words) and terminal.text.count("✓") > 20


async def test_every_key_does_what_it_says(terminal: Terminal, directory: Path) -> None:
    await terminal.until(flowing(terminal), within=60, why="hosts and lines are shown")

    terminal.press("a")
    await terminal.until(lambda: terminal.shows("policy [all]"), within=30)
    terminal.press("r")
    await terminal.until(lambda: terminal.shows("answer [nak]"), within=30)
    terminal.press("r")
    await terminal.until(lambda: terminal.shows("answer [withhold]"), within=30)
    await terminal.until(
        lambda: number_behind(terminal, "unacked") > 100, within=30, why="unacked climbs"
    )
    await terminal.until(
        lambda: number_behind(terminal, "redelivered") > 0, within=30, why="ack wait passes"
    )
    terminal.press("r")
    await terminal.until(lambda: terminal.shows("answer [ack]"), within=30)
    await terminal.until(
        lambda: (
            number_behind(terminal, "unacked") < 50 and number_behind(terminal, "redelivered") == 0
        ),
        within=30,
        why="both fall",
    )

    terminal.press("d")
    await terminal.until(lambda: terminal.shows("◐ held", "disk full"), within=30)
    terminal.press("d")
    await terminal.until(lambda: not terminal.shows("◐"), within=30, why="it goes on by itself")

    (before,) = processes_with(str(directory), "receive")
    terminal.press("x")
    await terminal.until(
        lambda: processes_with(str(directory), "receive") not in ([], [before]),
        within=30,
        why="the receiver is started again",
    )
    await terminal.until(
        lambda: terminal.shows("● receiver-1 running", "lost 0", "doubled 0"), within=30
    )

    terminal.press("q")
    assert await terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.raw[-400:], "the terminal is as it was"
    assert processes_with(str(directory)) == []


@pytest.mark.parametrize("how", ["hang-up", "SIGTERM"])
async def test_nothing_is_left_behind(terminal: Terminal, directory: Path, how: str) -> None:
    await terminal.until(flowing(terminal), within=60)
    assert processes_with(str(directory))
    if how == "hang-up":
        terminal.hang_up()
    else:
        os.kill(terminal.pid, signal.SIGTERM)
    await terminal.end()

    await terminal.until(lambda: processes_with(str(directory)) == [], within=60)
