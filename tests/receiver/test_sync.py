"""No ack before the sync, and no faith in a sync after one that failed."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from natsconsole.gateway.jetstream import JetStream
from natsconsole.receiver import archive as archive_module
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.partition_lock import PartitionLock
from shipper.connection import Connection
from tests.support.disk_side import DiskSide
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until


class SlowSync:
    """Holds every sync that follows a write until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.waiting = threading.Event()
        self._is_written = False
        append, sync = Archive.append, Archive.sync

        def noting(archive: Archive, path: str, pieces: Sequence[bytes]) -> None:
            append(archive, path, pieces)
            self._is_written = True

        def slow(archive: Archive) -> None:
            if self._is_written:
                self._is_written = False
                self.waiting.set()
                assert self.open.wait(60)
            sync(archive)

        monkeypatch.setattr(Archive, "append", noting)
        monkeypatch.setattr(Archive, "sync", slow)


async def outstanding(jetstream: JetStream) -> int:
    return sum(found.num_ack_pending for found in await jetstream.consumers("LOGS"))


@pytest.mark.parametrize("mode", ["always", "interval"])
@pytest.mark.parametrize("policy", ["explicit", "all"])
async def test_acks_wait_for_the_sync(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    policy: str,
) -> None:
    jetstream = await make_stream(connection)
    source = Source(connection, "web1")
    slow = SlowSync(monkeypatch)
    config = receiver_config(tmp_path / "out", fsync=mode, ack_policy=policy)
    async with running(nats_server, config) as receiver:
        try:
            await source.publish_lines(20)
            await until(slow.waiting.is_set, within=30)
            await until(lambda: receiver.status("").unacked == 20)
            # The server's own figure, after everything we might have sent has reached it.
            await receiver._around.connection.rtt()
            assert await outstanding(jetstream) == 20
        finally:
            slow.open.set()

        async def settled() -> bool:
            return await outstanding(jetstream) == 0

        await until(settled, within=30)
    assert (tmp_path / "out/web1/app.log").read_bytes() == source.content


async def test_between_two_syncs_of_an_interval_lines_wait_unacked(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jetstream = await make_stream(connection)
    monkeypatch.setattr("natsconsole.receiver.opening.SYNC_INTERVAL", 0.7)
    synced: list[int] = []
    sync = Archive.sync
    out = tmp_path / "out"
    source = Source(connection, "web1")

    def noting(archive: Archive) -> None:
        sync(archive)
        path = out / "web1/app.log"
        synced.append(path.stat().st_size if path.exists() else 0)

    monkeypatch.setattr(Archive, "sync", noting)
    async with running(nats_server, receiver_config(out, fsync="interval")) as receiver:
        await source.publish_lines(1)
        await until(lambda: receiver.status("").written_lines == 1, within=30)
        # No interval ends before all ten are there, however long that takes.
        receiver._around.sync_interval = 1e9
        await until(lambda: all(worker._tick == 0 for worker in receiver._workers))
        await source.publish_lines(10)
        await until(lambda: receiver.status("").unacked == 10)
        assert await outstanding(jetstream) == 10
        receiver._around.sync_interval = 0.7
        await until(lambda: receiver.status("").unacked == 0)
        assert synced[-1] == len(source.content), "acked once all of it was synced"
        assert len([size for size in synced if size]) <= 3, "ten lines shared two syncs"


async def test_an_interval_does_not_slow_a_backlog_down(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await make_stream(connection)
    monkeypatch.setattr("natsconsole.receiver.opening.SYNC_INTERVAL", 5.0)
    for _ in range(20):
        await asyncio.gather(*(connection.request("logs.web1", b"x") for _ in range(200)))
    config = receiver_config(tmp_path / "out", fsync="interval")
    async with running(nats_server, config) as receiver:
        await until(lambda: receiver.status("").written_lines > 3000, within=30)


async def test_never_syncs_no_line(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await make_stream(connection)
    slow = SlowSync(monkeypatch)
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path / "out", fsync="never")) as receiver:
        await source.publish_lines(20)
        await until(lambda: receiver.status("").written_lines == 20)
        await until(lambda: receiver.status("").unacked == 0)
    assert not slow.waiting.is_set()


@pytest.mark.parametrize("hosts", [1, 12], ids=["one by one", "by syncfs"])
def test_after_a_failed_sync_all_is_cut_back_and_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: int
) -> None:
    if hosts > 4 and archive_module._syncfs is None:
        pytest.skip("only Linux has syncfs")
    disk = DiskSide(tmp_path / "out")
    names = [f"web{number}" for number in range(hosts)]
    for name in names:
        disk.write(b"before\n", host=name)
    messages = [disk.message(b"after\n", host=name) for name in names]
    fail_syncs(monkeypatch, times=2)
    for _ in range(2):
        failure = disk.give(*messages).failure
        assert failure is not None
        assert failure.errno == errno.EIO
        assert [disk.content(name) for name in names] == [b"before\n"] * hosts, "cut back"

    appended: list[str] = []
    append = Archive.append

    def noting(archive: Archive, path: str, pieces: Sequence[bytes]) -> None:
        appended.append(path)
        append(archive, path, pieces)

    monkeypatch.setattr(Archive, "append", noting)
    assert disk.give(*messages).failure is None
    assert sorted(appended) == sorted(f"{name}/app.log" for name in names), "written again"
    assert [disk.content(name) for name in names] == [b"before\nafter\n"] * hosts


