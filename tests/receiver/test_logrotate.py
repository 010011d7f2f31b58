"""Somebody else rotates our output: logrotate in all its ways, while we run, stop and crash."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from natsconsole.receiver.archive import Archive
from natsconsole.receiver.batch import Batch
from natsconsole.receiver.ledger import Ledger
from shipper.connection import Connection
from tests.support.disk_side import CrashError, DiskSide
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

Move = Callable[[Path], None]
"""Rotates one active file away to ``app.log.1``."""


def rename(path: Path) -> None:
    path.rename(path.with_name("app.log.1"))


def rename_and_create(path: Path) -> None:
    rename(path)
    path.touch()


def rename_with_the_date(path: Path) -> None:
    path.rename(path.with_name("app-20260101.log"))


def rename_and_gzip(path: Path) -> None:
    """As with ``compress`` and without ``delaycompress``."""
    rename_and_create(path)
    moved = path.with_name("app.log.1")
    Path(f"{moved}.gz").write_bytes(gzip.compress(moved.read_bytes()))
    moved.unlink()


def copy_and_truncate(path: Path) -> None:
    shutil.copyfile(path, path.with_name("app.log.1"))
    os.truncate(path, 0)


def moved(directory: Path) -> bytes:
    """What the file that was rotated away holds."""
    if (directory / "app.log.1.gz").exists():
        return gzip.decompress((directory / "app.log.1.gz").read_bytes())
    for name in ("app.log.1", "app-20260101.log"):
        if (directory / name).exists():
            return (directory / name).read_bytes()
    return b""


def both(directory: Path) -> bytes:
    active = directory / "app.log"
    return moved(directory) + (active.read_bytes() if active.exists() else b"")


RENAMES = [rename, rename_and_create, rename_with_the_date]
MOVES = [*RENAMES, rename_and_gzip, copy_and_truncate]


@pytest.fixture
def disk(tmp_path: Path) -> DiskSide:
    return DiskSide(tmp_path / "out")


@contextlib.asynccontextmanager
async def publishing(source: Source) -> AsyncIterator[None]:
    stop = asyncio.Event()

    async def publish() -> None:
        while not stop.is_set():
            await source.publish_lines(5)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        stop.set()
        await task


@pytest.mark.parametrize("move", RENAMES)
async def test_renamed_under_load(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, move: Move
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    directory = tmp_path / "out/web1"
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        async with publishing(source):
            await until(lambda: receiver.status("").written_lines > 50)
            move(directory / "app.log")
            lines = receiver.status("").written_lines
            await until(lambda: receiver.status("").written_lines > lines + 50)
        await until(lambda: both(directory) == source.content)
        status = receiver.status("")

    assert moved(directory)
    assert (directory / "app.log").stat().st_size
    assert (status.lost, status.out_of_order) == (0, 0)


@pytest.mark.parametrize("move", [copy_and_truncate, rename_and_gzip])
async def test_moved_while_it_waits_for_lines(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, move: Move
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    directory = tmp_path / "out/web1"
    config = receiver_config(tmp_path / "out")
    async with running(nats_server, config) as receiver:
        await source.publish_lines(20)
        await until(lambda: receiver.status("").written_lines == 20)
        before = source.content
        move(directory / "app.log")
        await source.publish_lines(20)
        await until(lambda: receiver.status("").written_lines == 40)
    async with running(nats_server, config) as receiver:
        await source.publish_lines(5)
        await until(lambda: receiver.status("").written_lines == 45)

    assert moved(directory) == before
    assert both(directory) == source.content, "no hole, and the offset begins at 0 again"


async def test_truncated_under_load_only_what_was_there_is_gone(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    active = tmp_path / "out/web1/app.log"
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        async with publishing(source):
            for _ in range(3):
                lines = receiver.status("").written_lines
                await until(lambda before=lines: receiver.status("").written_lines > before + 30)  # type: ignore[misc]
                os.truncate(active, 0)
        await source.publish_lines(1)
        await until(lambda: active.read_bytes()[-20:] == source.content[-20:])
        assert source.content.endswith(active.read_bytes())


async def test_deleted_under_load_it_goes_on_in_a_new_file(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    active = tmp_path / "out/web1/app.log"
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        async with publishing(source):
            await until(lambda: receiver.status("").written_lines > 30)
            active.unlink()
            await until(active.exists)
        await until(lambda: source.content.endswith(active.read_bytes()))
        await source.publish_lines(1)
        await until(lambda: active.read_bytes()[-20:] == source.content[-20:])
        assert source.content.endswith(active.read_bytes())


@pytest.mark.parametrize("move", MOVES)
async def test_moved_while_we_are_stopped(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, move: Move
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    directory = tmp_path / "out/web1"
    config = receiver_config(tmp_path / "out")
    async with running(nats_server, config) as receiver:
        await source.publish_lines(20)
        await until(lambda: receiver.status("").written_lines == 20)
    move(directory / "app.log")
    await source.publish_lines(20)
    async with running(nats_server, config) as receiver:
        await until(lambda: receiver.status("").written_lines == 40)

    assert both(directory) == source.content


@pytest.mark.parametrize("move", RENAMES)
def test_uncommitted_bytes_are_cut_where_they_are_now(
    disk: DiskSide, monkeypatch: pytest.MonkeyPatch, move: Move
) -> None:
    disk.write(b"a\n")
    message = disk.message(b"uncommitted\n")

    def crash(*_: object) -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "commit", crash)
        with pytest.raises(CrashError):
            disk.give(message)
    disk.close()
    assert disk.path().read_bytes() == b"a\nuncommitted\n"
    move(disk.path())
    disk.begin()

    assert moved(disk.directory / "web1") == b"a\n"
    assert disk.give(message).failure is None
    assert both(disk.directory / "web1") == b"a\nuncommitted\n"


@pytest.mark.parametrize("move", RENAMES)
def test_renamed_between_write_and_taking_back(
    disk: DiskSide, monkeypatch: pytest.MonkeyPatch, move: Move
) -> None:
    disk.write(b"a\n")
    message = disk.message(b"b\n")

    def rename_and_fail(*_: object) -> None:
        move(disk.path())
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "sync", rename_and_fail)
        assert disk.give(message).failure is not None
    assert moved(disk.directory / "web1") == b"a\n", "what was taken back is cut where it is now"
    assert disk.give(message).failure is None
    assert both(disk.directory / "web1") == b"a\nb\n"


def test_renamed_while_its_descriptor_was_given_up(tmp_path: Path) -> None:
    disk = DiskSide(tmp_path / "out", open_files=1)
    disk.write(b"a\n")
    append = Archive.append

    def renaming(self: Archive, path: str, pieces: Sequence[bytes]) -> None:
        if path == "web2/app.log" and not disk.path().with_name("app.log.1").exists():
            rename(disk.path())
        append(self, path, pieces)

    batch = [disk.message(b"x\n", host="web2"), disk.message(b"b\n")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Archive, "append", renaming)
        failure = disk.give(*batch).failure
    assert failure is not None, "it was noticed"
    assert disk.path().read_bytes() == b""
    assert disk.give(*batch).failure is None
    assert both(disk.directory / "web1") == b"a\nb\n"
    disk.crash()
    assert both(disk.directory / "web1") == b"a\nb\n"


def test_a_foreign_file_with_the_inode_of_ours_is_not_cut(
    disk: DiskSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.write(b"a\n")
    disk.close()
    path = disk.path()
    other = path.with_name("other.log.1.gz")
    path.rename(other)  # as if the inode had been used again
    other.write_bytes(b"compressed lines of another log")
    disk.begin()

    assert other.read_bytes() == b"compressed lines of another log"


def test_a_file_put_back_after_it_was_gone_is_not_cut(disk: DiskSide) -> None:
    disk.write(b"a\n")
    kept = disk.path().read_bytes()
    disk.close()
    disk.path().unlink()
    disk.begin()
    disk.close()
    disk.path().write_bytes(kept * 10)
    disk.begin()
    assert disk.path().read_bytes() == kept * 10
    disk.write(b"b\n")
    assert disk.path().read_bytes() == kept * 10 + b"b\n"


def test_two_partitions_with_one_file(tmp_path: Path) -> None:
    """As for a time after the number of partitions was changed."""
    disk = DiskSide(tmp_path / "out")
    disk.write(b"a\n")
    logs, _ = disk.committer.take_over(1)
    one, two = disk.message(b"b\n"), disk.message(b"c\n")
    batches = [Batch(logs=disk.logs, deliveries=[one]), Batch(logs=logs, deliveries=[two])]
    assert [outcome.failure for outcome in disk.committer.commit(batches)] == [None, None]
    disk.crash()
    assert disk.path().read_bytes() == b"a\nb\nc\n"
