"""One log: rotation, truncation, long lines. No server: only files."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipper.batches import cut
from shipper.chain import Beginning
from shipper.discovery import NotALogError
from shipper.source_log import Reading
from tests.shipper.shipping import QUICK, LogReader, append

ONCE = Reading(once=True)


def rotate(path: Path, keep: int = 9) -> None:
    for number in range(keep, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_bytes(b"")
    return path


def test_whole_lines_are_read_and_a_partial_one_waits(log: Path) -> None:
    append(log, b"one\ntw")
    reader = LogReader(log)
    assert reader.read(settled=True) == b"one\n"
    append(log, b"o")
    assert reader.read(settled=True) == b""
    append(log, b"!\n")
    assert reader.read() == b"two!\n"
    assert [(s.start, s.end, s.line) for s in reader.sources] == [(0, 4, 0), (4, 9, 1)]


def test_once_reads_a_partial_last_line_and_the_next_run_the_rest_of_it(log: Path) -> None:
    append(log, b"one\ntw")
    reader = LogReader(log, ONCE)
    assert reader.read() == b"one\ntw"
    append(log, b"o\nthree\n")
    again = reader.restart(reading=ONCE)
    assert again.read() == b"o\nthree\n"
    assert again.sources[0].file == reader.sources[0].file
    assert [s.start for s in again.sources] == [6, 8]


@pytest.mark.parametrize(
    "odd", [b"dos\r\n", b"\r\n", b"\n\n\n", b"a\0b\n", b"\xff\xfe\xc3(\n", b"\xef\xbb\xbfbom\n"]
)
def test_bytes_are_not_touched(log: Path, odd: bytes) -> None:
    append(log, odd)
    assert LogReader(log).read() == odd


def test_lines_linger_for_others(log: Path) -> None:
    reader = LogReader(log, Reading(linger=30))
    append(log, b"one\n")
    assert reader.read() == b""
    append(log, b"two\n")
    assert reader.read(settled=True) == b"one\ntwo\n"
    assert len(reader.batches) == 1


def test_a_renamed_file_is_drained_before_its_successor(log: Path) -> None:
    append(log, b"one\n")
    reader = LogReader(log)
    reader.read()
    append(log, b"two\nlast without end")
    rotate(log)
    append(log, b"three\n")
    assert reader.read() == b"two\n"
    assert reader.read(settled=True) == b"last without endthree\n"
    assert reader.sources[0].file != reader.sources[-1].file


def test_late_lines_of_a_rotated_file_are_not_lost(log: Path) -> None:
    reader = LogReader(log)
    append(log, b"one\n")
    rotate(log)
    append(log, b"new\n")
    assert reader.read(settled=True) == b"one\nnew\n"
    append(log.with_name("app.log.1"), b"late\n")
    assert reader.read(settled=True) == b"late\n"


def test_a_rotated_file_stays_current_until_its_successor_has_lines(log: Path) -> None:
    append(log, b"one\n")
    reader = LogReader(log)
    rotate(log)
    log.write_bytes(b"")
    reader.read(settled=True)
    append(log.with_name("app.log.1"), b"two\n")
    assert reader.read() == b"two\n"


def test_two_rotations_between_two_looks(log: Path) -> None:
    append(log, b"one\n")
    reader = LogReader(log)
    rotate(log)
    append(log, b"two\n")
    rotate(log)
    append(log, b"three\n")
    assert reader.read(settled=True) == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("rotations", [1, 2, 5])
def test_rotations_while_stopped(log: Path, rotations: int) -> None:
    append(log, b"read before\n")
    reader = LogReader(log)
    reader.read()
    wanted = b""
    for number in range(rotations):
        append(log, b"unread %d\n" % number)
        wanted += b"unread %d\n" % number
        rotate(log)
        log.write_bytes(b"")
    append(log, b"current\n")
    assert reader.restart().read(settled=True) == wanted + b"current\n"


def test_dated_rotations_while_stopped_go_by_their_age(log: Path) -> None:
    append(log, b"0\n")
    reader = LogReader(log)
    reader.read()
    for day in (1, 2):
        append(log, b"%d\n" % day)
        dated = log.rename(log.with_name(f"app.log-2026010{day}"))
        os.utime(dated, (day * 1000, day * 1000))
    append(log, b"3\n")
    assert reader.restart().read(settled=True) == b"1\n2\n3\n"


def test_rotation_to_another_name_while_stopped(log: Path) -> None:
    append(log, b"one\n")
    reader = LogReader(log)
    reader.read()
    append(log, b"two\n")
    log.rename(log.with_name("before.txt"))
    append(log, b"three\n")
    assert reader.restart().read(settled=True) == b"two\nthree\n"


def test_a_compressed_rotation_is_not_shipped_again(log: Path) -> None:
    append(log, b"one\n")
    reader = LogReader(log)
    reader.read()
    log.rename(log.with_name("app.log.1.gz"))
    append(log, b"two\n")
    assert reader.restart().read(settled=True) == b"two\n"


def test_older_generations_of_a_log_never_seen_stay_unless_wanted(log: Path) -> None:
    append(log, b"old\n")
    rotate(log)
    append(log, b"new\n")
    assert LogReader(log).read(settled=True) == b"new\n"
    wanted = Beginning(paths=frozenset({str(log.with_name("app.log.1"))}))
    assert LogReader(log, wanted=wanted).read(settled=True) == b"old\nnew\n"


def test_a_file_deleted_while_open_is_read_to_its_end(log: Path) -> None:
    append(log, b"one\n")
    reader = LogReader(log)
    log.unlink()
    assert reader.read(settled=True) == b"one\n"
    assert not reader.log.is_gone
    append(log, b"two\n")
    assert reader.read(settled=True) == b"two\n"


def test_a_deleted_and_drained_log_is_let_go(log: Path) -> None:
    append(log, b"one\n")
    reader = LogReader(log, Reading(linger=0, retire_after=0))
    reader.read()
    log.unlink()
    reader.read()
    reader.read()
    assert reader.log.is_gone
    append(log, b"two\n")
    assert reader.restart().read() == b"two\n"


def test_a_drained_log_that_was_moved_away_is_let_go(log: Path) -> None:
    append(log, b"one\n")
    reader = LogReader(log, Reading(linger=0, retire_after=1))
    reader.read()
    moved = log.rename(log.with_name("archive"))
    now = time.monotonic()
    reader.log.look(now)
    reader.log.look(now + 1000)
    assert reader.log.file_count == 1, "it is in the directory under another name"
    (log.parent / "away").mkdir()
    moved.rename(log.parent / "away" / "archive")
    reader.log.look(now + 1001)
    assert reader.log.file_count == 1, "it is not searched for at each look"
    reader.log.look(now + 1100)
    assert reader.log.is_gone
    append(log, b"two\n")
    assert reader.restart().read() == b"two\n"


def test_late_lines_of_a_log_that_was_moved_away_are_not_lost(log: Path) -> None:
    append(log, b"one\n")
    os.utime(log, (1, 1))
    reader = LogReader(log, Reading(linger=0, retire_after=60))
    reader.read()
    with log.open("ab") as held:
        (log.parent / "away").mkdir()
        log.rename(log.parent / "away" / "app.log")
        now = time.monotonic()
        reader.log.look(now)
        reader.log.look(now + 300)
        held.write(b"late\n")
    assert reader.read() == b"late\n"


def test_truncation_begins_a_new_file(log: Path) -> None:
    append(log, b"one\ntwo\n")
    reader = LogReader(log)
    reader.read()
    log.write_bytes(b"three\n")
    reader.read()
    assert reader.read(settled=True) or reader.batches[-1] == b"three\n"
    assert reader.sources[-1].file != reader.sources[0].file
    assert (reader.sources[-1].start, reader.sources[-1].line) == (0, 0)
    assert reader.log.restarts == 1


@pytest.mark.parametrize("is_stopped", [False, True])
def test_truncation_and_growth_beyond_the_position(log: Path, is_stopped: bool) -> None:
    append(log, b"one\n")
    reader = LogReader(log)
    reader.read()
    log.write_bytes(b"another\nand more\n")
    if is_stopped:
        reader = reader.restart()
    assert reader.read() + reader.read() == b"another\nand more\n"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_copied_and_truncated_file_is_read_on_in_the_copy(log: Path, is_stopped: bool) -> None:
    append(log, b"one\n")
    reader = LogReader(log)
    reader.read()
    append(log, b"two\n")
    shutil.copyfile(log, log.with_name("app.log.1"))
    os.truncate(log, 0)
    if is_stopped:
        reader = reader.restart()
    got = reader.read(settled=True)
    append(log, b"three\n")
    got += reader.read(settled=True) + reader.read(settled=True)
    assert got == b"two\nthree\n"
    assert [s.start for s in reader.sources][-2:] == [4, 0]


def test_an_inode_used_again_is_another_file(log: Path) -> None:
    append(log, b"one\n")
    reader = LogReader(log)
    reader.read()
    record = reader.log.record()
    reader.log.close()
    log.write_bytes(b"two\n")  # the same inode, as the file system would give it out again
    again = LogReader(log, record=record)
    assert again.read() == b"two\n"
    assert again.sources[0].file != reader.sources[0].file


def test_a_recorded_range_goes_out_again_as_it_was(log: Path) -> None:
    append(log, b"one\ntwo\n")
    reader = LogReader(log)
    first = reader.log.next_batch(1 << 16, 1e12)
    assert first is not None
    append(log, b"three\n")
    again = reader.restart()
    assert list(again.log.in_hand) == [first]
    again.log.acknowledge(again.log.in_hand[0])
    assert again.read() == b"three\n"


def test_a_recorded_range_of_other_content_is_not_sent_under_its_id(log: Path) -> None:
    append(log, b"one\ntwo\n")
    reader = LogReader(log)
    first = reader.log.next_batch(1 << 16, 1e12)
    assert first is not None
    log.write_bytes(b"another\nfile\n")
    again = reader.restart()
    assert not again.log.in_hand
    assert again.read() == b"another\nfile\n"
    assert again.sources[0].file != first.source.file


def test_rewinding_reads_the_same_bytes_in_other_portions(log: Path) -> None:
    text = b"".join(b"line %d\n" % n for n in range(1000))
    append(log, text)
    reader = LogReader(log)
    reader.log.next_batch(4096, 1e12)
    reader.log.next_batch(4096, 1e12)
    reader.log.rewind()
    assert reader.read(limit=100) == text


@pytest.mark.parametrize("length", [15, 16, 17, 31, 32, 33, 48, 100])
def test_long_lines_are_split_and_reassemble(log: Path, length: int) -> None:
    text = b"a\n" + b"x" * length + b"\nb\n"
    append(log, text)
    reader = LogReader(log, Reading(linger=0, max_line=16))
    assert reader.read() == text
    assert all(len(line) <= 16 for batch in reader.batches for line in batch.splitlines(True))
    splits = [s.split for s in reader.sources if s.split]
    assert splits == (["head"] + ["middle"] * (len(splits) - 2) + ["tail"] if splits else [])
    assert bool(splits) == (length + 1 > 16)


def test_a_line_that_never_ends_is_shipped_in_pieces(log: Path) -> None:
    append(log, b"x" * 1000)
    reader = LogReader(log, Reading(linger=0, max_line=64))
    assert reader.read() == b"x" * 960
    assert {s.split for s in reader.sources} == {"head", "middle"}


@given(
    content=st.lists(st.sampled_from([b"a", b"\n", b"bcd", b"ef\n"]), max_size=40).map(b"".join),
    limit=st.integers(4, 24),
    max_line=st.integers(4, 24),
)
@settings(max_examples=300)
def test_cuts_join_to_the_content(content: bytes, limit: int, max_line: int) -> None:
    pieces = []
    rest = content
    while rest:
        before = content[: len(content) - len(rest)]
        place = cut(
            rest[:limit],
            limit=limit,
            max_line=max_line,
            inside_line=bool(before) and not before.endswith(b"\n"),
            final=len(rest) <= limit,
        )
        assert place is not None
        assert 0 < place.size <= limit
        pieces.append(rest[: place.size])
        rest = rest[place.size :]
        assert place.split or pieces[-1].endswith(b"\n") or not rest
    assert b"".join(pieces) == content


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_bytes_written_are_the_bytes_read(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    log = tmp_path / "app.log"
    append(log, b"")
    reader = LogReader(log)
    written = got = b""
    for step in range(120):
        action = choose.choice(["append", "append", "part", "rotate", "read", "settle", "restart"])
        if action in ("append", "part"):
            text = b"seed %d step %d %s" % (seed, step, b"." * choose.randrange(300))
            written += text + (b"\n" if action == "append" else b"")
            append(log, text + (b"\n" if action == "append" else b""))
        elif action == "rotate" and log.stat().st_size:
            rotate(log, keep=200)
            append(log, b"")
        elif action == "read":
            got += reader.read()
        elif action == "settle":
            got += reader.read(settled=True)
        elif action == "restart":
            reader = reader.restart()
    append(log, b"end\n")
    got += reader.read(settled=True)
    assert got == written + b"end\n"


@pytest.mark.parametrize("kind", ["fifo", "directory", "device", "link out"])
def test_what_is_no_log_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "logs" / "odd.log"
    path.parent.mkdir()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        (tmp_path / "secret").write_bytes(b"secret\n")
        path.symlink_to(tmp_path / "secret")
    with pytest.raises(NotALogError):
        LogReader(path)


def test_a_link_within_its_directory_is_followed_when_it_moves_on(tmp_path: Path) -> None:
    for day in (1, 2):
        append(tmp_path / f"day{day}", b"day %d\n" % day)
    link = tmp_path / "current"
    link.symlink_to("day1")
    reader = LogReader(link, QUICK)
    assert reader.read() == b"day 1\n"
    link.unlink()
    link.symlink_to("day2")
    assert reader.read(settled=True) == b"day 2\n"


def test_from_end_begins_behind_the_last_line_end(log: Path) -> None:
    append(log, b"one\ntw")
    reader = LogReader(log, from_end=True)
    append(log, b"o\n")
    assert reader.read() == b"two\n"
