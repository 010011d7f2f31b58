"""What survives: records, written whole or not at all, by one process at a time."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from shipper.checkpoint import Checkpoint, CheckpointError, Flight, LogRecord
from shipper.fingerprint import Position
from shipper.wire import SourceRange

RECORD = LogRecord(
    name="app.log",
    files=(
        Position(
            identity="1-1",
            device=2**64 - 1,
            inode=2**64 - 1,
            offset=7,
            lines=1,
            head="aa",
            tail="bb",
            modified_ns=5,
        ),
    ),
    flights=(
        Flight(
            source=SourceRange(
                host="web1", name="app.log", file="1-1", start=7, end=9, line=1, split="head"
            ),
            digest="cc",
        ),
    ),
)
LOG = os.fsdecode(b"/var/log/\xff.log")


def test_records_are_read_back(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state")
    checkpoint.save([(LOG, LogRecord(name="before"))])
    checkpoint.save([(LOG, RECORD)])
    checkpoint.close()
    again = Checkpoint(tmp_path / "state")
    assert dict(again.records()) == {LOG: RECORD}
    assert again.record(LOG) == RECORD
    assert again.record("/other.log") is None
    again.close()


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state")
    checkpoint.save([(LOG, RECORD)])
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    for file in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    checkpoint.close()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="another shipper uses the state directory"):
        Checkpoint(tmp_path)
    checkpoint.close()
    Checkpoint(tmp_path).close()


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 100, b"x"])
def test_a_damaged_state_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.sqlite").write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        Checkpoint(tmp_path)


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path).close()
    with sqlite3.connect(tmp_path / "checkpoint.sqlite") as database:
        database.execute("INSERT INTO log VALUES (x'2f61', x'7b7d')")
    database.close()
    checkpoint = Checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="is damaged"):
        list(checkpoint.records())
    checkpoint.close()


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "checkpoint.sqlite") as database:
        database.execute("CREATE TABLE other (x)")
    database.close()
    with pytest.raises(CheckpointError, match="no shipper's state"):
        Checkpoint(tmp_path)


def test_a_newer_state_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path).close()
    with sqlite3.connect(tmp_path / "checkpoint.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(CheckpointError, match="newer version"):
        Checkpoint(tmp_path)


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot write the state directory"):
        Checkpoint(tmp_path / "file" / "state")
