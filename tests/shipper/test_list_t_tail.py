"""Every case in which a file tailer has been seen to lose or double lines, by its number.

No server: a batch counts as acknowledged as soon as it is read. What needs one is in
`test_agent.py` and `test_list_t_many_logs.py`.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import time
from pathlib import Path

import pytest

from shipper.chain import Beginning
from shipper.discovery import NotALogError, Pattern, find_logs, open_log
from shipper.source_log import Reading
from tests.shipper.shipping import QUICK, LogReader, append
from tests.support.capabilities import without_root_powers


def shift(path: Path, keep: int = 9) -> None:
    """Rotate by number: .1 to .2, the log to .1."""
    for number in range(keep, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


def copy_truncate(path: Path, between: bytes = b"") -> None:
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    append(path, between)
    os.truncate(path, 0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    append(path, b"one\n")
    return path


def drained(reader: LogReader) -> bytes:
    """All that is due, however many looks it takes."""
    got = b""
    # A look at which a file turns out to be another one brings nothing, the next one does.
    while more := reader.read(settled=True) or reader.read(settled=True):
        got += more
    return got


# 1-5: rotation by rename.


def test_t01_rename(log: Path) -> None:
    reader = LogReader(log)
    append(log, b"two\n")
    shift(log)
    append(log, b"three\n")
    assert drained(reader) == b"one\ntwo\nthree\n"


def test_t02_rename_in_a_chain_while_behind(log: Path) -> None:
    reader = LogReader(log)
    wanted = b"one\n"
    for number in range(3):
        shift(log)
        append(log, b"%d\n" % number)
        wanted += b"%d\n" % number
        reader.log.look(time.monotonic())
    assert drained(reader) == wanted
    assert len({source.file for source in reader.sources}) == 4
    assert {source.name for source in reader.sources} == {"app.log"}


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("style", ["app.log.{}", "app-{}.log", "app.{}.log"])
def test_t03_t04_rename_while_stopped(log: Path, times: int, style: str) -> None:
    reader = LogReader(log)
    drained(reader)
    wanted = b""
    for turn in range(times):
        append(log, b"unread %d\n" % turn)
        wanted += b"unread %d\n" % turn
        for number in range(9, 0, -1):
            older = log.with_name(style.format(number))
            if older.exists():
                older.rename(log.with_name(style.format(number + 1)))
        log.rename(log.with_name(style.format(1)))
    append(log, b"new\n")
    assert drained(reader.restart()) == wanted + b"new\n"


def append_later(path: Path, text: bytes, *, than: Path) -> None:
    """Append so that the file's time is a later one: the kernel's clock ticks by milliseconds."""
    append(path, text)
    while path.stat().st_ctime_ns <= than.stat().st_ctime_ns:
        os.truncate(path, path.stat().st_size - len(text))
        append(path, text)


@pytest.mark.parametrize("is_stopped", [False, True])
@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("style", ["app.log.{}", "app-{}.log"])
def test_t03_t04_numbers_that_grow_with_each_rotation(
    log: Path, style: str, times: int, is_stopped: bool
) -> None:
    """As log4j2 counts: the youngest has the highest number."""
    before = log.rename(log.with_name(style.format(1)))
    append_later(log, b"old\n", than=before)
    before = log.rename(log.with_name(style.format(2)))
    append_later(log, b"begun\n", than=before)
    reader = LogReader(log)
    assert drained(reader) == b"begun\n"
    wanted = b""
    for turn in range(times):
        before = log.rename(log.with_name(style.format(3 + turn)))
        append_later(log, b"new %d\n" % turn, than=before)
        wanted += b"new %d\n" % turn
    if is_stopped:
        reader = reader.restart()
    assert drained(reader) == wanted


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t03_t04_late_lines_do_not_turn_the_order_round(log: Path, is_stopped: bool) -> None:
    """Whoever still has the first file open makes it the youngest by its times."""
    reader = LogReader(log)
    drained(reader)
    with log.open("ab") as held:
        shift(log)
        append(log, b"two\n")
        shift(log)
        append(log, b"three\n")
        late, young = (log.with_name(f"app.log.{number}") for number in (2, 1))
        while late.stat().st_ctime_ns <= young.stat().st_ctime_ns:
            held.write(b"late\n")
            held.flush()
    wanted = late.read_bytes().removeprefix(b"one\n") + b"two\nthree\n"
    if is_stopped:
        reader = reader.restart()
    assert drained(reader) == wanted


@pytest.mark.parametrize("upwards", [False, True])
def test_t03_t04_older_generations_that_are_wanted_come_in_order(log: Path, upwards: bool) -> None:
    for number in (1, 2):
        if upwards:
            before = log.rename(log.with_name(f"app.log.{number}"))
        else:
            shift(log)
            before = log.with_name("app.log.1")
        append_later(log, b"new %d\n" % number, than=before)
    paths = frozenset(str(log.with_name(f"app.log.{number}")) for number in (1, 2))
    reader = LogReader(log, wanted=Beginning(paths=paths))
    assert drained(reader) == b"one\nnew 1\nnew 2\n"


@pytest.mark.parametrize("style", ["app.log-2026010{}", "app-2026-01-0{}.log", "app.2026010{}.log"])
def test_t03_t04_dated_names_while_stopped(log: Path, style: str) -> None:
    reader = LogReader(log)
    drained(reader)
    for day in (1, 2, 3):
        append(log, b"day %d\n" % day)
        dated = log.rename(log.with_name(style.format(day)))
        os.utime(dated, (day * 1000, day * 1000))
    append(log, b"new\n")
    assert drained(reader.restart()) == b"day 1\nday 2\nday 3\nnew\n"


def test_t03_a_numbered_log_of_its_own_is_no_generation(log: Path) -> None:
    reader = LogReader(log)
    drained(reader)
    append(log.with_name("app-1.log"), b"another program's\n")
    shift(log)
    append(log, b"new\n")
    assert drained(reader.restart()) == b"new\n"


@pytest.mark.parametrize("is_stopped", [False, True])
@pytest.mark.parametrize("place", ["elsewhere.txt", "old/app.log"])
def test_t05_rename_to_a_name_outside_the_glob(log: Path, place: str, is_stopped: bool) -> None:
    reader = LogReader(log)
    drained(reader)
    append(log, b"two\n")
    target = log.parent / place
    target.parent.mkdir(exist_ok=True)
    log.rename(target)
    append(log, b"three\n")
    if is_stopped:
        reader = reader.restart()
    assert drained(reader) == b"two\nthree\n"


# 6-9: truncation.


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t06_copytruncate_read_up_to_date(log: Path, is_stopped: bool) -> None:
    reader = LogReader(log)
    drained(reader)
    copy_truncate(log)
    if is_stopped:
        reader = reader.restart()
    assert drained(reader) == b""
    append(log, b"two\n")
    assert drained(reader) == b"two\n"
    assert reader.log.lost_bytes == 0


def test_t07_copytruncate_while_behind_is_read_in_the_copy(log: Path) -> None:
    reader = LogReader(log)
    drained(reader)
    append(log, b"two\n")
    reader.log.look(time.monotonic())
    copy_truncate(log)
    append(log, b"three\n")
    assert drained(reader) == b"two\nthree\n"
    assert reader.log.lost_bytes == 0


def test_t07_what_copytruncate_takes_is_counted_and_said(
    log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = LogReader(log)
    drained(reader)
    append(log, b"two\n")
    shutil.copyfile(log, log.with_name("app.log.1"))
    append(log, b"between\n")
    reader.log.look(time.monotonic())
    os.truncate(log, 0)
    assert drained(reader) == b"two\n"
    assert reader.log.lost_bytes == len(b"between\n")
    assert "at least 8 bytes" in caplog.text


def test_t07_truncation_with_no_copy_is_counted_too(log: Path) -> None:
    reader = LogReader(log)
    drained(reader)
    append(log, b"never read\n")
    reader.log.look(time.monotonic())
    os.truncate(log, 0)
    assert drained(reader) == b""
    assert reader.log.lost_bytes == len(b"never read\n")


def test_t07_the_first_range_of_a_file_that_was_copied_goes_out_as_it_was(log: Path) -> None:
    reader = LogReader(log)
    first = reader.log.next_batch(1 << 16, 1e12)
    assert first is not None
    append(log, b"two\n")
    copy_truncate(log)
    append(log, b"three\n")
    again = reader.restart()
    assert again.log.in_hand == [first]
    again.log.acknowledge(first)
    assert drained(again) == b"two\nthree\n"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t07_copied_truncated_and_renamed_before_anything_was_read(
    log: Path, is_stopped: bool
) -> None:
    os.truncate(log, 0)
    os.utime(log, (1000, 1000))
    reader = LogReader(log)
    reader.log.look(time.monotonic())
    append(log, b"one\n")
    copy_truncate(log)
    os.utime(log.with_name("app.log.1"), (2000, 2000))
    append(log, b"two\n")
    os.utime(log, (3000, 3000))
    shift(log)
    append(log, b"three\n")
    if is_stopped:
        reader = reader.restart()
    assert drained(reader) == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t08_t09_truncated_and_grown_past_the_position(log: Path, is_stopped: bool) -> None:
    reader = LogReader(log)
    drained(reader)
    log.write_bytes(b"other\nand longer\n")
    if is_stopped:
        reader = reader.restart()
    assert drained(reader) == b"other\nand longer\n"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t08_rewritten_with_the_same_end_before_the_position(log: Path, is_stopped: bool) -> None:
    end = b"=" * 400 + b"\n"
    log.write_bytes(b"first\n" + end)
    reader = LogReader(log)
    drained(reader)
    log.write_bytes(b"other\n" + end + b"more\n")
    if is_stopped:
        reader = reader.restart()
    assert drained(reader) == b"other\n" + end + b"more\n"


def test_t08_rewritten_in_the_same_size(log: Path) -> None:
    reader = LogReader(log)
    drained(reader)
    log.write_bytes(b"two\n")
    os.utime(log, (1, 1))
    assert drained(reader) == b"two\n"


def test_t08_truncated_many_times(log: Path) -> None:
    reader = LogReader(log)
    got = drained(reader)
    for number in range(20):
        log.write_bytes(b"%d\n" % number * (number % 3 + 1))
        got += drained(reader)
    wanted = b"one\n" + b"".join(b"%d\n" % n * (n % 3 + 1) for n in range(20))
    assert got == wanted


# 10-18: which file is which.


def test_t10_two_files_that_begin_alike(log: Path) -> None:
    other = log.with_name("other.log")
    append(log, b"mine\n")
    append(other, b"one\nits\n")
    first, second = LogReader(log), LogReader(other)
    assert (drained(first), drained(second)) == (b"one\nmine\n", b"one\nits\n")
    append(log, b"more\n")
    assert (drained(first.restart()), drained(second.restart())) == (b"more\n", b"")


def test_t11_a_thousand_empty_files(tmp_path: Path) -> None:
    readers = []
    for number in range(1000):
        path = tmp_path / f"{number}.log"
        append(path, b"")
        readers.append(LogReader(path))
    append(tmp_path / "7.log", b"seven\n")
    again = [reader.restart() for reader in readers]
    assert [drained(reader) for reader in again] == [b""] * 7 + [b"seven\n"] + [b""] * 992
    for reader in again:
        reader.log.close()


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 1023, 1024, 1025])
def test_t12_files_smaller_than_the_fingerprint_are_known_again(log: Path, size: int) -> None:
    text = (b"x" * (size - 1) + b"\n") if size else b""
    log.write_bytes(text)
    reader = LogReader(log)
    assert drained(reader) == text
    append(log, b"more\n")
    shift(log)
    append(log, b"new\n")
    assert drained(reader.restart()) == b"more\nnew\n"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t13_t14_t16_deleted_and_made_again(log: Path, is_stopped: bool) -> None:
    reader = LogReader(log)
    drained(reader)
    if is_stopped:
        record = reader.log.record()
        reader.log.close()
    log.unlink()
    append(log, b"one\ntwo\n")
    reader = LogReader(log, record=record) if is_stopped else reader
    # While stopped the inode may be the same and the beginning, too: then it is the same file.
    assert drained(reader) in ((b"one\ntwo\n",) if not is_stopped else (b"one\ntwo\n", b"two\n"))


def test_t14_an_inode_used_again_while_stopped(log: Path) -> None:
    reader = LogReader(log)
    drained(reader)
    log.write_bytes(b"two\nthree\n")
    assert drained(reader.restart()) == b"two\nthree\n"


def test_t15_deleted_while_open_with_unread_data(log: Path) -> None:
    reader = LogReader(log)
    append(log, b"unread\n")
    log.unlink()
    append(log, b"new\n")
    assert drained(reader) == b"one\nunread\nnew\n"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t17_replaced_at_once_by_a_file_that_begins_alike(log: Path, is_stopped: bool) -> None:
    reader = LogReader(log)
    drained(reader)
    new = log.with_name("app.log.tmp")
    append(new, b"one\ntwo\n")
    new.rename(log)
    if is_stopped:
        reader = reader.restart()
    # It is another file: nothing of it is skipped.
    assert drained(reader) == b"one\ntwo\n"


def test_t18_a_link_turned_to_another_file(tmp_path: Path) -> None:
    append(tmp_path / "a", b"a\n")
    append(tmp_path / "b", b"b\n")
    link = tmp_path / "current"
    link.symlink_to("a")
    reader = LogReader(link)
    assert drained(reader) == b"a\n"
    new = tmp_path / "next"
    new.symlink_to("b")
    append(tmp_path / "a", b"late\n")
    new.rename(link)
    assert drained(reader) == b"late\nb\n"


# 19-21: links and patterns.


def test_t19_links_that_loop_dangle_or_lead_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "logs", tmp_path / "secret"
    inside.mkdir()
    append(outside, b"secret\n")
    (inside / "loop.log").symlink_to("loop.log")
    (inside / "dangling.log").symlink_to("nothing")
    (inside / "out.log").symlink_to(outside)
    (inside / "dir.log").symlink_to(tmp_path)
    pattern = Pattern.parse(str(inside / "*.log"))
    for name in ("loop.log", "dangling.log"):
        with pytest.raises(OSError, match=r"symbolic|No such"):
            open_log(inside / name, pattern.root)
    for name in ("out.log", "dir.log"):
        with pytest.raises(NotALogError):
            open_log(inside / name, pattern.root)


def test_t19_a_directory_that_is_a_link_leads_out_of_the_glob(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "private").mkdir()
    append(tmp_path / "private" / "app.log", b"secret\n")
    (tmp_path / "logs" / "web1").symlink_to(tmp_path / "private")
    pattern = Pattern.parse(str(tmp_path / "logs" / "*" / "app.log"))
    (path,) = find_logs([pattern]).logs
    with pytest.raises(NotALogError):
        open_log(path, pattern.root)


def test_t20_a_hard_link_is_the_same_file(log: Path) -> None:
    reader = LogReader(log)
    drained(reader)
    log.with_name("same.log").hardlink_to(log)
    file = open_log(log.with_name("same.log"), log.parent)
    assert reader.claims.is_owned(file)
    os.close(file)


def test_t21_two_globs_for_one_file(log: Path) -> None:
    texts = ("*.log", "app*", "app.log", "./app.log")
    patterns = [Pattern.parse(f"{log.parent}/{text}") for text in texts]
    assert list(find_logs(patterns).logs) == [str(log)]


# 22-27: bytes and lines.


def test_t22_a_partial_last_line_across_a_restart(log: Path) -> None:
    append(log, b"tw")
    reader = LogReader(log)
    assert drained(reader) == b"one\n"
    reader = reader.restart()
    assert drained(reader) == b""
    append(log, b"o\n")
    assert drained(reader) == b"two\n"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t23_a_partial_line_and_then_a_rotation(log: Path, is_stopped: bool) -> None:
    append(log, b"no end")
    reader = LogReader(log)
    reader.read()
    shift(log)
    append(log, b"new\n")
    if is_stopped:
        reader = reader.restart()
    got = drained(reader)
    assert (b"one\n" * is_stopped) + b"no endnew\n" in (got, b"one\n" + got)
    assert [source.split for source in reader.sources] == [None] * len(reader.sources)


def test_t24_a_line_split_over_reads_at_every_byte(log: Path) -> None:
    text = b"alpha\nbeta\r\n\ngamma \xff\0\n"
    for place in range(len(text) + 1):
        log.write_bytes(b"")
        reader = LogReader(log)
        append(log, text[:place])
        got = reader.read()
        assert got == text[: text.rfind(b"\n", 0, place) + 1]
        append(log, text[place:])
        assert got + reader.read() == text
        reader.log.close()


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 16])
def test_t24_any_limit_of_a_message(log: Path, limit: int) -> None:
    text = b"\n".join(b"x" * n for n in range(40)) + b"\n"
    log.write_bytes(text)
    reader = LogReader(log, Reading(linger=0, max_line=limit))
    assert reader.read(limit=limit) == text


@pytest.mark.parametrize(
    "text",
    [
        b"dos\r\nline\r\n",
        b"mac\rstyle\rno end\n",
        b"\r\n\r\n",
        b"nul \0 nul\n\0\n",
        b"\xff\xfe\xfa\x80\n",
        "utf-16\n".encode("utf-16"),
        "utf-16 be\n".encode("utf-16-be"),
        b"\xef\xbb\xbfbom\n",
        "\u2028\u2029\x85\n".encode(),
        b"\x1b[31m\x07\n",
        bytes(range(256)) + b"\n",
    ],
)
def test_t25_t26_bytes_of_any_kind(log: Path, text: bytes) -> None:
    log.write_bytes(text)
    reader = LogReader(log, Reading(once=True))
    assert drained(reader) == text


def test_t27_a_line_of_a_hundred_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    block = bytes(range(32, 127)) * 11038
    with path.open("wb") as file:
        for _ in range(100):
            file.write(block)
        file.write(b"\nshort\n")
    reader = LogReader(path, Reading(linger=0))
    size = path.stat().st_size
    assert size > 100 << 20
    place = 0
    content = path.read_bytes()
    while (batch := reader.log.next_batch(512 << 10, 1e12)) is not None:
        assert content.startswith(batch.payload, place)
        place += len(batch.payload)
        reader.sources.append(batch.source)
        reader.log.acknowledge(batch)
    assert place == size
    splits = [source.split for source in reader.sources]
    assert (splits[0], set(splits[1:-2]), splits[-2:]) == ("head", {"middle"}, ["tail", None])


# 28 and 29, 35 and 37 need many logs: test_list_t_many_logs.py.


# 30-33: what cannot be read.


def test_t30_unreadable_and_then_readable(log: Path) -> None:
    with without_root_powers():
        log.chmod(0)
        with pytest.raises(PermissionError):
            LogReader(log)
        log.chmod(0o600)
        assert drained(LogReader(log)) == b"one\n"


def test_t30_unreadable_while_open_goes_on(log: Path) -> None:
    with without_root_powers():
        reader = LogReader(log)
        log.chmod(0)
        shift(log)
        log.touch(mode=0)
        with pytest.raises(PermissionError):
            reader.log.look(time.monotonic())
        log.chmod(0o600)
        append(log, b"two\n")
        reader.log.look(time.monotonic() + 60)
        assert drained(reader) == b"one\ntwo\n"


def test_t31_the_directory_vanishes(tmp_path: Path) -> None:
    path = tmp_path / "dir" / "app.log"
    path.parent.mkdir()
    append(path, b"one\n")
    reader = LogReader(path)
    shutil.rmtree(path.parent)
    assert drained(reader) == b"one\n"
    path.parent.mkdir()
    append(path, b"two\n")
    assert drained(reader) == b"two\n"


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_t31_a_disk_that_fails_is_tried_again(
    log: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = LogReader(log)

    def fail(*_: object) -> bytes:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        with pytest.raises(OSError, match=os.strerror(number)):
            reader.read()
    assert drained(reader) == b"one\n"


@pytest.mark.parametrize("kind", ["fifo", "directory", "device", "socket"])
def test_t32_what_is_no_file_takes_the_place_of_a_log(log: Path, kind: str) -> None:
    reader = LogReader(log)
    log.rename(log.with_name("app.log.1"))
    if kind == "fifo":
        os.mkfifo(log)
    elif kind == "directory":
        log.mkdir()
    elif kind == "device":
        log.symlink_to("/dev/zero")
    else:
        os.mknod(log, 0o140600)
    with pytest.raises(NotALogError):
        reader.log.look(time.monotonic())
    log.rename(log.with_name("odd"))
    append(log, b"two\n")
    reader.log.look(time.monotonic() + 60)
    assert drained(reader) == b"one\ntwo\n"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t33_a_compressed_rotation_beside_the_plain_one(log: Path, is_stopped: bool) -> None:
    reader = LogReader(log)
    drained(reader)
    append(log, b"two\n")
    shift(log)
    log.with_name("app.log.1.gz").write_bytes(b"\x1f\x8b\x08compressed")
    append(log, b"three\n")
    if is_stopped:
        reader = reader.restart()
    assert drained(reader) == b"two\nthree\n"
    names = find_logs([Pattern.parse(f"{log}*")]).logs
    assert [Path(path).name for path in names] == ["app.log"]


# 34: lines are never joined, so an entry of several lines is just lines, in order and adjacent.


@pytest.mark.parametrize("is_stopped", [False, True])
def test_t34_an_entry_of_several_lines_across_a_rotation(log: Path, is_stopped: bool) -> None:
    trace = b"Traceback:\n  File x\n  File y\nError\n"
    append(log, trace[:14])
    reader = LogReader(log)
    got = drained(reader)
    shift(log)
    append(log, trace[14:])
    if is_stopped:
        reader = reader.restart()
    assert got + drained(reader) == b"one\n" + trace


# 35: where to begin.


def test_t35_a_log_that_rotates_between_being_found_and_opened(log: Path) -> None:
    found = log.stat()
    shift(log)
    append(log, b"two\n")
    shift(log)
    append(log, b"three\n")
    beginning = Beginning(key=(found.st_dev, found.st_ino))
    assert drained(LogReader(log, wanted=beginning)) == b"one\ntwo\nthree\n"


def test_t35_a_log_that_was_made_and_rotated_between_two_looks(log: Path) -> None:
    os.utime(log, (1000, 1000))
    shift(log)
    append(log, b"two\n")
    shift(log)
    append(log, b"three\n")
    beginning = Beginning(since_ns=2000 * 10**9)
    assert drained(LogReader(log, wanted=beginning)) == b"two\nthree\n"


# 36: clocks.


def test_t36_times_that_go_backwards(log: Path) -> None:
    reader = LogReader(log)
    drained(reader)
    for number in range(3):
        append(log, b"%d\n" % number)
        os.utime(log, (3000 - number * 1000,) * 2)
        shift(log)
    append(log, b"new\n")
    os.utime(log, (1, 1))
    assert drained(reader.restart()) == b"0\n1\n2\nnew\n"


def test_t36_a_clock_that_jumps(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = LogReader(log)
    drained(reader)
    past = time.time() - 10**8
    monkeypatch.setattr(time, "time", lambda: past)
    monkeypatch.setattr(time, "time_ns", lambda: int(past * 1e9))
    shift(log)
    append(log, b"two\n")
    assert drained(reader) == b"two\n"
    assert len({source.file for source in reader.sources}) == 2
    append(log, b"three\n")
    assert drained(reader.restart()) == b"three\n"


def test_t38_a_sparse_file(log: Path) -> None:
    with log.open("r+b") as file:
        file.seek(3 << 20)
        file.write(b"end\n")
    reader = LogReader(log, Reading(linger=0))
    assert drained(reader) == b"one\n" + bytes((3 << 20) - 4) + b"end\n"


# 39 is test_list_t_model.py.


def test_files_that_rotated_long_ago_are_not_shipped_again(
    log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reader = LogReader(log, Reading(linger=0, grace=0, retire_after=0))
    for number in range(100):
        drained(reader)
        log.rename(log.with_name(f"archive {number}"))
        append(log, b"%d\n" % number)
    drained(reader)
    reader.log.look(time.monotonic() + 3600)
    for number in range(98):
        file = open_log(log.with_name(f"archive {number}"), log.parent)
        assert reader.claims.is_owned(file), number
        os.close(file)
    assert QUICK.once is False
