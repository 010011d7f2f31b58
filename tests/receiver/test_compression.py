"""A rotated file is compressed without a moment in which its lines could be lost."""

from __future__ import annotations

import gzip
import os
import random
import resource
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from natsconsole.receiver.compression import (
    BLOCK,
    CompressionError,
    StoppedError,
    compare,
    compress_file,
)
from natsconsole.receiver.rotated_names import partial_name

NAME = "app.log.20260101T000000Z"
LINES = b"".join(b"2026-01-01 GET /items/%d 200\n" % number for number in range(50_000))
NOISE = random.Random(1).randbytes(3 * BLOCK + 17)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    directory = tmp_path / "web1"
    directory.mkdir()
    return directory


@pytest.fixture
def directory(host: Path) -> Iterator[int]:
    descriptor = os.open(host, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def names(host: Path) -> list[str]:
    return sorted(path.name for path in host.iterdir())


def content(host: Path) -> bytes:
    """What the log holds by whichever of its files are complete; they must agree."""
    found = set()
    if (host / NAME).exists():
        found.add((host / NAME).read_bytes())
    if (host / f"{NAME}.gz").exists():
        found.add(gzip.decompress((host / f"{NAME}.gz").read_bytes()))
    (only,) = found
    return only


@pytest.mark.parametrize(
    "data",
    [b"", b"one line\n", LINES, NOISE, b"\0" * (200 * BLOCK)],
    ids=["empty", "line", "lines", "noise", "zeros"],
)
def test_the_compressed_file_holds_the_same_bytes(host: Path, directory: int, data: bytes) -> None:
    path = host / NAME
    path.write_bytes(data)
    path.chmod(0o640)
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))

    done = compress_file(directory, NAME, level=1)

    assert names(host) == [f"{NAME}.gz"]
    packed = host / f"{NAME}.gz"
    assert gzip.decompress(packed.read_bytes()) == data
    assert packed.stat().st_mode & 0o7777 == 0o640
    assert packed.stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert done == (len(data), packed.stat().st_size)


@pytest.mark.parametrize(
    ("there", "likeness"),
    [
        (gzip.compress(LINES), "equal"),
        (gzip.compress(LINES)[:-9], "beginning"),
        (gzip.compress(LINES[:-5]), "beginning"),
        (gzip.compress(NOISE[: 2 * BLOCK])[:-8] + bytes(8), "different"),
        (b"", "beginning"),
        (gzip.compress(LINES + b"x"), "different"),
        (gzip.compress(LINES) + b"more", "different"),
        (gzip.compress(b"other\n"), "different"),
        (b"no gzip", "different"),
    ],
    ids=[
        "whole", "no trailer", "an earlier end", "broken late", "empty",
        "a later end", "more behind", "other lines", "no gzip",
    ],
)  # fmt: skip
def test_a_compressed_file_that_is_there_already(
    host: Path, directory: int, there: bytes, likeness: str
) -> None:
    (host / NAME).write_bytes(LINES)
    (host / f"{NAME}.gz").write_bytes(there)
    with (host / NAME).open("rb") as source, (host / f"{NAME}.gz").open("rb") as packed:
        assert compare(source.fileno(), packed.fileno()) == likeness

    if likeness == "different":
        with pytest.raises(CompressionError, match="holds other lines"):
            compress_file(directory, NAME)
        assert names(host) == [NAME, f"{NAME}.gz"]
        assert (host / NAME).read_bytes() == LINES
        assert (host / f"{NAME}.gz").read_bytes() == there
    else:
        compress_file(directory, NAME)
        assert names(host) == [f"{NAME}.gz"]
        assert content(host) == LINES


def test_a_checksum_that_fails_is_no_complete_file(host: Path, directory: int) -> None:
    packed = gzip.compress(LINES)
    broken = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(broken)
    (host / NAME).write_bytes(LINES)
    (host / f"{NAME}.gz").write_bytes(broken)

    compress_file(directory, NAME)

    assert names(host) == [f"{NAME}.gz"]
    assert content(host) == LINES


def test_stopping_between_blocks_leaves_the_original(host: Path, directory: int) -> None:
    (host / NAME).write_bytes(NOISE)
    for looks in range(6):
        answers = [True, *[False] * looks]
        with pytest.raises(StoppedError):
            compress_file(directory, NAME, is_stopped=answers.pop)
        assert names(host) == [NAME]
    assert (host / NAME).read_bytes() == NOISE


def test_a_file_that_still_grows_is_kept(host: Path, directory: int) -> None:
    path = host / NAME
    path.write_bytes(LINES)

    def append() -> bool:
        with path.open("ab") as file:
            file.write(b"late\n")
        return False

    with pytest.raises(CompressionError, match=r"changed while|reads back otherwise"):
        compress_file(directory, NAME, is_stopped=append)

    assert path.read_bytes().startswith(LINES + b"late\n")
    assert not list(host.glob(".*"))


