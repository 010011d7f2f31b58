"""The ledger and streams that are made anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from natsconsole.domain.integrity import Span
from natsconsole.receiver.landmarks import Landmark
from natsconsole.receiver.ledger import Ledger, LogEntry, PartitionCommit


def test_lines_of_a_stream_that_was_made_anew_meanwhile_count(tmp_path: Path) -> None:
    """They were in memory. Their bytes and ranges stay; their sequences mean nothing any more."""
    ledger = Ledger(tmp_path / "ledger.db", group="archive")
    ledger.begin_epoch("LOGS", "one")
    row = LogEntry(host="web1", name="app.log", path="web1/app.log", mark=5, lines=5)
    old = PartitionCommit(epoch=1, partition=0, committed=5, logs=(row,), files={})
    ids = ledger.commit([old])
    assert ledger.begin_epoch("LOGS", "two")
    later = replace(row, id=ids[0, "web1", "app.log"], mark=9, lines=9, spans={"f1": Span(90, 9)})
    fresh = LogEntry(host="web2", name="app.log", path="web2/app.log", mark=8, lines=1)
    ids = ledger.commit([replace(old, committed=9, logs=(later, fresh))])
    assert ids[0, "web2", "app.log"]
    entry = ledger.load(0)
    assert entry.committed is None
    assert {log.host: (log.mark, log.lines) for log in entry.logs} == {
        "web1": (0, 9),
        "web2": (0, 1),
    }
    (web1, _) = sorted(entry.logs, key=lambda log: log.host)
    assert web1.spans == {"f1": Span(90, 9)}
    ledger.close()


def test_streams_made_anew_again_and_again_leave_nothing_behind(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", group="archive")
    row = LogEntry(host="web1", name="app.log", path="web1/app.log", mark=5, lines=5, parked_from=4)
    for day in range(1, 7):
        ledger.begin_epoch("LOGS", f"2026-01-0{day}T00:00:00Z")
        known = ledger.load(0)
        assert [(log.mark, log.parked_from, log.lines) for log in known.logs] == (
            [(0, 0, 5)] if day > 1 else []
        )
        log = replace(row, id=known.logs[0].id) if known.logs else row
        ledger.commit([commit(known.epoch, log)])
    ledger.begin_epoch("LOGS", "2026-01-07T00:00:00Z")
    counts = {
        table: ledger._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        for table in ("log", "progress", "landmark")
    }
    assert counts == {"log": 1, "progress": 0, "landmark": 0}


def commit(epoch: int, log: LogEntry) -> PartitionCommit:
    return PartitionCommit(
        epoch=epoch,
        partition=0,
        committed=5,
        logs=(log,),
        files={},
        landmarks=(Landmark(5, 7),),
    )
