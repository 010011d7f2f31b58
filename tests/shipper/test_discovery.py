"""Which files are followed, and what they are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shipper.discovery import NotALogError, Pattern, find_logs, host_of, name_of, open_log, shown
from shipper.rotation import Entry, is_compressed, older_generations
from shipper.wire import BadHostError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(directory: Path, *patterns: str) -> list[str]:
    found = find_logs([Pattern.parse(str(directory / pattern)) for pattern in patterns])
    return [path.removeprefix(f"{directory}/") for path in found.logs]


def test_two_patterns_that_match_one_file_find_it_once(tmp_path: Path) -> None:
    touch(tmp_path / "a.log", tmp_path / "b.log")
    assert names(tmp_path, "*.log", "a*", "a.log") == ["a.log", "b.log"]


def test_rotated_and_compressed_files_are_no_logs_of_their_own(tmp_path: Path) -> None:
    touch(*(tmp_path / f"a.log{mark}" for mark in ("", ".1", ".2.gz", "-20260131", ".old")))
    touch(tmp_path / "worker.1", tmp_path / "worker.2")
    found = find_logs([Pattern.parse(str(tmp_path / "*"))])
    assert [Path(path).name for path in found.logs] == ["a.log", "worker.1", "worker.2"]
    (generations,) = found.generations.values()
    assert {Path(path).name for path in generations} == {"a.log.1", "a.log-20260131", "a.log.old"}


def test_a_rotated_file_that_is_named_is_followed(tmp_path: Path) -> None:
    touch(tmp_path / "a.log", tmp_path / "a.log.1")
    assert names(tmp_path, "*", "a.log.1") == ["a.log", "a.log.1"]


def test_a_path_stands_for_itself_before_it_exists(tmp_path: Path) -> None:
    assert names(tmp_path, "later.log", "*.log") == ["later.log"]


def test_a_path_with_brackets_is_no_glob_where_it_exists(tmp_path: Path) -> None:
    touch(tmp_path / "a[1].log")
    assert names(tmp_path, "a[1].log") == ["a[1].log"]


def test_a_known_log_is_found_while_it_has_no_file(tmp_path: Path) -> None:
    known = [f"{tmp_path}/web1/app.log", f"{tmp_path}/web1/app.txt", f"{tmp_path}/app.log"]
    found = find_logs([Pattern.parse(str(tmp_path / "*" / "app.log"))], known)
    assert list(found.logs) == [known[0]]


def test_globs_go_through_directories(tmp_path: Path) -> None:
    touch(tmp_path / "web1" / "app.log", tmp_path / "web2" / "app.log")
    assert names(tmp_path, "*/app.log") == ["web1/app.log", "web2/app.log"]


def test_the_host_may_be_the_directory(tmp_path: Path) -> None:
    assert host_of("{dir}", "/logs/web-01.example.net/app.log") == "web-01.example.net"
    assert host_of("rack1.{dir}", "/logs/web1/app.log") == "rack1.web1"
    with pytest.raises(BadHostError):
        host_of("{dir}", "/logs/no host/app.log")


def test_a_name_that_is_taken_gets_a_mark_of_its_path() -> None:
    path = "/var/log/nginx/access.log"
    assert name_of(path, is_taken=lambda _: False) == "access.log"
    marked = name_of(path, is_taken=lambda _: True)
    assert marked.startswith("access.log-")
    assert marked == name_of(path, is_taken=lambda _: True)


def test_hostile_names_can_be_shown() -> None:
    assert shown(Path("/x/\x1b]0;t\x07\n\u202e.log")) == "/x/\\x1b]0;t\\x07\\n\\u202e.log"
    assert shown(Path(os.fsdecode(b"/x/\xff"))) == "/x/\\xff"


def test_a_glob_does_not_lead_out_of_its_directory(tmp_path: Path) -> None:
    touch(tmp_path / "secret" / "shadow", tmp_path / "logs" / "real.log")
    (tmp_path / "logs" / "out.log").symlink_to(tmp_path / "secret" / "shadow")
    (tmp_path / "logs" / "in.log").symlink_to("real.log")
    root = Pattern.parse(str(tmp_path / "logs" / "*.log")).root
    with pytest.raises(NotALogError):
        open_log(tmp_path / "logs" / "out.log", root)
    os.close(open_log(tmp_path / "logs" / "in.log", root))


def test_links_that_lead_nowhere_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("dangling", "loop"):
        with pytest.raises(OSError, match=r"symbolic links|No such file"):
            open_log(tmp_path / name, tmp_path)


def entry(name: str, modified: int = 0) -> Entry:
    return Entry(path=Path("/x") / name, device=1, inode=1, size=1, modified_ns=modified)


def test_numbered_generations_go_by_number_whatever_the_clock_says() -> None:
    entries = [entry("a.log.2", 9), entry("a.log.10", 5), entry("a.log.1", 1), entry("b.log.1")]
    order = [e.path.name for e in older_generations("a.log", entries)]
    assert order == ["a.log.10", "a.log.2", "a.log.1"]


def test_dated_generations_go_by_their_last_change() -> None:
    entries = [entry("a.log-20260102", 1), entry("a.log-20260101", 2), entry("a.log.lock", 3)]
    order = [e.path.name for e in older_generations("a.log", entries)]
    assert order == ["a.log-20260102", "a.log-20260101"]


@pytest.mark.parametrize(("name", "verdict"), [("a.log.gz", True), ("a.gz.log", False)])
def test_compressed_files_are_known_by_their_suffix(name: str, verdict: bool) -> None:
    assert is_compressed(name) is verdict
