"""Write, sync, commit, and what is taken back when one of them fails. No server, no loop."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from natsconsole.receiver.archive import Archive
from natsconsole.receiver.batch import Batch
from natsconsole.receiver.committer import Committer
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.faults import FullDisk
from natsconsole.receiver.ledger import Ledger, LedgerError
from natsconsole.receiver.log_files import LARGEST_CUT, UncertainFileError
from shipper.wire import SourceRange

STREAM = ("LOGS", "2026-01-01T00:00:00Z")


class Disk:
    """A committer on a directory, which can be closed and opened again as after a crash."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.archive = Archive(directory, open_files=2)
        self.ledger = Ledger(directory / "ledger.db", group="archive")
        self.ledger.begin_epoch(*STREAM)
        self.committer = Committer(self.archive, self.ledger)
        self.logs, self.entry = self.committer.take_over(0)

    def commit(
        self, *deliveries: Delivery, refused: frozenset[int] = frozenset()
    ) -> OSError | None:
        by_log = {("web1", "app.log"): refused} if refused else {}
        (outcome,) = self.committer.commit(
            [Batch(logs=self.logs, deliveries=deliveries, refused=by_log)]
        )
        return outcome.failure

    def crash(self) -> Disk:
        self.archive.close()
        self.ledger.close()
        return Disk(self.directory)

    def content(self, path: str = "web1/app.log") -> bytes:
        return (self.directory / path).read_bytes()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "out")


def message(
    sequence: int, payload: bytes, *, start: int | None = None, line: int = 0, host: str = "web1"
) -> Delivery:
    source = None
    if start is not None:
        source = SourceRange(
            host=host, name="app.log", file="f1", start=start, end=start + len(payload), line=line
        )
    return Delivery(sequence, sequence, 1, "", host, source, payload, received=0.0)


def test_appends_and_remembers(disk: Disk) -> None:
    disk.commit(message(1, b"a\n", start=0), message(2, b"bc\n", start=2, line=1))
    again = disk.crash()

    assert again.content() == b"a\nbc\n"
    assert again.entry.first_uncommitted == 3
    (log,) = again.entry.logs
    assert (log.mark, log.lines, log.bytes, log.lost) == (2, 2, 5, 0)


def test_repeats_are_not_written(disk: Disk) -> None:
    disk.commit(message(1, b"a\n", start=0), message(2, b"b\n", start=2, line=1))
    disk.commit(message(1, b"a\n", start=0), message(3, b"c\n", start=4, line=2))

    assert disk.content() == b"a\nb\nc\n"
    assert disk.logs.logs["web1", "app.log"].suppressed == 1


def test_a_resend_under_another_sequence_is_not_written(disk: Disk) -> None:
    disk.commit(message(1, b"a\nb\n", start=0))
    disk.commit(message(2, b"a\nb\n", start=0), message(3, b"b\nc\n", start=2, line=1))

    assert disk.content() == b"a\nb\nc\n"


def test_refused_messages_are_no_repeats(disk: Disk) -> None:
    disk.commit(message(3, b"c\n"), refused=frozenset({2}))
    again = disk.crash()
    assert again.entry.first_uncommitted == 2

    path = ("web1", "app.log")
    assert not again.logs.logs[path].is_repeat(2)


def test_a_refused_message_written_late_is_counted_out_of_order(disk: Disk) -> None:
    disk.commit(message(1, b"a\n", start=0))
    disk.commit(message(3, b"c\n", start=4, line=2), refused=frozenset({2}))
    assert disk.logs.logs["web1", "app.log"].lost == 1
    disk.commit(message(2, b"b\n", start=2, line=1))

    log = disk.logs.logs["web1", "app.log"]
    assert (disk.content(), log.lost, log.out_of_order) == (b"a\nc\nb\n", 0, 1)
    assert disk.crash().entry.first_uncommitted == 4


def test_a_gap_in_the_source_is_lost_lines(disk: Disk) -> None:
    disk.commit(message(1, b"a\n", start=0), message(9, b"e\n", start=8, line=4))

    assert disk.logs.logs["web1", "app.log"].lost == 3


def test_uncommitted_bytes_are_cut_on_start(disk: Disk) -> None:
    disk.commit(message(1, b"a\n", start=0))
    with (disk.directory / "web1/app.log").open("ab") as file:
        file.write(b"half a li")
    again = disk.crash()

    assert again.content() == b"a\n"


def test_a_file_that_is_much_longer_is_never_cut(disk: Disk) -> None:
    disk.commit(message(1, b"a\n", start=0))
    path = disk.directory / "web1/app.log"
    with path.open("ab") as file:
        file.truncate(LARGEST_CUT + 10)

    with pytest.raises(UncertainFileError, match="move it away"):
        disk.crash()
    assert path.stat().st_size == LARGEST_CUT + 10


def test_a_file_without_a_ledger_row_is_never_cut(disk: Disk) -> None:
    (disk.directory / "web1").mkdir()
    (disk.directory / "web1/app.log").write_bytes(b"was here\n")
    disk.commit(message(1, b"a\n", start=0))

    assert disk.content() == b"was here\na\n"


