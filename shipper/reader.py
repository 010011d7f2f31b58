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
from shipper.chain import Beginning
from shipper.checkpoint import Checkpoint, LogRecord
from shipper.claims import Claims
from shipper.directory_watch import DirectoryWatch
from shipper.discovery import (
    LogPlace,
    NotALogError,
    Pattern,
    find_logs,
    host_of,
    name_of,
    open_log,
    resolved,
    shown,
)
from shipper.problems import Problems
from shipper.rotation import base_names
from shipper.source_log import Reading, SourceLog
from shipper.wire import BadHostError

BYTES_IN_HAND = 24 << 20
"""Bytes read and not acknowledged, over all logs."""
BATCHES_AHEAD = 24
"""Batches of one log recorded in advance, so that a busy log does not wait for each sync."""
POLL_SECONDS = (0.05, 0.5)
"""How often files are looked at of which nothing is heard or something is due."""
SWEEP_SECONDS = (1.0, 20.0)
"""How often all files are looked at, whatever is heard of them."""
SCAN_SECONDS = (1.0, 20.0)
"""How often new files are looked for."""
GONE_KEPT = 10_000
"""Logs that are gone, and of which is remembered what was shipped."""
_POLL_SHARE = 12
_RARE_SHARE = 300
_HEARD_SHARE = 20
"""What takes long is done again that many times its duration later, within those bounds."""
_CLOCK_STEP_NS = 20_000_000
"""By so much the time in a file may lag behind the clock."""
_SETTLE_SECONDS = 0.03
"""How long new files are awaited together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What to follow, and how."""

    patterns: tuple[Pattern, ...]
    host: str
    """A name, or a template with ``{dir}``."""
    from_end: bool = False
    reading: Reading = field(default_factory=Reading)


@dataclass(slots=True, kw_only=True)
class HostStanding:
    """How far the logs of one host are shipped."""

    logs: int = 0
    backlog_bytes: int = 0
    """Bytes that are there and not known to be in the stream."""
    lag_seconds: float = 0.0
    """For how long, at most, the oldest of them have waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Where all logs stand."""

    hosts: dict[str, HostStanding] = field(default_factory=dict)
    files: int = 0
    """Held open."""
    lost_bytes: int = 0
    """At least so many bytes were taken away before they were read."""
    restarts: int = 0
    """How often a file's content was replaced under us."""
    unwatched: int = 0
    """Logs that are polled because the kernel tells nothing of them."""


