"""All logs of this shipper: finds them, reads them in fair turns and keeps the checkpoint.

Everything here waits on disks, so it runs in one thread of its own and the event loop never does.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from shipper.batches import MAX_BATCH, SMALLEST_BATCH, Batch
from shipper.checkpoint import Checkpoint, LogRecord
from shipper.claims import Claims
from shipper.discovery import (
    LogPlace,
    NotALogError,
    Pattern,
    find_logs,
    host_of,
    name_of,
    open_log,
    shown,
)
from shipper.problems import Problems
from shipper.source_log import Reading, SourceLog
from shipper.wire import BadHostError

BYTES_IN_HAND = 16 << 20
"""Bytes read and not acknowledged, over all logs."""
BATCHES_AHEAD = 8
"""Batches of one log recorded in advance, so that a busy log does not wait for each sync."""
POLL_SECONDS = (0.05, 0.5)
"""How often files are looked at, at best and at worst."""
SCAN_SECONDS = (1.0, 10.0)
"""How often new files are looked for."""
_POLL_SHARE = 8
_SCAN_SHARE = 20
"""What takes long is done again that many times its duration later, within those bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What to follow, and how."""

    patterns: tuple[Pattern, ...]
    host: str
    """A name, or a template with ``{dir}``."""
    from_end: bool = False
    reading: Reading = field(default_factory=Reading)


@dataclass(slots=True, kw_only=True)
class News:
    """What happened to batches since the last turn."""

    acked: list[tuple[SourceLog, Batch]] = field(default_factory=list)
    too_large: set[SourceLog] = field(default_factory=set)
    hungry: set[SourceLog] = field(default_factory=set)
    """Logs with little in hand: they are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """What a turn brought: batches to publish, recorded in the checkpoint."""

    batches: tuple[tuple[SourceLog, Batch], ...]
    next_turn: float
    """When there is something to do again, by the monotonic clock."""
    is_drained: bool
    """With ``once``: all that was there is read, acknowledged and recorded so."""