def test_a_crash_before_the_first_commit_leaves_nothing_to_double(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_commits: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(disk.ledger, "commit", crash)
    with pytest.raises(KeyboardInterrupt):
        disk.commit(message(1, b"a\n", start=0))
    assert disk.content() == b"a\n"

    again = disk.crash()
    again.commit(message(1, b"a\n", start=0))
    assert again.content() == b"a\n"


@pytest.mark.parametrize("table", ["file", "log"])
def test_a_ledger_that_cannot_be_read_breaks_no_host(disk: Disk, table: str) -> None:
    disk.commit(message(1, b"a\n", start=0))
    disk.ledger._db.execute(f"ALTER TABLE {table} RENAME TO away")
    failure = disk.commit(message(2, b"x\n", host="new"))
    assert failure is not None
    assert "cannot be read: no such table" in str(failure.strerror)
    with pytest.raises(OSError, match="cannot be read: no such table"):
        disk.committer.take_over(0)

    disk.ledger._db.execute(f"ALTER TABLE away RENAME TO {table}")
    assert disk.commit(message(2, b"x\n", host="new")) is None
    assert disk.content() == b"a\n"


def test_a_ledger_that_cannot_be_written_leaves_nothing_behind(disk: Disk) -> None:
    disk.commit(message(1, b"a\n", start=0))
    disk.ledger._db.execute("PRAGMA query_only = ON")
    for payload in (message(2, b"b\n", start=2, line=1), message(3, b"x\n", host="new")):
        failure = disk.commit(payload)
        assert failure is not None
        assert "ledger" in str(failure.strerror)
    assert disk.content() == b"a\n"

    disk.ledger._db.execute("PRAGMA query_only = OFF")
    assert disk.commit(message(2, b"b\n", start=2, line=1)) is None
    assert disk.content() == b"a\nb\n"


def test_full_disk_leaves_nothing_behind_and_can_be_repeated(disk: Disk) -> None:
    disk.commit(message(1, b"a\n", start=0))
    batch = (message(2, b"long line\n", start=2, line=1),)
    disk.archive.write_fault = FullDisk()

    for _ in range(2):
        failure = disk.commit(*batch)
        assert failure is not None
        assert failure.errno == errno.ENOSPC
        assert disk.content() == b"a\n"
    disk.archive.write_fault = None
    assert disk.commit(*batch) is None
    assert disk.content() == b"a\nlong line\n"


def test_one_broken_file_fails_its_own_log_only(disk: Disk) -> None:
    (disk.directory / "bad").write_bytes(b"a file where the host's directory should be")
    (outcome,) = disk.committer.commit(
        [
            Batch(
                logs=disk.logs,
                deliveries=[
                    message(1, b"x\n", host="bad"),
                    message(2, b"y\n", start=0),
                    message(3, b"z\n", host="bad"),
                ],
            )
        ]
    )

    assert outcome.failure is None
    assert list(outcome.broken) == [("bad", "")]
    assert [one.sequence for one in outcome.unwritten] == [1, 3]
    assert disk.content() == b"y\n"
    again = disk.crash()
    assert again.entry.first_uncommitted == 1, "it must be delivered again"
    (again.directory / "bad").unlink()
    again.commit(*(message(one, data, host="bad") for one, data in ((1, b"x\n"), (3, b"z\n"))))
    assert again.content("bad/bad.log") == b"x\nz\n"
    assert again.crash().entry.first_uncommitted == 4


def test_more_logs_than_descriptors(disk: Disk) -> None:
    for turn in range(3):
        disk.commit(*(message(turn * 10 + i + 1, b"x\n", host=f"h{i}") for i in range(10)))

    assert [disk.content(f"h{i}/h{i}.log") for i in range(10)] == [b"x\nx\nx\n"] * 10


def test_a_link_is_not_followed(disk: Disk, tmp_path: Path) -> None:
    (disk.directory / "web1").mkdir()
    target = tmp_path / "target"
    target.write_bytes(b"")
    (disk.directory / "web1/app.log").symlink_to(target)

    (outcome,) = disk.committer.commit(
        [Batch(logs=disk.logs, deliveries=[message(1, b"a\n", start=0)])]
    )
    assert ("web1", "app.log") in outcome.broken
    assert target.read_bytes() == b""


def test_a_stream_made_anew_is_a_new_epoch(disk: Disk) -> None:
    disk.commit(message(5, b"a\n"))
    recreated = disk.ledger.begin_epoch("LOGS", "2026-02-02T00:00:00Z")
    logs, entry = disk.committer.take_over(0)

    assert recreated
    assert entry.committed is None
    disk.committer.commit([Batch(logs=logs, deliveries=[message(1, b"b\n")])])
    assert disk.content("web1/web1.log") == b"a\nb\n"


def test_a_ledger_of_a_newer_version_stops(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path, group="archive")
    ledger._db.execute("PRAGMA user_version = 99")
    ledger.close()

    with pytest.raises(LedgerError, match="of version 99"):
        Ledger(path, group="archive")


def test_a_file_that_is_no_ledger_stops(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is no database at all" * 100)

    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger(path, group="archive")


@pytest.mark.parametrize("dropped", ["TABLE landmark", "INDEX log_of_host"])
def test_a_ledger_from_before_landmarks_is_read(disk: Disk, dropped: str) -> None:
    disk.commit(message(1, b"a\n", start=0))
    disk.ledger._db.execute(f"DROP {dropped}")
    again = disk.crash()
    again.commit(message(2, b"b\n", start=2, line=1))

    last = again.crash()
    assert last.content() == b"a\nb\n"
    names = [name for (name,) in last.ledger._db.execute("SELECT name FROM sqlite_master")]
    assert dropped.split()[1] in names


def test_hosts_that_differ_in_case_alone_share_no_file_where_case_is_folded(disk: Disk) -> None:
    disk.archive.folds_case = True
    disk.commit(message(1, b"a\n", host="Web1"), message(2, b"b\n", host="web1"))
    disk.commit(message(3, b"c\n", host="WEB1"))

    paths = {log.host: log.path for log in disk.logs.logs.values()}
    assert paths["web1"] == "web1/web1.log"
    assert len({path.casefold() for path in paths.values()}) == 3
    assert {host: disk.content(path) for host, path in paths.items()} == {
        "Web1": b"a\n",
        "web1": b"b\n",
        "WEB1": b"c\n",
    }
