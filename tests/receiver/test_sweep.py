"""The sweep sees ten thousand hosts, and never leaves the archive."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from natsconsole.receiver.retention import FoundFile, Limits, plan_retention
from natsconsole.receiver.sweep import delete_file, find_files

OLD = "app.log.20200101T000000Z"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    directory = tmp_path / "archive"
    (directory / ".natsconsole").mkdir(parents=True)
    (directory / ".natsconsole" / OLD).write_bytes(b"state")
    return directory


@pytest.fixture
def root(archive: Path) -> Iterator[int]:
    descriptor = os.open(archive, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory that a link in the archive points to."""
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / OLD).write_bytes(b"not ours")
    return directory


def fail(path: str, error: OSError) -> None:
    raise AssertionError(path) from error


def sweep(root: int) -> list[tuple[str, OSError]]:
    """Delete all that is rotated; return what failed."""
    failed: list[tuple[str, OSError]] = []
    plan = plan_retention(
        find_files(root, report=lambda path, error: failed.append((path, error))),
        Limits(keep_bytes=1),
        1e10,
    )
    for file, _ in plan.deletions:
        try:
            delete_file(root, file.path)
        except OSError as error:
            failed.append((file.path, error))
    return failed


def test_ten_thousand_hosts_are_swept_and_a_link_is_not_followed(
    archive: Path, root: int, outside: Path
) -> None:
    for number in range(10_000):
        host = archive / f"host-{number}"
        host.mkdir()
        (host / "app.log").write_bytes(b"active\n")
        if number % 10 == 0:
            (host / OLD).write_bytes(b"old\n")
    (archive / "linked").symlink_to(outside)
    (archive / "host-5" / OLD).symlink_to(outside / OLD)
    (archive / "empty").mkdir()

    pauses: list[int] = []
    found = list(find_files(root, report=fail, pause=lambda: pauses.append(1)))
    assert len(found) == 11_000
    assert len(pauses) > 100
    assert sweep(root) == []

    left = list(find_files(root, report=fail))
    assert len(left) == 10_000
    assert all(file.rotated is None for file in left)
    assert (outside / OLD).read_bytes() == b"not ours"
    assert (archive / "host-5" / OLD).is_symlink()
    assert (archive / "empty").is_dir()
    assert (archive / ".natsconsole" / OLD).read_bytes() == b"state"


def test_a_link_swapped_in_after_the_look_is_not_followed(
    archive: Path, root: int, outside: Path
) -> None:
    for host in ("web1", "web2"):
        (archive / host).mkdir()
        (archive / host / OLD).write_bytes(b"old\n")
    (found, _) = sorted(find_files(root, report=fail))
    (archive / "web1").rename(archive / ".moved")
    (archive / "web1").symlink_to(outside)

    with pytest.raises(OSError, match="web1"):
        delete_file(root, found.path)

    assert (outside / OLD).exists()
    assert (archive / ".moved" / OLD).exists()


def test_a_host_that_is_swapped_all_the_time_leads_nowhere(
    archive: Path, root: int, outside: Path
) -> None:
    host, link = archive / "web1", archive / ".link"
    host.mkdir()
    stop = threading.Event()
    swaps = 0

    def swap() -> None:
        nonlocal swaps
        while not stop.is_set():
            host.rename(archive / ".away")
            link.symlink_to(outside)
            link.rename(host)
            host.unlink()
            (archive / ".away").rename(host)
            swaps += 1

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        while swaps < 500:
            sweep(root)
    finally:
        stop.set()
        thread.join()

    assert (outside / OLD).read_bytes() == b"not ours"


def test_only_files_in_a_hosts_directory_are_files(archive: Path, root: int) -> None:
    host = archive / "web1"
    (host / "below").mkdir(parents=True)
    (host / "below" / OLD).write_bytes(b"x")
    (archive / OLD).write_bytes(b"x")
    os.mkfifo(host / f"fifo.{OLD}")
    (host / f"{OLD}.1").mkdir()
    (host / f"{OLD}.gz").write_bytes(b"packed")

    (found,) = find_files(root, report=fail)

    assert found.path == f"web1/{OLD}.gz"
    assert found.size == 6
    assert found.rotated is not None


def test_what_cannot_be_done_is_said_and_the_rest_done(archive: Path, root: int) -> None:
    for host in ("web1", "web2", "web3"):
        (archive / host).mkdir()
        (archive / host / OLD).write_bytes(b"old\n")

    def found() -> Iterator[FoundFile]:
        for file in find_files(root, report=fail):
            if file.path.startswith("web2"):
                (archive / file.path).unlink()
                (archive / file.path).mkdir()
            yield file

    failed = []
    for file in found():
        try:
            delete_file(root, file.path)
        except OSError as error:
            failed.append((file.path, str(error)))

    assert failed == [(f"web2/{OLD}", f"web2/{OLD} is no regular file")]
    assert sorted(path.parent.name for path in archive.glob("web*/app*")) == ["web2"]
