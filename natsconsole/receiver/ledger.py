"""The ledger: what is on disk, and up to which message, in one SQLite database.

It is written after the lines are synced and before their messages are acknowledged. On start it
says where to cut the files back to and from where to read the stream again; while running it
tells a repeat from a message that was refused before.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from natsconsole.domain.integrity import Span, spans_kept
from natsconsole.domain.receivers import LostRange
from natsconsole.receiver.landmarks import Landmark

SCHEMA_VERSION = 2
_COLUMNS = (
    "path", "mark", "lines", "messages", "bytes", "suppressed", "doubled", "lost", "out_of_order",
    "quarantined", "parked_from", "written_at", "spans", "refused", "lost_ranges",
)  # fmt: skip

_SCHEMA = """
CREATE TABLE identity (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE epoch (
    id INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (stream, created)
);
CREATE TABLE file (
    path TEXT PRIMARY KEY,
    length INTEGER NOT NULL,
    inode INTEGER NOT NULL DEFAULT 0,
    since REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
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
    doubled INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    parked_from INTEGER NOT NULL DEFAULT 0,
    lost_ranges TEXT NOT NULL DEFAULT '[]',
    UNIQUE (epoch, partition, host, name)
);
"""
_LANDMARKS = """
CREATE TABLE IF NOT EXISTS landmark (
    epoch INTEGER NOT NULL REFERENCES epoch,
    partition INTEGER NOT NULL,
    landmarks TEXT NOT NULL,
    PRIMARY KEY (epoch, partition)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS log_of_host ON log (host, name)
"""
"""Not of the schema's version: a program that does not know it does without. One that does makes
what an older one has left out."""
_FROM_1_TO_2 = """
ALTER TABLE file ADD COLUMN inode INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file ADD COLUMN since REAL NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN doubled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN parked_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN lost_ranges TEXT NOT NULL DEFAULT '[]';
"""


class LedgerError(Exception):
    """The ledger cannot be used. The text is one line with the mend."""


class LedgerWriteError(OSError):
    """The ledger could not be written, as on a full disk. It is as it was before."""


class LedgerReadError(OSError):
    """The ledger could not be read, as on a failing disk. It may be, later."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the archive as of the last commit."""

    length: int = 0
    """Committed length in bytes."""
    inode: int = 0
    """Tells the file from another that somebody put in its place; 0 where it is not known."""
    since: float = 0.0
    """When its first byte was written, in seconds since the epoch."""


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
    """Sequences that were delivered and are not written, refused or held: these are no repeats."""
    parked_from: int = 0
    """From this stream sequence on its lines wait in the stream; 0 while they do not."""
    spans: Mapping[str, Span] = field(default_factory=dict)
    """By source file identity, the last few, oldest first."""
    lost_ranges: tuple[LostRange, ...] = ()
    """The latest gaps."""
    lines: int = 0
    messages: int = 0
    bytes: int = 0
    suppressed: int = 0
    doubled: int = 0
    lost: int = 0
    out_of_order: int = 0
    quarantined: int = 0
    written_at: float = 0.0
    """Seconds since the epoch."""

    def is_repeat(self, sequence: int) -> bool:
        """Whether a message with this sequence has been written already."""
        return sequence <= self.mark and sequence not in self.refused


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionEntry:
    """Everything the ledger knows of one partition."""

    epoch: int = 0
    """Which creation of the stream this is about."""
    committed: int | None
    """Highest stream sequence below which all is written or refused; None where unknown."""
    logs: tuple[LogEntry, ...]
    files: dict[str, FileEntry]
    """By path."""
    landmarks: tuple[Landmark, ...] = ()
    """Committed messages by which the stream is known again, oldest first."""

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

    epoch: int
    partition: int
    committed: int | None
    """None leaves it as it is."""
    logs: tuple[LogEntry, ...]
    files: Mapping[str, FileEntry]
    landmarks: tuple[Landmark, ...] | None = None
    """None leaves them as they are."""


class Ledger:
    """The database. Used from one thread at a time; shared with other processes by SQLite.

    Raises:
        LedgerError: it is of a newer version, of another group, or not a ledger.
    """

    def __init__(self, path: Path, *, group: str) -> None:
        self._path = path
        self._epoch = 0
        self.id = ""
        """Tells this ledger, and so its directory, from every other."""
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
        if self._version() != SCHEMA_VERSION or not self._is_complete():
            self._set_up(group)
        owner = self._identity("group")
        if owner != group:
            raise LedgerError(
                f"ledger {self._path} belongs to group {owner!r}: "
                f"give group {group!r} a --dir of its own"
            )
        self.id = self._identity("id")

    def _set_up(self, group: str) -> None:
        """Make the tables, or bring those of an older version up to date."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            version = self._version()  # another receiver may just have done it
            if version == 0:
                self._run(_SCHEMA + _LANDMARKS)
                self._db.execute("INSERT INTO identity VALUES ('group', ?)", (group,))
                self._db.execute("INSERT INTO identity VALUES ('id', ?)", (secrets.token_hex(8),))
            elif version == 1:
                self._run(_FROM_1_TO_2 + _LANDMARKS)
                self._db.execute("INSERT INTO identity VALUES ('id', ?)", (secrets.token_hex(8),))
            elif version == SCHEMA_VERSION:
                self._run(_LANDMARKS)
            else:
                raise LedgerError(
                    f"ledger {self._path} is of version {version}, this program knows "
                    f"{SCHEMA_VERSION}: use the program that wrote it, or another --dir"
                )
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _version(self) -> int:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        return int(version)

    def _is_complete(self) -> bool:
        (found,) = self._db.execute(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('landmark', 'log_of_host')"
        ).fetchone()
        return int(found) == 2

    def _run(self, statements: str) -> None:
        for statement in statements.split(";"):
            self._db.execute(statement)

    def _identity(self, key: str) -> str:
        (value,) = self._db.execute("SELECT value FROM identity WHERE key = ?", (key,)).fetchone()
        return str(value)

    def keep_to(self, stream: str) -> None:
        """See that the ledger is of this stream: hosts of two would share their files.

        Raises:
            LedgerError: it is of another, or cannot be written.
        """
        try:
            with self._transaction():
                row = self._db.execute(
                    "SELECT value FROM identity WHERE key = 'stream' UNION ALL "
                    "SELECT stream FROM (SELECT stream FROM epoch ORDER BY id LIMIT 1) LIMIT 1"
                ).fetchone()
                owner = row[0] if row else stream
                self._db.execute("INSERT OR IGNORE INTO identity VALUES ('stream', ?)", (owner,))
        except LedgerWriteError as error:
            raise LedgerError(str(error)) from error
        if owner != stream:
            raise LedgerError(
                f"ledger {self._path} belongs to stream {owner!r}: "
                f"give stream {stream!r} a --dir of its own"
            )

    def begin_epoch(self, stream: str, created: str) -> bool:
        """Work on this stream. Returns whether an earlier one of that name was made anew.

        Then an epoch begins, in which all sequences are new. The account and the source ranges of
        the one before go on: what a shipper sends again is recognised in the new stream too.

        Raises:
            LedgerWriteError: nothing was recorded.
        """
        with self._transaction():
            epochs = self._db.execute(
                "SELECT id, created FROM epoch WHERE stream = ? ORDER BY id", (stream,)
            ).fetchall()
            id_, known = epochs[-1] if epochs else (0, "")
            if known.partition("~")[0] != created:
                id_ = self._new_epoch(stream, f"{created}~{id_}" if epochs else created, id_)
        self._epoch = id_
        return bool(epochs) and id_ != epochs[-1][0]

    def set_back(self, partition: int, last_sequence: int) -> None:
        """Forget a partition's sequences behind one: the stream counts anew from there.

        Raises:
            LedgerWriteError: nothing was recorded.
        """
        entry = self.load(partition)
        logs = [
            replace(
                log,
                mark=min(log.mark, last_sequence),
                refused=frozenset(one for one in log.refused if one <= last_sequence),
                parked_from=log.parked_from if log.parked_from <= last_sequence else 0,
            )
            for log in entry.logs
        ]
        landmarks = [one for one in entry.landmarks if one.sequence <= last_sequence]
        place = (self._epoch, partition)
        with self._transaction():
            self._db.execute(
                "UPDATE progress SET committed = min(committed, ?) "
                "WHERE epoch = ? AND partition = ?",
                (last_sequence, *place),
            )
            self._db.executemany(_UPDATE, [(*_row(log), log.id) for log in logs])
            self._db.execute(_UPSERT_LANDMARKS, (*place, json.dumps(landmarks)))

    def _new_epoch(self, stream: str, created: str, before: int) -> int:
        (id_,) = self._db.execute(
            "INSERT INTO epoch (stream, created) VALUES (?, ?) RETURNING id", (stream, created)
        ).fetchone()
        # What is older is of no use: a stream that comes back begins an epoch of its own. The rows
        # of the epochs themselves stay: by them a commit that comes late is known to be late.
        for table in ("log", "progress", "landmark"):
            self._db.execute(
                f"DELETE FROM {table} WHERE epoch IN "  # noqa: S608 - our names
                "(SELECT id FROM epoch WHERE stream = ? AND id < ?)",
                (stream, before if table == "log" else id_),
            )
        self._db.execute(_CARRY_OVER, (id_, before))
        return int(id_)

    def load(self, partition: int) -> PartitionEntry:
        """Return what is known of a partition.

        Raises:
            LedgerReadError: it cannot be read.
        """
        with self._reading():
            return self._load(partition)

    def _load(self, partition: int) -> PartitionEntry:
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
        files = {log.path: found for log in logs if (found := self.file(log.path)) is not None}
        return PartitionEntry(
            epoch=self._epoch,
            committed=row and row[0],
            logs=logs,
            files=files,
            landmarks=self._landmarks(partition),
        )

    def _landmarks(self, partition: int) -> tuple[Landmark, ...]:
        row = self._db.execute(
            "SELECT landmarks FROM landmark WHERE epoch = ? AND partition = ?",
            (self._epoch, partition),
        ).fetchone()
        return tuple(Landmark(*one) for one in json.loads(row[0])) if row else ()

    def elsewhere(self, epoch: int, partition: int, host: str, name: str) -> LogEntry | None:
        """Return a log's row of another partition, as after a change of their number.

        Raises:
            LedgerReadError: it cannot be read.
        """
        with self._reading():
            row = self._db.execute(
                f"SELECT id, host, name, {', '.join(_COLUMNS)} FROM log "  # noqa: S608 - our names
                "WHERE epoch = ? AND host = ? AND name = ? AND partition != ? "
                "ORDER BY written_at DESC LIMIT 1",
                (epoch, host, name, partition),
            ).fetchone()
            return _entry(*row) if row else None

    def file(self, path: str) -> FileEntry | None:
        """Return what is committed of a file, or None where it has no row: it is never cut then.

        Raises:
            LedgerReadError: it cannot be read.
        """
        with self._reading():
            row = self._db.execute(
                "SELECT length, inode, since FROM file WHERE path = ?", (path,)
            ).fetchone()
            return FileEntry(*row) if row else None

    def adopt(self, files: Mapping[str, FileEntry]) -> None:
        """Record files as they are before the next write to them, durably.

        Raises:
            LedgerWriteError: nothing was recorded.
        """
        with self._transaction():
            self._db.executemany(_UPSERT_FILE, _file_rows(files))

    def commit(self, commits: Iterable[PartitionCommit]) -> dict[tuple[int, str, str], int]:
        """Record what is synced to disk, durably, in one transaction.

        Returns the ids of logs that are new, by partition, host and name.

        Raises:
            LedgerWriteError: nothing was recorded.
        """
        new: dict[tuple[int, str, str], int] = {}
        with self._transaction():
            for part in commits:
                self._db.executemany(_UPSERT_FILE, _file_rows(part.files))
                if self._is_over(part.epoch):
                    new |= self._add_to_account(part)
                    continue
                place = (part.epoch, part.partition)
                if part.committed is not None:
                    self._db.execute(
                        "INSERT INTO progress VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
                        "SET committed = excluded.committed",
                        (*place, part.committed),
                    )
                if part.landmarks is not None:
                    self._db.execute(_UPSERT_LANDMARKS, (*place, json.dumps(part.landmarks)))
                self._db.executemany(_UPDATE, [(*_row(log), log.id) for log in part.logs if log.id])
                for log in part.logs:
                    if not log.id:
                        (id_,) = self._db.execute(
                            _INSERT, (*place, log.host, log.name, *_row(log))
                        ).fetchone()
                        new[part.partition, log.host, log.name] = id_
        return new

    def is_recordable(self, log: LogEntry) -> bool:
        """Whether a log's row is one that the database can hold: text is UTF-8, numbers 64 bits."""
        row = (log.host, log.name, *_row(log))
        try:
            self._db.execute(f"SELECT {', '.join('?' for _ in row)}", row)
        except sqlite3.Error:
            return True  # that is not the row's doing
        except (OverflowError, ValueError, TypeError):
            return False
        return True

    def _is_over(self, epoch: int) -> bool:
        """Whether the stream of an epoch has been made anew since."""
        (newest,) = self._db.execute(
            "SELECT max(id) FROM epoch WHERE stream = (SELECT stream FROM epoch WHERE id = ?)",
            (epoch,),
        ).fetchone()
        return newest is not None and newest != epoch

    def _add_to_account(self, part: PartitionCommit) -> dict[tuple[int, str, str], int]:
        """Record lines that were in memory when the stream was made anew.

        Their bytes count, and their ranges; their sequences name other messages by now.
        """
        (epoch,) = self._db.execute(
            "SELECT max(id) FROM epoch WHERE stream = (SELECT stream FROM epoch WHERE id = ?)",
            (part.epoch,),
        ).fetchone()
        ids: dict[tuple[int, str, str], int] = {}
        for log in part.logs:
            key = (part.partition, log.host, log.name)
            row = self._db.execute(
                "SELECT mark, refused, parked_from, id FROM log "
                "WHERE epoch = ? AND partition = ? AND host = ? AND name = ?",
                (epoch, *key),
            ).fetchone()
            mark, refused, parked_from, id_ = row or (0, "[]", 0, 0)
            now = replace(
                log, mark=mark, refused=frozenset(json.loads(refused)), parked_from=parked_from
            )
            if id_:
                self._db.execute(_UPDATE, (*_row(now), id_))
            else:
                (id_,) = self._db.execute(_INSERT, (epoch, *key, *_row(now))).fetchone()
            if not log.id:
                ids[key] = id_
        return ids

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError) as error:
            reason = f"the ledger {self._path} cannot be read: {error}"
            raise LedgerReadError(None, reason) from error

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


_CARRY_OVER = "UPDATE log SET epoch = ?, mark = 0, refused = '[]', parked_from = 0 WHERE epoch = ?"
_UPSERT_FILE = (
    "INSERT INTO file VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
    "SET length = excluded.length, inode = excluded.inode, since = excluded.since"
)
_UPSERT_LANDMARKS = (
    "INSERT INTO landmark VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET landmarks = excluded.landmarks"
)
_UPDATE = f"UPDATE log SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE id = ?"  # noqa: S608
_INSERT = (
    f"INSERT INTO log (epoch, partition, host, name, {', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES (?, ?, ?, ?, {', '.join('?' for _ in _COLUMNS)}) RETURNING id"
)


def _file_rows(files: Mapping[str, FileEntry]) -> list[tuple[object, ...]]:
    return [(path, file.length, file.inode, file.since) for path, file in files.items()]


def _row(log: LogEntry) -> tuple[object, ...]:
    spans = [(file, span.end, span.line) for file, span in log.spans.items()]
    gaps = [(gap.file, gap.start, gap.end, gap.lines) for gap in log.lost_ranges]
    return (
        log.path, log.mark, log.lines, log.messages, log.bytes, log.suppressed, log.doubled,
        log.lost, log.out_of_order, log.quarantined, log.parked_from, log.written_at,
        json.dumps(spans), json.dumps(sorted(log.refused)) if log.refused else "[]",
        json.dumps(gaps) if gaps else "[]",
    )  # fmt: skip


def _entry(id_: int, host: str, name: str, *columns: Any) -> LogEntry:
    values = dict(zip(_COLUMNS, columns, strict=True))
    spans = {file: Span(end, line) for file, end, line in json.loads(values.pop("spans"))}
    gaps = tuple(
        LostRange(log=name, file=file, start=start, end=end, lines=lines)
        for file, start, end, lines in json.loads(values.pop("lost_ranges"))
    )
    return LogEntry(
        id=id_,
        host=host,
        name=name,
        spans=spans_kept(spans),
        refused=frozenset(json.loads(values.pop("refused"))),
        lost_ranges=gaps,
        **values,
    )
