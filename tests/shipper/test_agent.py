# ruff: noqa: ASYNC240 - what is tested are files being moved under a running shipper
"""Many logs to a real server: what is in the stream is what was written."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from shipper.checkpoint import Checkpoint
from shipper.connection import Connection, ConnectionOptions
from shipper.source_log import Reading
from tests.shipper.shipping import (
    api,
    append,
    arrives,
    content,
    following,
    make_stream,
    ship_once,
    shipping,
    stored,
)
from tests.support.nats_server import NatsServer
from tests.support.waiting import until


def lines(first: int, last: int, mark: bytes = b"line") -> bytes:
    return b"".join(b"%s %d\n" % (mark, number) for number in range(first, last))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "web1" / "app.log"
    append(path, b"")
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


async def test_a_rotation_while_following(connection: Connection, log: Path, state: Path) -> None:
    await make_stream(connection)
    append(log, b"one\n")
    async with shipping(connection, state, following(log)):
        await arrives(connection, b"one\n")
        append(log, b"two\n")
        old = log.rename(log.with_name("app.log.1"))
        append(log, b"three\n")
        await arrives(connection, b"one\ntwo\nthree\n")
        append(old, b"late\n")
        await arrives(connection, b"one\ntwo\nthree\nlate\n")
    assert {message.source.name for message in await stored(connection)} == {"app.log"}


async def test_a_restart_goes_on_where_it_was(
    connection: Connection, log: Path, state: Path
) -> None:
    await make_stream(connection)
    append(log, b"one\n")
    await ship_once(connection, state, following(log))
    append(log, b"two\n")
    log.rename(log.with_name("app.log.1"))
    append(log, b"three\n")
    await ship_once(connection, state, following(log))
    await ship_once(connection, state, following(log))
    assert await content(connection) == b"one\ntwo\nthree\n"


async def test_a_log_rotated_away_while_stopped_without_a_new_file(
    connection: Connection, log: Path, state: Path
) -> None:
    await make_stream(connection)
    append(log, b"one\n")
    what = following(log.parent.parent / "*" / "app.log")
    await ship_once(connection, state, what)
    append(log, b"two\n")
    log.rename(log.with_name("app.log.1"))
    await ship_once(connection, state, what)
    assert await content(connection) == b"one\ntwo\n"


async def test_lines_wait_for_a_stream(connection: Connection, log: Path, state: Path) -> None:
    append(log, lines(0, 100))
    async with shipping(connection, state, following(log)) as agent:
        await until(lambda: any("no stream" in s for s in agent.problems))
        append(log, lines(100, 200))
        await make_stream(connection)
        await arrives(connection, lines(0, 200))


async def test_a_full_stream_is_waited_for_and_the_order_kept(
    connection: Connection, log: Path, state: Path
) -> None:
    await make_stream(connection, max_msgs=1)
    append(log, b"one\n")
    async with shipping(connection, state, following(log)) as agent:
        await arrives(connection, b"one\n")
        append(log, b"two\n")
        await until(lambda: any("full" in s for s in agent.problems))
        append(log, b"three\n")
        got = b"one\n"
        for wanted in (b"two\n", b"three\n"):
            await api(connection, "STREAM.PURGE.LOGS")
            await arrives(connection, wanted)
            got += wanted
        assert got == log.read_bytes()


async def test_one_process_ships_many_hosts(
    connection: Connection, tmp_path: Path, state: Path
) -> None:
    await make_stream(connection)
    logs = [tmp_path / "fleet" / f"web-{number:02}" / "app.log" for number in range(30)]
    for path in logs:
        path.parent.mkdir(parents=True)
        append(path, lines(0, 50, path.parent.name.encode()))
    append(tmp_path / "fleet" / "no host" / "app.log", b"lost to bad naming\n")
    pattern = following(tmp_path / "fleet" / "*" / "app.log", host="{dir}")
    async with shipping(connection, state, pattern):
        for path in logs:
            append(path, lines(50, 60, path.parent.name.encode()))
        for path in logs:
            await arrives(connection, path.read_bytes(), path.parent.name)
        new = tmp_path / "fleet" / "web-99" / "app.log"
        append(new, b"appeared\n")
        await arrives(connection, b"appeared\n", "web-99")
    assert {message.source.host for message in await stored(connection)} == {
        path.parent.name for path in [*logs, new]
    }


async def test_a_hot_log_does_not_starve_a_quiet_one(
    connection: Connection, tmp_path: Path, state: Path
) -> None:
    await make_stream(connection)
    hot, quiet = tmp_path / "hot" / "app.log", tmp_path / "quiet" / "app.log"
    append(hot, b"x" * 99 + b"\n")
    with hot.open("ab") as file:
        file.write((b"x" * 99 + b"\n") * 600_000)
    append(quiet, b"now\n")
    await ship_once(connection, state, following(hot, quiet, host="{dir}"))
    hosts = [message.source.host for message in await stored(connection)]
    assert hosts.index("quiet") < 20 < len(hosts)
    assert await content(connection, "hot") == hot.read_bytes()


async def test_a_line_on_a_quiet_log_is_soon_in_the_stream(
    connection: Connection, log: Path, state: Path
) -> None:
    await make_stream(connection)
    times = []
    async with shipping(connection, state, following(log, reading=Reading())):
        wanted = b""
        for number in range(10):
            append(log, b"%d\n" % number)
            begun = time.monotonic()
            wanted += b"%d\n" % number
            await arrives(connection, wanted)
            times.append(time.monotonic() - begun)
    assert min(times) < 0.3, times


async def test_globs_that_match_rotated_files_ship_them_once(
    connection: Connection, log: Path, state: Path
) -> None:
    await make_stream(connection)
    append(log, b"one\n")
    log.rename(log.with_name("app.log.1"))
    append(log, b"two\n")
    what = following(log.with_name("app.log*"))
    async with shipping(connection, state, what):
        await arrives(connection, b"one\ntwo\n")
        log.with_name("app.log.1").rename(log.with_name("app.log.2"))
        log.rename(log.with_name("app.log.1"))
        append(log, b"three\n")
        await arrives(connection, b"one\ntwo\nthree\n")
    await ship_once(connection, state, what)
    assert await content(connection) == b"one\ntwo\nthree\n"


async def test_two_logs_of_one_host_and_name_are_told_apart(
    connection: Connection, tmp_path: Path, state: Path
) -> None:
    await make_stream(connection)
    for place in ("nginx", "apache"):
        append(tmp_path / place / "access.log", place.encode() + b"\n")
    what = following(tmp_path / "*" / "access.log")
    await ship_once(connection, state, what)
    names = {message.source.name: message.payload for message in await stored(connection)}
    assert sorted(names.values()) == [b"apache\n", b"nginx\n"]
    append(tmp_path / "nginx" / "access.log", b"more\n")
    await ship_once(connection, state, what)
    again = (await stored(connection))[-1]
    assert names[again.source.name] == b"nginx\n"


async def test_a_hard_link_is_no_second_log(connection: Connection, log: Path, state: Path) -> None:
    await make_stream(connection)
    append(log, b"one\n")
    log.with_name("same.log").hardlink_to(log)
    await ship_once(connection, state, following(log.with_name("*.log")))
    assert await content(connection) == b"one\n"


async def test_from_end_skips_only_what_was_there(
    connection: Connection, log: Path, state: Path
) -> None:
    await make_stream(connection)
    append(log, b"old\n")
    what = following(log.with_name("*.log"), from_end=True)
    async with shipping(connection, state, what) as agent:
        await until(lambda: agent.log_count == 1)
        append(log, b"new\n")
        append(log.with_name("later.log"), b"later\n")
        await until(lambda: content(connection))
        await until(lambda: _count(connection, 2))
    assert sorted(m.payload for m in await stored(connection)) == [b"later\n", b"new\n"]


async def _count(connection: Connection, wanted: int) -> bool:
    return len(await stored(connection)) >= wanted


async def test_smaller_messages_where_the_stream_wants_them(
    connection: Connection, log: Path, state: Path
) -> None:
    await make_stream(connection, max_msg_size=5000)
    append(log, lines(0, 5000) + b"y" * 20_000 + b"\nend\n")
    await ship_once(connection, state, following(log))
    assert await content(connection) == log.read_bytes()


async def test_a_server_restart_in_the_middle(
    nats_server: NatsServer, log: Path, state: Path
) -> None:
    async with Connection(ConnectionOptions(servers=(nats_server.url,))) as connection:
        await make_stream(connection)
        async with shipping(connection, state, following(log)):
            for turn in range(3):
                append(log, lines(turn * 1000, turn * 1000 + 500))
                await nats_server.kill()
                append(log, lines(turn * 1000 + 500, turn * 1000 + 1000))
                await nats_server.start()
                await connection.wait_connected(30)
            await arrives(connection, lines(0, 3000))


async def test_a_file_that_cannot_be_read_now_is_read_later(
    connection: Connection, log: Path, state: Path
) -> None:
    await make_stream(connection)
    append(log, b"one\n")
    what = following(log)
    real = log.rename(log.with_name("real"))
    log.symlink_to(log)
    async with shipping(connection, state, what) as agent:
        await until(lambda: agent.problems)
        log.unlink()
        real.rename(log)
        await arrives(connection, b"one\n")


async def test_what_cannot_be_recorded_is_not_sent(
    connection: Connection, log: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_stream(connection)
    save = Checkpoint.save

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with shipping(connection, state, following(log)) as agent:
        monkeypatch.setattr(Checkpoint, "save", fail)
        append(log, b"one\n")
        await until(lambda: any("cannot write the state" in s for s in agent.problems))
        assert await content(connection) == b""
        monkeypatch.setattr(Checkpoint, "save", save)
        await arrives(connection, b"one\n")


async def test_descriptors_do_not_pile_up(connection: Connection, log: Path, state: Path) -> None:
    await make_stream(connection)
    before = descriptors()
    wanted = b""
    reading = Reading(linger=0, grace=0, retire_after=0)
    async with shipping(connection, state, following(log, reading=reading)):
        for number in range(10):
            append(log, b"%d\n" % number)
            wanted += b"%d\n" % number
            await arrives(connection, wanted)
            log.rename(log.with_name(f"app.log.{10 - number}"))
        append(log, b"end\n")
        await arrives(connection, wanted + b"end\n")
        await until(lambda: descriptors() < before + 10)
    await asyncio.sleep(0)
    assert descriptors() <= before
