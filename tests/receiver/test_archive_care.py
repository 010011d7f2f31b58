"""Retention and compression beside a receiver that runs, wired as the command wires them."""

from __future__ import annotations

import asyncio
import gzip
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from natsconsole.cli.receive import _upkeep, receive
from natsconsole.receiver.archive import STATE_DIRECTORY
from natsconsole.receiver.retention import Limits
from natsconsole.receiver.rotated_names import read_rotated
from natsconsole.receiver.rotation import Rotation
from natsconsole.receiver.upkeep import Upkeep, UpkeepConfig
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.programs import Program
from tests.support.waiting import until

DAY = 86_400.0


def rotated(directory: Path) -> list[Path]:
    found = ((read_rotated(path.name), path) for path in directory.iterdir())
    return [path for _, path in sorted((name, path) for name, path in found if name)]


def content(directory: Path) -> bytes:
    """All that the host's files hold, packed or not."""
    whole = b""
    for path in rotated(directory):
        data = path.read_bytes()
        whole += gzip.decompress(data) if path.suffix == ".gz" else data
    return whole + (directory / "app.log").read_bytes()


async def test_a_silent_hosts_file_is_rotated_away_and_deleted(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    config = receiver_config(out)
    silent, busy = Source(connection, "silent"), Source(connection, "busy")
    upkeep_config = UpkeepConfig(limits=Limits(keep_age=DAY), interval=0.1, settle=0.2)
    async with running(nats_server, config) as receiver:
        for source in (silent, busy):
            await source.publish_lines(5)
        await until(lambda: receiver.status("").written_lines == 10)
        long_ago = time.time() - 2 * DAY
        os.utime(out / "silent/app.log", (long_ago, long_ago))
        async with _upkeep(config, upkeep_config, receiver) as upkeep:
            assert upkeep is not None
            await until(lambda: upkeep.last.deleted == 1, within=30)
            assert [path.stat().st_size for path in (out / "silent").iterdir()] == [0]
            assert (out / "busy/app.log").read_bytes() == busy.content

            before = len(silent.content)
            await silent.publish_lines(5)
            await until(lambda: receiver.status("").written_lines == 15)
            assert (out / "silent/app.log").read_bytes() == silent.content[before:]
        status = receiver.status("")
    assert (status.lost, status.doubled, status.alarms) == (0, 0, ())

    async with running(nats_server, config) as receiver:
        await silent.publish_lines(1)
        await until(lambda: receiver.status("").written_lines == 16)
    assert (out / "silent/app.log").read_bytes() == silent.content[before:]


async def test_of_a_host_that_is_gone_nothing_is_left_but_its_account(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection)
    out = tmp_path / "out"
    config = receiver_config(out)
    gone = Source(connection, "gone")
    upkeep_config = UpkeepConfig(limits=Limits(keep_age=DAY), interval=0.1, settle=0.2)
    long_ago = time.time() - 2 * DAY
    async with running(nats_server, config) as receiver:
        await gone.publish_lines(5)
        await until(lambda: receiver.status("").written_lines == 5)
        os.utime(out / "gone/app.log", (long_ago, long_ago))
        async with _upkeep(config, upkeep_config, receiver) as upkeep:
            assert upkeep is not None
            await until(lambda: upkeep.last.deleted == 1, within=30)
            assert (out / "gone/app.log").exists(), "kept for as long as any"
            (out / "gone/somebodys.txt").write_bytes(b"")
            os.utime(out / "gone/app.log", (long_ago, long_ago))
            await until(lambda: not (out / "gone/app.log").exists(), within=30)
            assert (out / "gone/somebodys.txt").exists()

            before = len(gone.content)
            await gone.publish_lines(2)
            await until(lambda: receiver.status("").written_lines == 7)
            assert (out / "gone/app.log").read_bytes() == gone.content[before:]
            (out / "gone/somebodys.txt").unlink()
            os.utime(out / "gone/app.log", (long_ago, long_ago))
            await until(lambda: upkeep.last.deleted == 2, within=30)
            os.utime(out / "gone/app.log", (long_ago, long_ago))
            await until(lambda: not (out / "gone").exists(), within=30)

    consumers = await jetstream.consumers("LOGS")
    for consumer in consumers:
        await jetstream.delete_consumer("LOGS", consumer.name)
    async with running(nats_server, config) as receiver:
        before = len(gone.content)
        await gone.publish_lines(1)
        await until(lambda: receiver.status("").written_lines == 8)
    assert (out / "gone/app.log").read_bytes() == gone.content[before:]


async def test_of_two_receivers_each_rotates_its_own(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    one = receiver_config(out, partitions=frozenset({0}))
    two = receiver_config(out, name="receiver-2", partitions=frozenset({1}))
    sources = [Source(connection, f"web{number}") for number in range(8)]
    limits = UpkeepConfig(limits=Limits(keep_age=DAY), interval=0.1, settle=0.2)
    async with running(nats_server, one) as first, running(nats_server, two) as second:
        for source in sources:
            await source.publish_lines(2)

        def lines() -> list[int]:
            return [receiver.status("").written_lines for receiver in (first, second)]

        await until(lambda: sum(lines()) == 16)
        assert all(lines())
        long_ago = time.time() - 2 * DAY
        for source in sources:
            os.utime(out / source.host / "app.log", (long_ago, long_ago))
        async with _upkeep(one, limits, first) as a, _upkeep(two, limits, second) as b:
            assert a is not None
            assert b is not None
            await until(lambda: a.last.deleted + b.last.deleted == 8, within=30)


async def test_compression_beside_a_busy_receiver(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    config = receiver_config(out, rotation=Rotation(size=2000))
    source = Source(connection, "web1")
    upkeep = Upkeep(
        out,
        UpkeepConfig(compress_level=6, settle=0.0, room=0),
        state_directory=out / STATE_DIRECTORY,
    )
    async with running(nats_server, config) as receiver:
        for turn in range(1, 11):
            await asyncio.gather(asyncio.to_thread(upkeep.sweep), source.publish_lines(60))
            await until(lambda end=60 * turn: receiver.status("").written_lines == end)  # type: ignore[misc]
        await asyncio.to_thread(upkeep.sweep)
        assert upkeep.last.compressed >= 3
        assert all(path.suffix == ".gz" for path in rotated(out / "web1"))
        assert upkeep.last.problems == ()
    assert content(out / "web1") == source.content
    async with running(nats_server, config) as receiver:
        await source.publish_lines(60)
        await until(lambda: receiver.status("").written_lines == 660)
    assert content(out / "web1") == source.content


async def test_a_partition_that_is_not_ours_is_not_rotated(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(out)) as receiver:
        await source.publish_lines(5)
        await until(lambda: receiver.status("").written_lines == 5)
        (worker,) = [one for one in receiver._workers if one.partition.logs.files]
        receiver._around.committer.is_held = lambda _: False
        await worker.rotate_silent(["web1/app.log"])
        assert (out / "web1/app.log").read_bytes() == source.content
        receiver._around.committer.is_held = lambda _: True
        await worker.rotate_silent(["web1/app.log"])
        assert [path.read_bytes() for path in rotated(out / "web1")] == [source.content]


async def test_the_commands_flags(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    out = tmp_path / "out"
    for part in range(3):
        for _ in range(10):
            await source.publish(b"x" * 9_999 + b"\n")
        program = Program(
            "natsconsole", "receive", "-s", nats_server.url, "--dir", out,
            "--rotate-size", "100KB", "--rotate-age", "1d", "--compress", "--keep-age", "1d",
            "--keep-bytes", "1GB", "--fsync", ["always", "interval", "never"][part],
            "--exit-when-idle", "0.3s",
        )  # fmt: skip
        async with program:
            code, _, errors = await program.finish_served()
        assert (code, "Traceback" in errors) == (0, False), errors
        assert content(out / "web1") == source.content
    assert [path.stat().st_size for path in rotated(out / "web1")] == [100_000, 100_000]
    assert not list((out / ".natsconsole").glob("reserve-*"))
    assert (out / ".natsconsole/sweep.lock").exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--rotate-size", "1KB"), "64"),
        (("--rotate-age", "1s"), "1"),
        (("--keep-bytes", "1"), "1"),
        (("--keep-age", "-1d"), "keep-age"),
        (("--fsync", "sometimes"), "'always', 'interval', 'never'"),
    ],
)
def test_flags_that_cannot_be_meant(tmp_path: Path, flags: tuple[str, str], says: str) -> None:
    result = CliRunner().invoke(receive, ["--dir", str(tmp_path / "out"), *flags])
    assert result.exit_code == 2
    assert flags[0] in result.output
    assert says in result.output
    assert not (tmp_path / "out").exists()


async def test_upkeep_ends_with_the_receiver(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    config = receiver_config(tmp_path / "out")
    upkeep_config = UpkeepConfig(limits=Limits(keep_age=DAY))
    async with running(nats_server, config) as receiver:
        async with _upkeep(config, upkeep_config, receiver) as upkeep:
            assert upkeep is not None
            await until(lambda: upkeep.last.swept > 0)
            began = time.monotonic()
        assert time.monotonic() - began < upkeep_config.interval / 2
    await until(lambda: not upkeep._thread.is_alive())
