"""The ledger and streams that are made anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from natsconsole.domain.integrity import Span
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
