"""Keeps the archive within its limits: deletes what was kept long enough, compresses the rest.

Runs in threads of its own, apart from the disk thread: lines never wait for it. Of the receivers
that share a directory the one with the sweep lock deletes and compresses; all of them look, because
each has to rotate away the files of its own silent hosts.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from natsconsole.domain.terminal_text import visible
from natsconsole.receiver.compression import StoppedError, compress_file
from natsconsole.receiver.partition_lock import PartitionLock
from natsconsole.receiver.retention import (
    NO_LIMITS,
    SETTLE,
    Deletion,
    FoundFile,
    Limits,
    is_settled,
    plan_retention,
)
from natsconsole.receiver.rotated_names import is_partial
from natsconsole.receiver.said_once import SaidOnce
from natsconsole.receiver.sweep import delete_file, find_files, open_host

log = logging.getLogger(__name__)

STOP_LIMIT = 2.0
"""Seconds ``stop`` waits: a disk may be busy with a sync, and any step may be cut short."""
_REST = 50
"""A sweep is followed by a rest of so many times its own duration, so it costs at most 2 %."""
_LEAST_PRIORITY = 19
_SHOWN_PROBLEMS = 10
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepConfig:
    """What upkeep is to do, and how often."""

    limits: Limits = NO_LIMITS
    compress_level: int | None = None
    """gzip's, 1 to 9; None compresses nothing."""
    interval: float = 60.0
    """Seconds between two sweeps."""
    settle: float = SETTLE
    """Seconds for which a file that was just rotated is left alone."""
    room: int = 64 << 20
    """Bytes: no file is compressed unless so much stays free beside a second copy of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepFigures:
    """What upkeep has seen and done since it started. Counts of what it did only ever grow."""

    files: int = 0
    """Files of all hosts at the last sweep, before what it deleted."""
    bytes: int = 0
    swept: float = 0.0
    """When the last sweep had seen all files, seconds since the epoch; 0 before the first."""
    is_sweeper: bool = False
    """Whether this receiver had the sweep lock at the last sweep."""
    deleted: int = 0
    deleted_bytes: int = 0
    compressed: int = 0
    compressed_bytes: int = 0
    """Bytes of the compressed files before; ``saved_bytes`` of them are free now."""
    saved_bytes: int = 0
    errors: int = 0
    last_error: str = ""
    """The last thing that went wrong, in plain words. Stays until another does."""
    problems: tuple[str, ...] = ()
    """What went wrong in the last sweep, in plain words; the first few."""


@dataclass(slots=True)
class _Found:
    """What a sweep finds besides what retention needs."""

    partials: list[str] = field(default_factory=list)
    plain: list[FoundFile] = field(default_factory=list)
    """Rotated and not compressed."""


class Upkeep:
    """Sweeps a directory again and again, from ``start`` to ``stop``."""

    def __init__(
        self,
        directory: Path,
        config: UpkeepConfig,
        *,
        state_directory: Path,
        on_silent: Callable[[Sequence[str]], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is touched before ``start`` or ``sweep``.

        ``on_silent`` is told, in upkeep's thread and at every sweep, the paths of active files that
        must be rotated away; some belong to other receivers, some to nobody.
        """
        self._directory = directory
        self._config = config
        self._lock_path = state_directory / "sweep.lock"
        self._on_silent = on_silent
        self._now = now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._problems = SaidOnce(log, self._count_error)
        self.last = UpkeepFigures()
        """Figures for status and metrics. Replaced as a whole, so any thread may read them."""

    def start(self) -> None:
        """Sweep now and then every ``interval`` seconds, in threads of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End it within 2 s. A file that is being compressed stays as it was."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT)

    def sweep(self) -> None:
        """Look at all files once, delete what is due, and compress what can be.

        Trouble with single files is logged, counted and passed over.

        Raises:
            OSError: the directory itself, or the lock in it, cannot be used.
        """
        self._problems.begin_round()
        root = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            lock = PartitionLock.take(self._lock_path)
            try:
                self._sweep(root, is_sweeper=lock is not None)
            finally:
                if lock is not None:
                    lock.release()
        finally:
            os.close(root)
            self._show_problems()

    def _run(self) -> None:
        rest = 0.0
        while not self._stopping.wait(rest):
            began = time.monotonic()
            try:
                self.sweep()
            except StoppedError:
                return
            except OSError as error:
                self._problems.say_error(str(self._directory), error)
                self._show_problems()
            except Exception as error:
                log.exception("upkeep failed")
                self._count_error(visible(f"{type(error).__name__}: {error}"))
            rest = max(self._config.interval, _REST * (time.monotonic() - began))

    def _sweep(self, root: int, *, is_sweeper: bool) -> None:
        found = _Found()
        plan = plan_retention(
            self._sorted_out(root, found),
            self._config.limits,
            self._now(),
            settle=self._config.settle,
        )
        self.last = replace(
            self.last, files=plan.files, bytes=plan.bytes, swept=self._now(), is_sweeper=is_sweeper
        )
        if plan.silent:
            self._on_silent(plan.silent)
        if not is_sweeper:
            return
        for path in found.partials:
            self._try_to_delete(root, path)
        for deletion in plan.deletions:
            self._delete(root, deletion)
        if plan.excess:
            self._problems.say(
                f"the archive is {plan.excess} bytes above --keep-bytes",
                "what is left are active files: rotate them with --rotate-size or --rotate-age",
            )
        gone = {deletion.file.path for deletion in plan.deletions}
        self._compress_apart(root, [file for file in found.plain if file.path not in gone])

    def _sorted_out(self, root: int, found: _Found) -> Iterator[FoundFile]:
        """Yield all files but unfinished compressed ones, and remember what else is to be done."""
        is_compressing = self._config.compress_level is not None
        for file in find_files(root, report=self._problems.say_error, pause=self._pause):
            if file.rotated is None:
                if is_partial(file.path.partition("/")[2]):
                    found.partials.append(file.path)
                    continue
            elif is_compressing and not file.rotated.is_compressed:
                found.plain.append(file)
            yield file

    def _delete(self, root: int, deletion: Deletion) -> None:
        file, why = deletion
        self._end_if_stopping()
        if not self._try_to_delete(root, file.path):
            return
        host, _, name = map(visible, file.path.partition("/"))
        log.info("deleted host=%s file=%s bytes=%d: %s", host, name, file.size, why)
        self.last = replace(
            self.last,
            deleted=self.last.deleted + 1,
            deleted_bytes=self.last.deleted_bytes + file.size,
        )

    def _try_to_delete(self, root: int, path: str) -> bool:
        try:
            delete_file(root, path)
        except FileNotFoundError:
            return False
        except OSError as error:
            self._problems.say_error(path, error)
            return False
        return True

    def _compress_apart(self, root: int, files: list[FoundFile]) -> None:
        """Compress in a thread of the least priority, and wait for it.

        The priority is the thread's own and cannot be raised again, so it is a new one each time.
        """
        now = self._now()
        due = [
            file
            for file in sorted(files, key=lambda file: file.ended)
            if is_settled(file, now, self._config.settle)
        ]
        if not due:
            return
        thread = threading.Thread(
            target=self._compress_all, args=(root, due), name="compression", daemon=True
        )
        thread.start()
        thread.join()
        self._end_if_stopping()

    def _compress_all(self, root: int, files: Sequence[FoundFile]) -> None:
        _lower_priority()
        deadline = time.monotonic() + self._config.interval
        for file in files:
            if time.monotonic() > deadline:
                return  # the next sweep is due; it finds the rest
            try:
                if not self._has_room(root, file.size):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._compress(root, file.path)
            except StoppedError:
                return
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._problems.say_error("rotated files stay uncompressed", error)
                    return
                self._problems.say_error(file.path, error)
            except Exception:
                log.exception("upkeep failed")

    def _compress(self, root: int, path: str) -> None:
        host, _, name = path.partition("/")
        level = self._config.compress_level or 0
        with open_host(root, host) as directory:
            done = compress_file(directory, name, level=level, is_stopped=self._stopping.is_set)
        self.last = replace(
            self.last,
            compressed=self.last.compressed + 1,
            compressed_bytes=self.last.compressed_bytes + done.before,
            saved_bytes=self.last.saved_bytes + done.before - done.after,
        )

    def _has_room(self, root: int, size: int) -> bool:
        found = os.fstatvfs(root)
        return found.f_bavail * found.f_frsize >= size + self._config.room

    def _count_error(self, text: str) -> None:
        self.last = replace(self.last, errors=self.last.errors + 1, last_error=text)

    def _show_problems(self) -> None:
        self.last = replace(self.last, problems=self._problems.current[:_SHOWN_PROBLEMS])

    def _pause(self) -> None:
        """Give way to the threads that carry lines."""
        self._stopping.wait(0.001)
        self._end_if_stopping()

    def _end_if_stopping(self) -> None:
        if self._stopping.is_set():
            raise StoppedError


def _lower_priority() -> None:
    if not sys.platform.startswith("linux"):
        return  # elsewhere it would be the whole process's
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LEAST_PRIORITY)
