"""What is known to be in the stream, and what may be: it survives kill -9 and power loss.

A range is recorded before it is published. After a restart the same ranges go out again under
the same message ids, so the server recognises those which it already had.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shipper.fingerprint import Position
from shipper.wire import SourceRange

SCHEMA_VERSION = 1
_CACHE_KB = 256
_APPLICATION_ID = 0x53484950
_FILE_NAME = "checkpoint.sqlite"
_MAGIC = b"SQLite format 3\0"


class CheckpointError(Exception):
    """The state cannot be used. The text is one line for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A range that may have been published, and a hash of its bytes."""

    source: SourceRange
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """What is kept about one log."""

    name: str
    """Its name on the wire, so that it keeps it when another of that name comes."""
    files: tuple[Position, ...] = ()
    """Oldest first."""
    flights: tuple[Flight, ...] = ()
    """In the order in which they go out."""


class Checkpoint:
    """The records of all logs, in one database. One process at a time has it open.

    Raises:
        CheckpointError: it is in use, damaged, written by a newer version or not writable.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE_NAME
        self._lock = -1
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(directory)
            _make_private(self._path)
        except OSError as error:
            self._unlock()
            reason = (error.strerror or type(error).__name__).lower()
            raise CheckpointError(
                f"cannot write the state directory {str(directory)!r}: {reason}; "
                "name another with --state"
            ) from None
        except CheckpointError:
            self._unlock()
            raise
        self._database = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=1.0
        )
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self.close()
            if isinstance(error, sqlite3.OperationalError):
                raise CheckpointError(
                    f"cannot use the state {str(self._path)!r}: {error}"
                ) from None
            raise _damaged(self._path, str(error)) from None
        except CheckpointError:
            self.close()
            raise

    def records(self) -> Iterator[tuple[str, LogRecord]]:
        """Yield the path and the record of each log.

        Raises:
            CheckpointError: a record cannot be read.
        """
        yield from self._rows("SELECT path, record FROM log")

    def record(self, path: str) -> LogRecord | None:
        """Return the record of one log, if there is one.

        Raises:
            CheckpointError: it cannot be read.
        """
        rows = self._rows("SELECT path, record FROM log WHERE path = ?", os.fsencode(path))
        return next((record for _, record in rows), None)

    def _rows(self, query: str, *values: bytes) -> Iterator[tuple[str, LogRecord]]:
        try:
            for path, record in self._database.execute(query, values):
                yield os.fsdecode(path), msgspec.json.decode(record, type=LogRecord)
        except (sqlite3.DatabaseError, msgspec.MsgspecError, TypeError) as error:
            raise _damaged(self._path, str(error)) from None

    def save(self, records: Iterable[tuple[str, LogRecord]]) -> None:
        """Write records durably, all or none.

        Raises:
            sqlite3.Error: they could not be written, as on a full disk; it can be tried again.
        """
        rows = [(os.fsencode(path), msgspec.json.encode(record)) for path, record in records]
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.executemany(
                "INSERT INTO log (path, record) VALUES (?, ?) "
                "ON CONFLICT (path) DO UPDATE SET record = excluded.record",
                rows,
            )
            self._database.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    def forget(self, path: str) -> None:
        """Remove a record.

        Raises:
            sqlite3.Error: that could not be written.
        """
        self._database.execute("DELETE FROM log WHERE path = ?", (os.fsencode(path),))

    def close(self) -> None:
        """Close the database and let another process have it."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        self._unlock()

    def _prepare(self) -> None:
        database = self._database
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != _APPLICATION_ID:
            raise _damaged(self._path, "it is no shipper's state")
        if version > SCHEMA_VERSION:
            raise CheckpointError(
                f"the state {str(self._path)!r} was written by a newer version; "
                "install that one, or name another directory with --state"
            )
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        if tables:
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise _damaged(self._path, verdict)
            return
        database.executescript(
            f"""
            BEGIN;
            CREATE TABLE log (path BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
            PRAGMA application_id = {_APPLICATION_ID};
            PRAGMA user_version = {SCHEMA_VERSION};
            COMMIT;
            """
        )

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _lock(directory: Path) -> int:
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise CheckpointError(
            f"another shipper uses the state directory {str(directory)!r}; "
            "give this one its own with --state"
        ) from None
    return lock


def _make_private(path: Path) -> None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(file).st_uid != os.geteuid():
            raise CheckpointError(f"the state {str(path)!r} belongs to another user")
        os.fchmod(file, 0o600)
        start = os.pread(file, len(_MAGIC), 0)
        if start and start != _MAGIC:
            raise _damaged(path, "it is no database")
    finally:
        os.close(file)


def _damaged(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"the state {str(path)!r} is damaged ({reason}); restore it, "
        "or move it away to ship every file again from its start"
    )