def test_neither_a_link_nor_a_directory_is_compressed(
    host: Path, directory: int, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(LINES)
    (host / NAME).symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        compress_file(directory, NAME)
    (host / NAME).unlink()
    os.mkfifo(host / NAME)
    with pytest.raises(CompressionError, match="no regular file"):
        compress_file(directory, NAME)

    assert names(host) == [NAME]
    assert (tmp_path / "secret").read_bytes() == LINES


def test_no_room_leaves_the_original(host: Path, directory: int) -> None:
    (host / NAME).write_bytes(NOISE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            compress_file(directory, NAME)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert names(host) == [NAME]
    assert (host / NAME).read_bytes() == NOISE


KILLED = """
import os, signal, sys
from natsconsole.receiver.compression import compress_file

event, count = sys.argv[1], int(sys.argv[2])

def watch(name, _):
    global count
    if name == event:
        count -= 1
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)

directory = os.open(sys.argv[3], os.O_RDONLY)
sys.addaudithook(watch)
compress_file(directory, sys.argv[4])
"""


@pytest.mark.parametrize(
    ("event", "count", "left"),
    [
        ("os.remove", 1, [NAME]),  # before the left-over of an earlier run goes
        ("os.chmod", 1, [partial_name(NAME), NAME]),  # all written, nothing synced
        ("os.utime", 1, [partial_name(NAME), NAME]),
        ("os.rename", 1, [partial_name(NAME), NAME]),  # synced and compared
        ("os.remove", 2, [NAME, f"{NAME}.gz"]),  # all but the original's end
    ],
)
def test_killed_at_each_step_nothing_is_lost(
    host: Path, directory: int, event: str, count: int, left: list[str]
) -> None:
    (host / NAME).write_bytes(LINES)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, event, str(count), host, NAME], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert names(host) == sorted(left)
    assert content(host) == LINES

    compress_file(directory, NAME)

    assert names(host) == [f"{NAME}.gz"]
    assert content(host) == LINES


PACED = """
import os, sys
from natsconsole.receiver.compression import compress_file

def wait_for_leave():
    assert sys.stdin.buffer.read(1)
    return False

directory = os.open(sys.argv[1], os.O_RDONLY)
compress_file(directory, sys.argv[2], is_stopped=wait_for_leave)
"""


def has_grown(partial: Path, size: int, *, since: int) -> bool:
    """Whether it is so large, and not what an earlier run has left."""
    try:
        found = partial.stat()
    except FileNotFoundError:
        return False
    return found.st_size >= size and found.st_mtime_ns > since


def test_killed_amid_the_blocks_nothing_is_lost(host: Path, directory: int) -> None:
    data = NOISE * 20
    (host / NAME).write_bytes(data)
    chance = random.Random(5)
    partial = host / partial_name(NAME)
    for _ in range(5):
        command = [sys.executable, "-c", PACED, str(host), NAME]
        began = time.time_ns()
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            blocks = chance.randrange(2, len(data) // BLOCK)
            process.stdin.write(b"." * blocks)
            process.stdin.flush()
            # It cannot come to the end before it is killed, however late we look.
            target = chance.randrange(1, (blocks - 1) * BLOCK)
            while not has_grown(partial, target, since=began):
                assert process.poll() is None
                time.sleep(0.0005)
            process.kill()
            assert process.wait() == -signal.SIGKILL
        assert content(host) == data

    compress_file(directory, NAME)

    assert names(host) == [f"{NAME}.gz"]
    assert content(host) == data


def test_a_disk_that_lies_is_caught(
    host: Path, directory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reads back otherwise than it was written never replaces the original."""
    (host / NAME).write_bytes(NOISE)
    really: Callable[[int], None] = os.fsync

    def corrupt(file: int) -> None:
        os.pwrite(file, b"\xff\x00\xff", BLOCK)
        really(file)

    monkeypatch.setattr(os, "fsync", corrupt)
    with pytest.raises(CompressionError, match="reads back otherwise"):
        compress_file(directory, NAME)

    assert names(host) == [NAME]
    assert (host / NAME).read_bytes() == NOISE


def test_the_gzip_program_reads_it(host: Path, directory: int) -> None:
    (host / NAME).write_bytes(LINES)
    compress_file(directory, NAME)

    plain = subprocess.run(
        ["/usr/bin/env", "gzip", "-dc", host / f"{NAME}.gz"], check=True, capture_output=True
    ).stdout
    assert zlib.crc32(plain) == zlib.crc32(LINES)
