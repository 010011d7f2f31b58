"""A child ends with its parent, whatever ended the parent."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shipper.lifeline import LIFELINE_VARIABLE, Lifeline, watch_lifeline

CHILD = """
import asyncio
from shipper.lifeline import watch_lifeline

async def main():
    gone = asyncio.Event()
    watch_lifeline(gone.set)
    print("watching", flush=True)
    await gone.wait()
    print("gone", flush=True)

asyncio.run(main())
"""

PARENT = f"""
import subprocess, sys, time
from shipper.lifeline import Lifeline

line = Lifeline()
for _ in range(2):
    subprocess.Popen(
        [sys.executable, "-c", {CHILD!r}],
        env=line.environment() | {{"PYTHONPATH": {str(Path.cwd())!r}}},
        pass_fds=line.pass_fds,
    )
time.sleep(60)
"""


async def test_children_notice_that_the_parent_was_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(50):
        assert await parent.stdout.readline() == b"watching\n"
        assert await parent.stdout.readline() == b"watching\n"
        parent.kill()
        # The output ends only once both children are gone, too.
        assert await parent.stdout.read() == b"gone\ngone\n"
        await parent.wait()


async def test_closing_is_noticed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Lifeline()
    (number,) = line.pass_fds
    monkeypatch.setenv(LIFELINE_VARIABLE, str(os.dup(number)))
    gone = asyncio.Event()
    calls = []

    def called() -> None:
        calls.append(1)
        gone.set()

    watch_lifeline(called)
    assert LIFELINE_VARIABLE not in os.environ
    assert not gone.is_set()
    line.close()
    line.close()
    async with asyncio.timeout(30):
        await gone.wait()
    await asyncio.sleep(0)
    assert calls == [1]


async def test_no_end_of_the_pipe_is_inherited_unasked() -> None:
    line = Lifeline()
    (number,) = line.pass_fds
    assert line.environment() == {LIFELINE_VARIABLE: str(number)}
    assert not os.get_inheritable(number)
    assert not os.get_inheritable(line._write)
    line.close()


@pytest.mark.parametrize("value", [None, "", "x", "-1", "9999", "99999999999999999999", "²"])
async def test_without_a_usable_pipe_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv(LIFELINE_VARIABLE, value)
    watch_lifeline(pytest.fail)
    await asyncio.sleep(0)


async def test_a_file_is_no_lifeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        monkeypatch.setenv(LIFELINE_VARIABLE, str(file.fileno()))
        watch_lifeline(pytest.fail)
        await asyncio.sleep(0)