@dataclass(slots=True, kw_only=True)
class News:
    """What happened to batches since the last turn."""

    acked: list[tuple[SourceLog, Batch]] = field(default_factory=list)
    too_large: set[SourceLog] = field(default_factory=set)
    hungry: set[SourceLog] = field(default_factory=set)
    """Logs with little in hand: they are read at once."""
    rescan: bool = False
    """New files are to be looked for now."""


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
        self._following = following
        self._checkpoint = checkpoint
        self._problems = problems
        self._limit = limit
        self._limits: dict[SourceLog, int] = {}
        self._names: dict[tuple[str | None, str], str] = {}
        self._recorded: dict[str, LogRecord | None] = {}
        """Logs not followed now that have a record; it is in the checkpoint where it is None: of
        ten thousand logs, all records at once would take megabytes that are not given back."""
        for path, record in checkpoint.records():
            self._names[self._host_or_none(path), record.name] = path
            self._recorded[path] = None
        self._claims = Claims()
        self._logs: dict[str, SourceLog] = {}
        self._by_path: dict[str, SourceLog] = {}
        """Also by where links lead: what the kernel reports."""
        self._gone: dict[str, None] = {}
        self._refused: set[str] = set()
        """What stands where a log is wanted, and is none now."""
        self._watch = DirectoryWatch()
        self._unheard: dict[SourceLog, None] = {}
        """Logs of which the kernel tells nothing."""
        self._restless: dict[SourceLog, None] = {}
        self._starved: dict[SourceLog, None] = {}
        """Logs for whose lines there was no room, the longest waiting first."""
        self._hosts: frozenset[str] = frozenset()
        self._scans = 0
        self._scanned_ns = 0
        self._turns = 0
        self._bytes = 0
        self._lost_before = self._restarts_before = 0
        """Of logs that are gone."""
        self._scan_at = self._poll_at = self._sweep_at = self._scan_not_before = 0.0
        self._lingering: dict[SourceLog, float] = {}
        self._unrecorded: list[tuple[SourceLog, Batch]] = []
        self._is_unsaved = False

    @property
    def log_count(self) -> int:
        """How many logs are followed."""
        return len(self._logs)

    @property
    def failures(self) -> int:
        """How many paths cannot be followed now."""
        return len(self._refused)

    @property
    def hosts(self) -> frozenset[str]:
        """Whose logs are followed. Made anew only when a host is added, so any thread may ask."""
        return self._hosts

    @property
    def bell(self) -> int:
        """A descriptor that is readable when a file changed; -1 where there is none."""
        return self._watch.fileno()

    def turn(self, news: News) -> Harvest:
        """Take the news, read what is due, record it, and return what is to be published."""
        self._take(news)
        now = time.monotonic()
        heard = self._listen(now)
        if news.rescan or now >= self._scan_at:
            self._scan()
            took = time.monotonic() - now
            self._scan_at = now + _pause(SCAN_SECONDS, _RARE_SHARE * took)
            self._scan_not_before = now + _HEARD_SHARE * took
        visited = self._due(news, heard, now)
        self._gather(visited, now)
        is_recorded = self._save({*visited, *(log for log, _ in news.acked), *news.too_large})
        batches: tuple[tuple[SourceLog, Batch], ...] = ()
        if is_recorded:
            batches = tuple(self._unrecorded)
            self._unrecorded.clear()
        return Harvest(
            batches=batches,
            next_turn=self._next_turn(),
            is_drained=self._following.reading.once and is_recorded and self._is_drained(),
        )

    def finish(self, news: News) -> None:
        """Take the last news, record it and let go of all files."""
        self._take(news)
        self._save(self._logs.values())
        for log in self._logs.values():
            log.close()
        self._watch.close()

    def survey(self) -> Survey:
        """Return where all logs stand."""
        now = time.monotonic()
        hosts: dict[str, HostStanding] = {}
        for log in self._logs.values():
            host = hosts.setdefault(log.place.host, HostStanding())
            host.logs += 1
            host.backlog_bytes += log.behind
            host.lag_seconds = max(host.lag_seconds, log.lag(now))
        return Survey(
            hosts=hosts,
            files=sum(log.file_count for log in self._logs.values()),
            lost_bytes=self._lost_before + sum(log.lost_bytes for log in self._logs.values()),
            restarts=self._restarts_before + sum(log.restarts for log in self._logs.values()),
            unwatched=len(self._unheard),
        )

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

    def _listen(self, now: float) -> list[SourceLog]:
        """Return the logs of which something is heard, and look for new ones where any appear."""
        changes = self._watch.read()
        if changes.is_partial:
            self._sweep_at = self._scan_at = now
        unknown = [path for path in changes.appeared if path not in self._by_path]
        for directory in changes.directories:
            self._watch.add(directory)
        if unknown or changes.directories:
            self._scan_at = min(self._scan_at, max(now + _SETTLE_SECONDS, self._scan_not_before))
        heard = (self._by_path.get(path) or self._rotated(path) for path in changes.paths)
        return [log for log in heard if log is not None]

    def _rotated(self, path: str) -> SourceLog | None:
        directory, name = os.path.split(path)
        bases = (self._by_path.get(f"{directory}/{base}") for base in base_names(name))
        return next((log for log in bases if log is not None), None)

    def _due(self, news: News, heard: list[SourceLog], now: float) -> list[SourceLog]:
        starved, self._starved = self._starved, {}
        due = dict.fromkeys(starved)
        due.update(dict.fromkeys(log for log, at in self._lingering.items() if now >= at))
        due.update(dict.fromkeys(heard))
        due.update(dict.fromkeys(news.hungry))
        if now >= self._sweep_at:
            logs = list(self._logs.values())
            # Each sweep begins with another log, so that none is always the last to find room.
            self._turns += 1
            first = self._turns % len(logs) if logs else 0
            due.update(dict.fromkeys(logs[first:] + logs[:first]))
        elif now >= self._poll_at:
            due.update(self._unheard)
            due.update(self._restless)
        return [log for log in due if self._logs.get(log.place.path) is log]

    def _next_turn(self) -> float:
        times = [self._sweep_at, self._scan_at, *self._lingering.values()]
        if self._unheard or self._restless or self._is_unsaved:
            times.append(self._poll_at)
        return min(times)

    def _gather(self, logs: list[SourceLog], now: float) -> None:
        begun = time.monotonic()
        for log in logs:
            self._visit(log, now)
        took = time.monotonic() - begun
        if now >= self._sweep_at:
            self._sweep_at = now + _pause(SWEEP_SECONDS, _RARE_SHARE * took)
        if now >= self._poll_at:
            self._poll_at = now + _pause(POLL_SECONDS, _POLL_SHARE * took)
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
                self._restless.pop(log, None)
                return
            if not log.in_hand:
                if self._bytes < BYTES_IN_HAND:
                    self._keep(log, log.next_batch(self._limit_of(log), now))
                elif log.unread > 0:
                    self._starved[log] = None
        except NotALogError as error:
            self._problems.started(path, f"refused {path}", f"{error}; not shipped")
        except OSError as error:
            self._problems.started(path, f"unreadable {path}", _unreadable(path, error))
        if log.is_restless:
            self._restless[log] = None
        else:
            self._restless.pop(log, None)
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
        begun_ns = time.time_ns()
        for directory in {d for pattern in self._following.patterns for d in pattern.directories()}:
            self._watch.add(directory)
        known = () if self._scans else self._recorded
        found = find_logs(self._following.patterns, known)
        new = [path for path in found.logs if path not in self._logs]
        # A file may be rotated away before its turn comes.
        seen = {path: _key_of(path) for path in new if path not in self._recorded}
        # Those known from before come first: they say whose the other files are.
        for path in sorted(new, key=lambda path: path not in self._recorded):
            beginning = Beginning(
                paths=found.generations.get(path, frozenset()),
                key=seen.get(path),
                # What appears while we run has lived for no longer than since the last scan.
                since_ns=self._scanned_ns - _CLOCK_STEP_NS if self._scans else None,
            )
            self._add(path, found.logs[path], beginning)
        for path in self._refused - found.logs.keys():
            self._accept(path)
        if not self._scans:
            self._watch.give_back()
        self._scans += 1
        self._scanned_ns = begun_ns
        self._say_unheard()

    def _say_unheard(self) -> None:
        if self._watch.refused:
            self._problems.started(
                "watches",
                "watches",
                f"the kernel has no watch left for {self._watch.refused:,} directories, which are "
                "polled instead: raise fs.inotify.max_user_watches",
            )
        else:
            self._problems.ended("watches")

    def _add(self, path: str, pattern: Pattern, beginning: Beginning) -> None:
        record = self._record_of(path)
        root = pattern.root
        try:
            if record is None and not self._is_new(path, root):
                self._accept(path)
                return
            place = self._place(path, pattern, record)
            log = SourceLog(
                place,
                self._following.reading,
                self._claims,
                record=record,
                # What appears while we run was written while we run.
                from_end=self._following.from_end and not self._scans,
                wanted=beginning,
            )
        except FileNotFoundError:
            self._refuse(path, f"{shown(path)} is not there yet; it is followed once it appears")
        except (NotALogError, BadHostError) as error:
            self._refuse(path, f"{shown(path)} is not shipped: {error}")
        except OSError as error:
            self._refuse(path, _unreadable(path, error))
        else:
            self._accept(path)
            self._logs[path] = log
            self._recorded.pop(path, None)
            if place.host not in self._hosts:
                self._hosts |= {place.host}
            self._gone.pop(path, None)
            self._names[place.host, place.name] = path
            self._hear_of(log)
            self._restless[log] = None
            for batch in log.in_hand:
                self._keep(log, batch)

    def _record_of(self, path: str) -> LogRecord | None:
        if path not in self._recorded:
            return None
        return self._recorded[path] or self._checkpoint.record(path)

    def _hear_of(self, log: SourceLog) -> None:
        paths = {log.place.path, os.fspath(resolved(log.place.path))}
        is_heard = True
        for path in paths:
            self._by_path[path] = log
            is_heard = self._watch.add(os.path.dirname(path)) and is_heard  # noqa: PTH120
        if len(paths) > 1 or not is_heard:
            # A link can be turned elsewhere while we look, so that is looked at, too.
            self._unheard[log] = None

    def _is_new(self, path: str, root: Path) -> bool:
        file = open_log(path, root)
        try:
            return not self._claims.is_owned(file)
        finally:
            os.close(file)

    def _place(self, path: str, pattern: Pattern, record: LogRecord | None) -> LogPlace:
        host = host_of(pattern.host or self._following.host, path)
        if record is not None:
            name = record.name
        else:
            name = name_of(path, is_taken=lambda name: self._names.get((host, name), path) != path)
        return LogPlace(path=path, root=pattern.root, host=host, name=name, labels=pattern.labels)

    def _host_or_none(self, path: str) -> str | None:
        with contextlib.suppress(BadHostError):
            patterns = self._following.patterns
            own = next((p.host for p in patterns if p.host and p.matches(path)), "")
            return host_of(own or self._following.host, path)
        return None

    def _refuse(self, path: str, sentence: str) -> None:
        self._refused.add(path)
        self._problems.started(path, sentence, sentence)

    def _accept(self, path: str) -> None:
        self._refused.discard(path)
        self._problems.ended(path)

    def _drop(self, log: SourceLog) -> None:
        path = log.place.path
        self._save([log])
        self._recorded[path] = log.record()
        self._lost_before += log.lost_bytes
        self._restarts_before += log.restarts
        del self._logs[path]
        for name in (path, os.fspath(resolved(path))):
            if self._by_path.get(name) is log:
                del self._by_path[name]
        for kept in (self._limits, self._unheard, self._restless, self._starved, self._lingering):
            kept.pop(log, None)
        log.close()
        self._gone[path] = None
        if len(self._gone) > GONE_KEPT:
            self._forget(next(iter(self._gone)))

    def _forget(self, path: str) -> None:
        del self._gone[path]
        record = self._record_of(path)
        self._recorded.pop(path, None)
        with contextlib.suppress(sqlite3.Error):
            self._checkpoint.forget(path)
        if record is None:
            return
        key = self._host_or_none(path), record.name
        if self._names.get(key) == path:
            del self._names[key]
        for position in record.files:
            self._claims.unretire(position)


def _key_of(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - paths of logs are texts
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _pause(bounds: tuple[float, float], wanted: float) -> float:
    shortest, longest = bounds
    return min(longest, max(shortest, wanted))


def _unreadable(path: str, error: OSError) -> str:
    reason = (error.strerror or type(error).__name__).lower()
    return f"cannot read {shown(path)}: {reason}; it is tried again"
