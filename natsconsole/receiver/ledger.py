"""The ledger: what is on disk, and up to which message, in one SQLite database.

It is written after the lines are synced and before their messages are acknowledged. On start it
says where to cut the files back to and from where to read the stream again; while running it
tells a repeat from a message that was refused before.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
_SPANS_KEPT = 4
_COLUMNS = (
    "path", "mark", "lines", "messages", "bytes", "suppressed", "lost", "out_of_order",
    "written_at", "spans", "refused",
)  # fmt: skip

_SCHEMA = """
CREATE TABLE identity (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE epoch (
    id INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (stream, created)
);
CREATE TABLE file (path TEXT PRIMARY KEY, length INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE progress (
    epoch INTEGER NOT NULL REFERENCES epoch,
    partition INTEGER NOT NULL,
    committed INTEGER NOT NULL,
    PRIMARY KEY (epoch, partition)
) WITHOUT ROWID;
CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL REFERENCES epoch,
    partition INTEGER NOT NULL,
    host TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    mark INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    suppressed INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    out_of_order INTEGER NOT NULL,
    written_at REAL NOT NULL,
    spans TEXT NOT NULL,
    refused TEXT NOT NULL,
    UNIQUE (epoch, partition, host, name)
);
"""


class LedgerError(Exception):
    """The ledger cannot be used. The text is one line with the mend."""


class LedgerWriteError(OSError):
    """The ledger could not be written, as on a full disk. It is as it was before."""


@dataclass(frozen=True, slots=True)
class Span:
    """How far one source file has been written."""

    end: int
    """Offset after its last written byte."""
    line: int
    """How many line ends lie before ``end``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One log's row. A new one replaces it when a batch is committed."""

    host: str
    name: str
    path: str
    id: int = 0
    """0 until the first commit."""
    mark: int = 0
    """Highest stream sequence written."""
    refused: frozenset[int] = frozenset()
    """Sequences at or below the mark that are not written: these are no repeats."""
    spans: dict[str, Span] = field(default_factory=dict)
    """By source file identity, the last few, oldest first."""
    lines: int = 0
    messages: int = 0
    bytes: int = 0
    suppressed: int = 0
    lost: int = 0
    out_of_order: int = 0
    written_at: float = 0.0
    """Seconds since the epoch."""

    def is_repeat(self, sequence: int) -> bool:
        """Whether a message with this sequence has been written already."""
        return sequence <= self.mark and sequence not in self.refused

    def with_span(self, file: str, span: Span) -> LogEntry:
        """Return the entry with the end of one source file moved, the oldest files forgotten."""
        spans = {name: old for name, old in self.spans.items() if name != file}
        spans[file] = span
        for name in list(spans)[:-_SPANS_KEPT]:
            del spans[name]
        return replace(self, spans=spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionEntry:
    """Everything the ledger knows of one partition."""

    committed: int | None
    """Highest stream sequence below which all is written or refused; None where unknown."""
    logs: tuple[LogEntry, ...]
    lengths: dict[str, int]
    """Committed length of every file, by path."""

    @property
    def first_uncommitted(self) -> int | None:
        """The stream sequence to read on from, or None where the ack floor must tell."""
        if self.committed is None:
            return None
        refused = [sequence for log in self.logs for sequence in log.refused]
        return min([self.committed + 1, *refused])


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionCommit:
    """What one partition adds to a commit."""

    partition: int
    committed: int
    logs: tuple[LogEntry, ...]
    lengths: dict[str, int]


class Ledger:
    """The database. Used from one thread at a time; shared with other processes by SQLite.

    Raises:
        LedgerError: it is of a newer version, of another group, or not a ledger.
    """

    def __init__(self, path: Path, *, group: str) -> None:
        self._path = path
        self._epoch = 0
        try:
            self._db = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False
            )
            self._open(group)
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"ledger {path} cannot be used: {error}") from error
        path.chmod(0o600)

    def _open(self, group: str) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA wal_autocheckpoint = 256")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                self._db.execute("INSERT INTO identity VALUES ('group', ?)", (group,))
            elif version != SCHEMA_VERSION:
                raise LedgerError(
                    f"ledger {self._path} is of version {version}, this program knows "
                    f"{SCHEMA_VERSION}: use the program that wrote it, or another --dir"
                )
            (owner,) = self._db.execute("SELECT value FROM identity WHERE key = 'group'").fetchone()
            if owner != group:
                raise LedgerError(
                    f"ledger {self._path} belongs to group {owner!r}: "
                    f"give group {group!r} a --dir of its own"
                )
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def begin_epoch(self, stream: str, created: str) -> bool:
        """Work on this stream. Returns whether an earlier stream of that name was re-created."""
        known = self._db.execute("SELECT created FROM epoch WHERE stream = ?", (stream,)).fetchall()
        if (created,) not in known:
            self._db.execute(
                "INSERT OR IGNORE INTO epoch (stream, created) VALUES (?, ?)", (stream, created)
            )
        (self._epoch,) = self._db.execute(
            "SELECT id FROM epoch WHERE stream = ? AND created = ?", (stream, created)
        ).fetchone()
        return bool(known) and (created,) not in known

    def load(self, partition: int) -> PartitionEntry:
        """Return what is known of a partition."""
        row = self._db.execute(
            "SELECT committed FROM progress WHERE epoch = ? AND partition = ?",
            (self._epoch, partition),
        ).fetchone()
        logs = tuple(
            _entry(*columns)
            for columns in self._db.execute(
                f"SELECT id, host, name, {', '.join(_COLUMNS)} FROM log "  # noqa: S608 - our names
                "WHERE epoch = ? AND partition = ?",
                (self._epoch, partition),
            )
        )
        lengths = {log.path: self.length(log.path) for log in logs}
        return PartitionEntry(committed=row and row[0], logs=logs, lengths=lengths)

    def length(self, path: str) -> int:
        """Return a file's committed length; 0 where it has none."""
        row = self._db.execute("SELECT length FROM file WHERE path = ?", (path,)).fetchone()
        return row[0] if row else 0

    def knows(self, path: str) -> bool:
        """Whether this file has a committed length: one that has none is never cut."""
        found = self._db.execute("SELECT 1 FROM file WHERE path = ?", (path,)).fetchone()
        return found is not None

    def adopt(self, lengths: Mapping[str, int]) -> None:
        """Record files as they are before our first write to them, durably.

        Raises:
            LedgerWriteError: nothing was recorded.
        """
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO file VALUES (?, ?)", lengths.items())

    def commit(self, commits: Iterable[PartitionCommit]) -> dict[tuple[int, str, str], int]:
        """Record what is synced to disk, durably, in one transaction.

        Returns the ids of logs that are new, by partition, host and name.

        Raises:
            LedgerWriteError: nothing was recorded.
        """
        new: dict[tuple[int, str, str], int] = {}
        with self._transaction():
            for part in commits:
                self._db.execute(
                    "INSERT INTO progress VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
                    "SET committed = excluded.committed",
                    (self._epoch, part.partition, part.committed),
                )
                self._db.executemany(
                    "INSERT INTO file VALUES (?, ?) ON CONFLICT DO UPDATE "
                    "SET length = excluded.length",
                    part.lengths.items(),
                )
                self._db.executemany(_UPDATE, [(*_row(log), log.id) for log in part.logs if log.id])
                for log in part.logs:
                    if not log.id:
                        row = (self._epoch, part.partition, log.host, log.name, *_row(log))
                        (id_,) = self._db.execute(_INSERT, row).fetchone()
                        new[part.partition, log.host, log.name] = id_
        return new

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise LedgerWriteError(None, f"the ledger cannot be written: {error}") from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def close(self) -> None:
        self._db.close()


_UPDATE = f"UPDATE log SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE id = ?"  # noqa: S608
_INSERT = (
    f"INSERT INTO log (epoch, partition, host, name, {', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES (?, ?, ?, ?, {', '.join('?' for _ in _COLUMNS)}) RETURNING id"
)


def _row(log: LogEntry) -> tuple[object, ...]:
    spans = [(file, span.end, span.line) for file, span in log.spans.items()]
    return (
        log.path, log.mark, log.lines, log.messages, log.bytes, log.suppressed, log.lost,
        log.out_of_order, log.written_at, json.dumps(spans), json.dumps(sorted(log.refused)),
    )  # fmt: skip


def _entry(id_: int, host: str, name: str, *columns: Any) -> LogEntry:
    values = dict(zip(_COLUMNS, columns, strict=True))
    spans = {file: Span(end, line) for file, end, line in json.loads(values.pop("spans"))}
    refused = frozenset(json.loads(values.pop("refused")))
    return LogEntry(id=id_, host=host, name=name, spans=spans, refused=refused, **values)
