"""The one thread in which all disk work is done, so that neither loop nor screen waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from natsconsole.receiver.batch import Batch, Outcome
from natsconsole.receiver.committer import Committer

T = TypeVar("T")


class _Commit(NamedTuple):
    batch: Batch
    done: asyncio.Future[Outcome]


class _Call(NamedTuple):
    function: Callable[[], Any]
    done: asyncio.Future[Any]


class DiskThread:
    """Runs commits and other disk work in order; batches that wait are committed together."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._work: queue.SimpleQueue[_Commit | _Call | None] = queue.SimpleQueue()
        self._gathered: list[_Commit] = []
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        self._thread.start()

    async def commit(self, batch: Batch) -> Outcome:
        """Write, sync and record a batch."""
        done: asyncio.Future[Outcome] = self._loop.create_future()
        self._gathered.append(_Commit(batch, done))
        if len(self._gathered) == 1:
            # Those whose last commit has just ended come one after the other: they share the next.
            self._loop.call_soon(self._hand_over)
        return await done

    async def call(self, function: Callable[[], T]) -> T:
        """Run a function in the disk thread, between two commits."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._hand_over()
        self._work.put(_Call(function, done))
        return await done

    async def close(self) -> None:
        """Finish what was asked for, then end the thread."""
        self._hand_over()
        self._work.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        for item in self._gathered:
            self._work.put(item)
        self._gathered.clear()

    def _run(self) -> None:
        while True:
            commits: list[_Commit] = []
            for item in self._all_that_wait():
                if isinstance(item, _Commit):
                    if any(item.batch.logs is other.batch.logs for other in commits):
                        self._answer_commits(commits)
                        commits = []
                    commits.append(item)
                    continue
                self._answer_commits(commits)
                commits = []
                if item is None:
                    return
                self._answer_call(item)
            self._answer_commits(commits)

    def _all_that_wait(self) -> list[_Commit | _Call | None]:
        items = [self._work.get()]
        with contextlib.suppress(queue.Empty):
            while True:
                items.append(self._work.get_nowait())
        return items

    def _answer_commits(self, commits: list[_Commit]) -> None:
        if not commits:
            return
        try:
            results: list[Any] = list(self._committer.commit([item.batch for item in commits]))
        except Exception as error:  # noqa: BLE001 - a defect must reach whoever waits
            results = [error] * len(commits)
        self._loop.call_soon_threadsafe(_settle, [item.done for item in commits], results)

    def _answer_call(self, call: _Call) -> None:
        try:
            result = call.function()
        except Exception as error:  # noqa: BLE001 - raised again where it was called
            result = error
        self._loop.call_soon_threadsafe(_settle, [call.done], [result])


def _settle(futures: list[asyncio.Future[Any]], results: list[Any]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
