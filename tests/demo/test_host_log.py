"""A log rotates by rename, and no byte of it is lost."""

from __future__ import annotations

from pathlib import Path

from natsconsole.demo.host_log import HostLog, log_files


def content(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in log_files(path))


def test_a_full_file_is_renamed_aside_with_the_next_number(tmp_path: Path) -> None:
    path = tmp_path / "web-01" / "access.log"
    log = HostLog(path, rotate_bytes=10)

    for line in (b"first line\n", b"second line\n", b"3\n"):
        log.write(line)
    log.close()

    assert [file.name for file in log_files(path)] == [
        "access.log.000001",
        "access.log.000002",
        "access.log",
    ]
    assert content(path) == b"first line\nsecond line\n3\n"


def test_a_young_file_is_not_rotated_however_long_it_is(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = HostLog(path, rotate_bytes=10, rotate_seconds=3600)

    log.write(b"a line of many bytes\n" * 10)
    log.close()

    assert log_files(path) == [path]


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    for _ in range(3):
        log = HostLog(path, rotate_bytes=4)
        log.write(b"line\n")
        log.close()

    assert [file.name for file in log_files(path)] == [
        "access.log.000001",
        "access.log.000002",
        "access.log.000003",
        "access.log",
    ]


def test_numbers_beyond_six_digits_stay_in_order(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    for number in ("1000000", "999999", "000002"):
        (tmp_path / f"access.log.{number}").write_bytes(number.encode())

    assert content(path) == b"0000029999991000000"


def test_a_piece_of_a_line_is_not_continued_by_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(b"whole\npie")

    log = HostLog(path, rotate_bytes=1000)
    log.write(b"next\n")
    log.close()

    assert path.read_bytes() == b"whole\npie\nnext\n"