class Reader:
    """Reads all logs. Used from one thread at a time.

    Raises:
        CheckpointError: the state cannot be read.
    """

    def __init__(
        self,
        following: Following,
        checkpoint: Checkpoint,
        problems: Problems,
        limit: Callable[[], int],
    ) -> None:
        self.failures = 0
        """How many paths could not be followed."""
        self._following = following
        self._checkpoint = checkpoint
        self._problems = problems
        self._limit = limit
        self._limits: dict[SourceLog, int] = {}
        self._records = checkpoint.load()
        self._names = {(self._host_or_none(p), r.name): p for p, r in self._records.items()}
        self._claims = Claims()
        self._logs: dict[Path, SourceLog] = {}
        self._scans = 0
        self._turns = 0
        self._bytes = 0
        self._scan_at = self._poll_at = 0.0
        self._lingering: dict[SourceLog, float] = {}
        self._unrecorded: list[tuple[SourceLog, Batch]] = []
        self._is_unsaved = False

    @property
    def log_count(self) -> int:
        """How many logs are followed."""
        return len(self._logs)

    def turn(self, news: News) -> Harvest:
        """Take the news, read what is due, record it, and return what is to be published."""
        self._take(news)
        now = time.monotonic()
        if now >= self._scan_at:
            self._scan()
            self._scan_at = now + _pause(SCAN_SECONDS, _SCAN_SHARE * (time.monotonic() - now))
        visited = self._due(news, now)
        begun = time.monotonic()
        self._gather(visited, now)
        if len(visited) == len(self._logs):
            self._poll_at = now + _pause(POLL_SECONDS, _POLL_SHARE * (time.monotonic() - begun))
        is_recorded = self._save({*visited, *(log for log, _ in news.acked), *news.too_large})
        batches: tuple[tuple[SourceLog, Batch], ...] = ()
        if is_recorded:
            batches = tuple(self._unrecorded)
            self._unrecorded.clear()
        return Harvest(
            batches=batches,
            next_turn=min((self._poll_at, *self._lingering.values())),
            is_drained=self._following.reading.once and is_recorded and self._is_drained(),
        )

    def finish(self, news: News) -> None:
        """Take the last news, record it and let go of all files."""
        self._take(news)
        self._save(self._logs.values())
        for log in self._logs.values():
            log.close()

    def _is_drained(self) -> bool:
        return not any(log.in_hand or log.unread for log in self._logs.values())

    # What became of batches.

    def _take(self, news: News) -> None:
        for log, batch in news.acked:
            log.acknowledge(batch)
            self._bytes -= len(batch.payload)
        for log in news.too_large:
            self._bytes -= sum(len(batch.payload) for batch in log.in_hand)
            if log.in_hand:
                self._limits[log] = max(SMALLEST_BATCH, len(log.in_hand[0].payload) // 2)
            log.rewind()
            self._unrecorded = [pair for pair in self._unrecorded if pair[0] is not log]

    def _save(self, logs: Iterable[SourceLog]) -> bool:
        dirty = [log for log in logs if log.is_dirty]
        if self._is_unsaved:
            dirty = [log for log in self._logs.values() if log.is_dirty]
        if not dirty:
            return True
        try:
            self._checkpoint.save((log.place.path, log.record()) for log in dirty)
        except sqlite3.Error as error:
            self._is_unsaved = True
            self._problems.started(
                self, "state", f"cannot write the state: {error}; nothing is sent until it can"
            )
            return False
        self._is_unsaved = False
        self._problems.ended(self)
        for log in dirty:
            log.is_dirty = False
        return True

    # Reading.

    def _due(self, news: News, now: float) -> list[SourceLog]:
        if now < self._poll_at:
            lingering = {log for log, at in self._lingering.items() if now >= at}
            return [log for log in news.hungry | lingering if self._logs.get(log.place.path) is log]
        logs = list(self._logs.values())
        # Each sweep begins with another log, so that none is always the last to find room.
        self._turns += 1
        first = self._turns % len(logs) if logs else 0
        return logs[first:] + logs[:first]

    def _gather(self, logs: list[SourceLog], now: float) -> None:
        for log in logs:
            self._visit(log, now)
        hot = [log for log in logs if log.in_hand]
        for _ in range(1, BATCHES_AHEAD):
            # The other half is left to logs that have nothing in hand.
            hot = [log for log in hot if self._bytes < BYTES_IN_HAND // 2 and self._ahead(log, now)]

    def _visit(self, log: SourceLog, now: float) -> None:
        path = log.place.path
        self._lingering.pop(log, None)
        try:
            is_quiet = not log.look(now)
            self._problems.ended(path)
            if is_quiet:
                return
            if not log.in_hand and self._bytes < BYTES_IN_HAND:
                self._keep(log, log.next_batch(self._limit_of(log), now))
        except NotALogError as error:
            self._problems.started(path, f"refused {path}", f"{error}; not shipped")
        except OSError as error:
            self._problems.started(path, f"unreadable {path}", _unreadable(path, error))
        if log.is_gone:
            self._drop(log)
        elif (due := log.due_at(now)) is not None:
            self._lingering[log] = due

    def _ahead(self, log: SourceLog, now: float) -> bool:
        if len(log.in_hand) >= BATCHES_AHEAD:
            return False
        try:
            batch = log.next_batch(self._limit_of(log), now, only_full=True)
        except OSError:
            return False
        self._keep(log, batch)
        return batch is not None

    def _keep(self, log: SourceLog, batch: Batch | None) -> None:
        if batch is not None:
            self._unrecorded.append((log, batch))
            self._bytes += len(batch.payload)

    def _limit_of(self, log: SourceLog) -> int:
        return min(self._limit(), self._limits.get(log, MAX_BATCH))

    # Finding logs.

    def _scan(self) -> None:
        known = () if self._scans else self._records
        found = find_logs(self._following.patterns, known)
        new = [path for path in found.logs if path not in self._logs]
        # Those known from before come first: they say whose the other files are.
        for path in sorted(new, key=lambda path: path not in self._records):
            self._add(path, found.logs[path], found.generations.get(path, frozenset()))
        self._scans += 1

    def _add(self, path: Path, root: Path, generations: frozenset[Path]) -> None:
        record = self._records.get(path)
        try:
            if record is None and not self._is_new(path, root):
                return
            place = self._place(path, root, record)
            log = SourceLog(
                place,
                self._following.reading,
                self._claims,
                record=record,
                # What appears while we run was written while we run.
                from_end=self._following.from_end and not self._scans,
                wanted=generations,
            )
        except FileNotFoundError:
            self._refuse(path, f"{shown(path)} is not there yet; it is followed once it appears")
        except (NotALogError, BadHostError) as error:
            self._refuse(path, f"{shown(path)} is not shipped: {error}")
        except OSError as error:
            self._refuse(path, _unreadable(path, error))
        else:
            self._problems.ended(path)
            self._logs[path] = log
            self._names[place.host, place.name] = path
            for batch in log.in_hand:
                self._keep(log, batch)

    def _is_new(self, path: Path, root: Path) -> bool:
        file = open_log(path, root)
        try:
            return not self._claims.is_owned(file)
        finally:
            os.close(file)

    def _place(self, path: Path, root: Path, record: LogRecord | None) -> LogPlace:
        host = host_of(self._following.host, path)
        if record is not None:
            return LogPlace(path=path, root=root, host=host, name=record.name)
        name = name_of(path, is_taken=lambda name: self._names.get((host, name), path) != path)
        return LogPlace(path=path, root=root, host=host, name=name)

    def _host_or_none(self, path: Path) -> str | None:
        with contextlib.suppress(BadHostError):
            return host_of(self._following.host, path)
        return None

    def _refuse(self, path: Path, sentence: str) -> None:
        self.failures += 1
        self._problems.started(path, sentence, sentence)

    def _drop(self, log: SourceLog) -> None:
        self._save([log])
        self._records[log.place.path] = log.record()
        del self._logs[log.place.path]
        self._limits.pop(log, None)
        log.close()


def _pause(bounds: tuple[float, float], wanted: float) -> float:
    shortest, longest = bounds
    return min(longest, max(shortest, wanted))


def _unreadable(path: Path, error: OSError) -> str:
    reason = (error.strerror or type(error).__name__).lower()
    return f"cannot read {shown(path)}: {reason}; it is tried again"