def fail_syncs(monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """Make the kernel's answer to the next syncs an I/O error, whatever we call."""
    left = [times]
    syncfs, sync_data = archive_module._syncfs, archive_module._sync_data

    def failing_syncfs(root: int) -> int:
        if left[0] > 0:
            left[0] -= 1
            ctypes.set_errno(errno.EIO)
            return -1
        assert syncfs is not None
        return syncfs(root)

    def failing_sync_data(file: int) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync_data(file)

    monkeypatch.setattr(archive_module, "_syncfs", syncfs and failing_syncfs)
    monkeypatch.setattr(archive_module, "_sync_data", failing_sync_data)


def test_a_new_hosts_directory_is_synced_after_a_sync_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = DiskSide(tmp_path / "out")
    message = disk.message(b"a\n")
    with monkeypatch.context() as patch:
        fail_syncs(patch, times=1)
        assert disk.give(message).failure is not None
    synced: list[str] = []
    sync_directory = Archive._sync_directory

    def noting(archive: Archive, name: str) -> None:
        synced.append(name)
        sync_directory(archive, name)

    monkeypatch.setattr(Archive, "_sync_directory", noting)
    assert disk.give(message).failure is None
    assert synced == ["web1"]


def test_one_file_that_cannot_be_cut_holds_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = DiskSide(tmp_path / "out")
    for host in ("bad", "web1"):
        disk.write(b"a\n", host=host)
    append, cut = Archive.append, Archive.cut
    is_bad = True

    def failing_append(archive: Archive, path: str, pieces: Sequence[bytes]) -> None:
        if is_bad and path.startswith("bad/"):
            append(archive, path, [pieces[0][:1]])
            raise OSError(errno.EIO, "Input/output error", path)
        append(archive, path, pieces)

    def failing_cut(archive: Archive, path: str, length: int) -> None:
        if is_bad and path.startswith("bad/"):
            raise OSError(errno.EIO, "Input/output error", path)
        cut(archive, path, length)

    monkeypatch.setattr(Archive, "append", failing_append)
    monkeypatch.setattr(Archive, "cut", failing_cut)
    held = disk.message(b"b\n", host="bad")
    for _ in range(3):
        outcome = disk.give(held, disk.message(b"b\n"))
        assert (outcome.failure, list(outcome.broken)) == (None, [("bad", "app.log")])
    is_bad = False
    assert disk.give(held).broken == {}
    assert disk.content("web1") == disk.source["web1"]
    assert disk.content("bad") == b"a\nb\n"
    assert disk.logs.logs["bad", "app.log"].lost == 0


def test_what_is_left_over_is_the_next_owners_to_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = DiskSide(tmp_path / "out")
    disk.write(b"a\n")

    def failing(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "sync", failing)
        patch.setattr(Archive, "cut", failing)
        assert disk.give(disk.message(b"b\n")).failure is not None
    disk.committer.let_go(0)
    with disk.path().open("ab") as file:
        file.write(b"of whoever has it now\n")
    disk.committer.commit([])

    assert disk.path().read_bytes() == b"a\nb\nof whoever has it now\n"


def test_a_file_that_was_unreadable_at_the_take_over_is_cut_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = DiskSide(tmp_path / "out")
    disk.write(b"a\n")
    disk.close()
    with disk.path().open("ab") as file:
        file.write(b"uncommitted\n")
    cut = Archive.cut

    def failing(archive: Archive, path: str, length: int) -> None:
        raise OSError(errno.EACCES, "Permission denied", path)

    message = disk.message(b"uncommitted\n")
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "cut", failing)
        disk.begin()
        outcome = disk.give(message, disk.message(b"x\n", host="web2"))
        assert (outcome.failure, list(outcome.broken)) == (None, [("web1", "app.log")])
        assert disk.content("web2") == b"x\n"
    assert Archive.cut is cut
    assert disk.give(message).broken == {}
    assert disk.path().read_bytes() == b"a\nuncommitted\n"


def test_a_file_far_too_long_of_a_new_log_holds_that_log_alone(tmp_path: Path) -> None:
    disk = DiskSide(tmp_path / "out")
    disk.write(b"a\n")
    with disk.path().open("ab") as file:
        file.truncate(1 << 30)
    other, _ = disk.committer.take_over(1)  # its host is a new log there
    disk.logs = other
    outcome = disk.give(disk.message(b"b\n"), disk.message(b"x\n", host="web2"))

    assert (outcome.failure, list(outcome.broken)) == (None, [("web1", "app.log")])
    assert "move it away" in str(outcome.broken["web1", "app.log"])
    assert disk.path().stat().st_size == 1 << 30


async def test_the_lock_is_kept_until_the_disk_is_done(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A drain that is cut short while a sync hangs: nobody else may write meanwhile."""
    await make_stream(connection)
    monkeypatch.setattr("natsconsole.receiver.receiver.DRAIN_LIMIT", 0.1)
    source = Source(connection, "web1")
    slow = SlowSync(monkeypatch)
    out = tmp_path / "out"
    async with running(nats_server, receiver_config(out)) as receiver:
        await source.publish_lines(5)
        await until(slow.waiting.is_set, within=30)
        (partition,) = [one for one in receiver._partitions if one.unwritten]
        path = receiver._around.lock_path(partition.number)
        receiver.drain()
        await until(lambda: partition.pull is None, why="the worker is on its way out")
        taken = PartitionLock.take(path)
        assert taken is None, "the lock was let go with bytes on their way to the disk"
        slow.open.set()
    async with running(nats_server, receiver_config(out)) as receiver:
        await until(lambda: receiver.status("").written_lines == 5)
    assert (out / "web1/app.log").read_bytes() == source.content
