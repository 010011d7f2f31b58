"""The cases of a tailer that need many logs: numbers, fairness, descriptors, where to begin.

No server: a batch counts as acknowledged as soon as the reader hands it out.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shipper.checkpoint import Checkpoint
from shipper.directory_watch import DirectoryWatch
from shipper.problems import Problems
from shipper.reader import News, Reader
from shipper.source_log import Reading
from tests.shipper.shipping import QUICK, append, following


class Reads:
    """A reader whose batches are acknowledged at once."""

    def __init__(self, state: Path, *patterns: Path, **options: Any) -> None:
        self.problems = Problems()
        self.got: dict[str, bytes] = {}
        self.order: list[str] = []
        self.checkpoint = Checkpoint(state)
        what = following(*patterns, **({"host": "{dir}"} | options))
        self.reader = Reader(what, self.checkpoint, self.problems, lambda: 512 << 10)
        self.news = News()
        self.turns = 0

    def turn(self, *, rescan: bool = False) -> int:
        self.news.rescan = rescan
        harvest = self.reader.turn(self.news)
        self.turns += 1
        self.news = News()
        for log, batch in harvest.batches:
            name = f"{log.place.host}/{log.place.name}"
            self.got[name] = self.got.get(name, b"") + batch.payload
            self.order.append(name)
            self.news.acked.append((log, batch))
            self.news.hungry.add(log)
        return len(harvest.batches)

    def until(self, condition: Callable[[], object], within: float = 60.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, (self.problems.sentences, list(self.got)[:20])
            self.turn()
            time.sleep(0.002)

    def close(self) -> None:
        self.reader.finish(self.news)
        self.checkpoint.close()


@contextlib.contextmanager
def reading(state: Path, *patterns: Path, **options: Any) -> Iterator[Reads]:
    reads = Reads(state, *patterns, **options)
    try:
        yield reads
    finally:
        reads.close()


@contextlib.contextmanager
def descriptors_at_most(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_t28_two_thousand_files_and_two_thousand_more(tmp_path: Path, state: Path) -> None:
    wanted = {}
    for number in range(2000):
        path = tmp_path / "logs" / f"h{number % 50}" / f"{number}.log"
        append(path, b"%d\n" % number)
        wanted[f"{path.parent.name}/{path.name}"] = b"%d\n" % number
    with reading(state, tmp_path / "logs" / "*" / "*.log") as reads:
        reads.until(lambda: reads.got == wanted)
        for number in range(2000, 4000):
            path = tmp_path / "logs" / f"h{number % 60}" / f"{number}.log"
            append(path, b"%d\n" % number)
            wanted[f"{path.parent.name}/{path.name}"] = b"%d\n" % number
        reads.turn(rescan=True)
        reads.until(lambda: reads.got == wanted)
        assert reads.reader.log_count == 4000


def test_t29_a_limit_of_descriptors_is_said_and_lifted(tmp_path: Path, state: Path) -> None:
    for number in range(300):
        append(tmp_path / "h" / f"{number}.log", b"%d\n" % number)
    used = len(list(Path("/proc/self/fd").iterdir()))
    with reading(state, tmp_path / "h" / "*.log") as reads:
        with descriptors_at_most(used + 200):
            reads.until(lambda: any("too many open files" in s for s in reads.problems.sentences))
            # What the connection and the state need is left to them.
            for _ in range(5):
                reads.turn(rescan=True)
            kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(40)]
            assert 0 < reads.reader.log_count < 200
            for file in kept:
                os.close(file)
        reads.turn(rescan=True)
        reads.until(lambda: len(reads.got) == 300)
        assert not reads.problems.sentences


def test_t35_a_file_that_appears_and_rotates_while_we_run(tmp_path: Path, state: Path) -> None:
    append(tmp_path / "h" / "other.log", b"")
    with reading(state, tmp_path / "h" / "*.log") as reads:
        reads.turn()
        log = tmp_path / "h" / "app.log"
        append(log, b"one\n")
        log.rename(log.with_name("app.log.1"))
        append(log, b"two\n")
        reads.until(lambda: reads.got.get("h/app.log") == b"one\ntwo\n")


@pytest.mark.parametrize("from_end", [False, True])
def test_t35_where_to_begin(tmp_path: Path, state: Path, from_end: bool) -> None:
    log, later = tmp_path / "h" / "app.log", tmp_path / "h" / "later.log"
    append(log, b"old\n")
    with reading(state, tmp_path / "h" / "*.log", from_end=from_end) as reads:
        reads.turn()
        append(log, b"new\n")
        append(later, b"later\n")
        reads.until(lambda: len(reads.got) == 2)
        reads.until(lambda: reads.got["h/app.log"].endswith(b"new\n"))
    old = b"" if from_end else b"old\n"
    assert reads.got == {"h/app.log": old + b"new\n", "h/later.log": b"later\n"}


def test_t35_a_position_known_counts_more_than_from_end(tmp_path: Path, state: Path) -> None:
    log = tmp_path / "h" / "app.log"
    append(log, b"one\n")
    with reading(state, log) as reads:
        reads.until(lambda: reads.got)
    append(log, b"two\n")
    with reading(state, log, from_end=True) as reads:
        reads.until(lambda: reads.got)
    assert reads.got == {"h/app.log": b"two\n"}


def test_t37_one_hot_file_and_999_slow_ones(tmp_path: Path, state: Path) -> None:
    hot = tmp_path / "hot" / "app.log"
    append(hot, b"x" * 99 + b"\n")
    with hot.open("ab") as file:
        file.write((b"x" * 99 + b"\n") * 500_000)
    for number in range(999):
        append(tmp_path / f"slow{number}" / "app.log", b"slow\n")
    with reading(state, tmp_path / "*" / "app.log") as reads:
        reads.until(lambda: len(reads.got.get("hot/app.log", b"")) == hot.stat().st_size)
        slow = [place for place, name in enumerate(reads.order) if name != "hot/app.log"]
        assert len(slow) == 999
        # All of them went out before the hot one had had a fifth of its turns.
        hot_before = sum(name == "hot/app.log" for name in reads.order[: slow[-1]])
        assert hot_before < reads.order.count("hot/app.log") / 5


def test_many_hot_files_and_none_is_left_out(tmp_path: Path, state: Path) -> None:
    for number in range(100):
        append(tmp_path / f"h{number}" / "app.log", (b"y" * 99 + b"\n") * 12_000)
    with reading(state, tmp_path / "*" / "app.log") as reads:
        reads.until(lambda: len(reads.got) == 100)
        most = max(reads.order.count(name) for name in reads.got)
        assert most <= 12
        reads.until(lambda: sum(map(len, reads.got.values())) == 120_000_000)


def test_a_quiet_file_is_heard_of_and_not_looked_at(tmp_path: Path, state: Path) -> None:
    paths = [tmp_path / f"h{number}" / "app.log" for number in range(20)]
    for path in paths:
        append(path, b"one\n")
    with reading(state, tmp_path / "*" / "app.log") as reads:
        reads.until(lambda: len(reads.got) == 20)
        reads.turn()
        if reads.reader.bell < 0:
            pytest.skip("this system does not tell")
        reads.reader._sweep_at = reads.reader._scan_at = time.monotonic() + 3600
        append(paths[7], b"two\n")
        reads.until(lambda: reads.got["h7/app.log"] == b"one\ntwo\n")
        new = tmp_path / "new" / "app.log"
        append(new, b"hello\n")
        reads.until(lambda: "new/app.log" in reads.got)


def test_without_the_kernels_help_files_are_polled(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DirectoryWatch, "add", lambda *_: False)
    log = tmp_path / "h" / "app.log"
    append(log, b"one\n")
    with reading(state, log) as reads:
        reads.until(lambda: reads.got)
        append(log, b"two\n")
        reads.until(lambda: reads.got["h/app.log"] == b"one\ntwo\n", within=30)
        assert reads.reader.survey().unwatched == 1


def test_a_directory_that_is_made_again_is_heard_of(tmp_path: Path, state: Path) -> None:
    log = tmp_path / "h" / "app.log"
    append(log, b"one\n")
    quick = Reading(linger=0, grace=0, retire_after=0)
    with reading(state, tmp_path / "*" / "app.log", reading=quick) as reads:
        reads.until(lambda: reads.got)
        shutil.rmtree(log.parent)
        reads.until(lambda: reads.reader.log_count == 0)
        append(log, b"two\n")
        reads.until(lambda: reads.got["h/app.log"] == b"one\ntwo\n")


def test_what_was_refused_and_is_gone_is_no_problem_any_more(tmp_path: Path, state: Path) -> None:
    directory = tmp_path / "h"
    append(directory / "app.log", b"one\n")
    for name in ("a.log", "b.log"):
        os.mkfifo(directory / name)
    with reading(state, directory / "*.log") as reads:
        for _ in range(3):
            reads.turn(rescan=True)
        assert (reads.reader.failures, len(reads.problems.sentences)) == (2, 2)
        (directory / "a.log").unlink()
        reads.turn(rescan=True)
        (problem,) = reads.problems.sentences
        assert "b.log is not shipped" in problem
        (directory / "b.log").rename(tmp_path / "b.log")
        append(directory / "b.log", b"two\n")
        reads.turn(rescan=True)
        assert (reads.reader.failures, reads.problems.sentences) == (0, ())
        reads.until(lambda: "h/b.log" in reads.got)


def test_what_excludes_name_is_left_out(tmp_path: Path, state: Path) -> None:
    from shipper.discovery import Pattern, find_logs

    for name in ("app.log", "debug.log", "noise/app.log"):
        append(tmp_path / name, b"")
    patterns = [
        Pattern.parse(f"{tmp_path}/**/*.log", excludes=["debug*", "*/noise/*"]),
    ]
    assert [Path(path).name for path in find_logs(patterns).logs] == ["app.log"]


def test_the_survey_tells_what_is_behind(tmp_path: Path, state: Path) -> None:
    log = tmp_path / "h" / "app.log"
    append(log, b"one\n")
    with reading(state, log, reading=QUICK) as reads:
        reads.reader.turn(News())
        time.sleep(0.01)
        behind = reads.reader.survey().hosts["h"]
        assert (behind.logs, behind.backlog_bytes) == (1, 4)
        assert behind.lag_seconds > 0
    with reading(state, log) as reads:
        reads.until(lambda: reads.reader.log_count and not reads.news.acked)
        reads.turn()
        assert reads.reader.survey().hosts["h"].backlog_bytes == 0


def test_what_befell_a_log_counts_though_it_is_gone(tmp_path: Path, state: Path) -> None:
    log = tmp_path / "h" / "app.log"
    append(log, b"one\n")
    quick = Reading(linger=0, grace=0, retire_after=0)
    with reading(state, tmp_path / "h" / "*.log", reading=quick) as reads:
        reads.until(lambda: "h/app.log" in reads.got)
        log.write_bytes(b"other\n")
        reads.until(lambda: reads.got["h/app.log"] == b"one\nother\n")
        assert reads.reader.survey().restarts == 1
        log.unlink()
        reads.until(lambda: reads.reader.log_count == 0)
        assert reads.reader.survey().restarts == 1


def test_logs_that_are_gone_for_good_are_forgotten(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shipper.reader.GONE_KEPT", 5)
    quick = Reading(linger=0, grace=0, retire_after=0)
    with reading(state, tmp_path / "h" / "*.log", reading=quick) as reads:
        for number in range(20):
            path = tmp_path / "h" / f"{number}.log"
            append(path, b"%d\n" % number)
            reads.until(lambda: f"h/{number}.log" in reads.got)  # noqa: B023
            path.unlink()
            reads.until(lambda: reads.reader.log_count == 0)
        assert len(dict(reads.checkpoint.records())) == 5
