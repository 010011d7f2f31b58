"""Lines of hosts on standard output: which, from where, and as which bytes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.stored_lines import epoch_seconds
from natsconsole.gateway.stream_tail import StreamTail
from shipper.connection import Connection, ConnectionOptions
from shipper.wire import SourceRange
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.programs import Program, run
from tests.support.terminal import Terminal

RAW = b"\x1b[31mred\x07 \xff\xfe \xe2\x80\xae tab\there\r\n"


@pytest.fixture
async def url(nats_server: NatsServer, connection: Connection) -> str:
    await make_stream(connection)
    for host, count in (("web1", 12), ("web2.example.net", 3), ("db1", 2)):
        await Source(connection, host).publish_lines(count)
    return nats_server.url


async def tail(url: str, *arguments: str) -> tuple[int, list[str], str]:
    code, out, err = await run("natsconsole", "tail", "-s", url, "--no-follow", *arguments)
    return code, out.splitlines(), err


async def bytes_of(url: str, *arguments: str) -> bytes:
    program = await Program("natsconsole", "tail", "-s", url, *arguments).start()
    out, err = await asyncio.wait_for(program.process.communicate(), 60)
    assert (program.process.returncode, err) == (0, b"")
    return out


async def test_which_hosts_and_how_many_lines(url: str) -> None:
    code, lines, err = await tail(url)
    assert (code, err) == (0, "")
    assert len(lines) == 10
    assert lines[-3:] == [
        "web2.example.net web2.example.net line 000002",
        "db1 db1 line 000000",
        "db1 db1 line 000001",
    ]
    _, lines, _ = await tail(url, "web1")
    assert lines == [f"web1 line {number:06d}" for number in range(2, 12)]
    _, lines, _ = await tail(url, "web*", "-n", "2")
    assert [line.split()[0] for line in lines] == ["web2.example.net"] * 2
    _, lines, _ = await tail(url, "web1", "db1", "--from-start")
    assert [line.split()[0] for line in lines] == ["web1"] * 12 + ["db1"] * 2
    _, lines, _ = await tail(url, "--from-start", "--grep", "line 00000[01]$")
    assert len(lines) == 6
    _, lines, _ = await tail(url, "-n", "0")
    assert lines == []


async def test_since_when(url: str, connection: Connection) -> None:
    _, lines, _ = await tail(url, "--since", "1h")
    assert len(lines) == 17
    _, lines, _ = await tail(url, "--since", "1ms")
    assert lines == []
    source = StreamTail(connection, "LOGS")
    await source.open()
    source.begin_at_first()
    every = await source.read() or []
    await source.begin_at(epoch_seconds(every[12].stored.time))
    found = await source.read() or []
    assert found[-1] == every[-1]
    assert 4 <= len(found) <= 6, "a float of seconds is a microsecond off at most"


async def test_bytes_are_written_as_they_are(url: str, connection: Connection) -> None:
    source = Source(connection, "raw")
    await source.publish(RAW * 3)
    assert await bytes_of(url, "raw", "--no-follow", "--from-start") == RAW * 3
    both = await bytes_of(url, "ra?", "--no-follow", "--from-start")
    assert both == b"".join(b"raw " + RAW for _ in range(3))


async def test_a_line_in_pieces_is_one_line(url: str, connection: Connection) -> None:
    first, other = Source(connection, "raw"), Source(connection, "raw", name="other.log")
    await first.publish(b"begun")
    await other.publish(b"whole\n")
    await first.publish(b" and ended\nno end")
    await connection.request("logs.raw", b"no headers")
    expected = b"whole\nbegun and ended\nno headers\nno end"
    assert await bytes_of(url, "raw", "--no-follow", "--from-start") == expected


async def test_json(url: str, connection: Connection) -> None:
    await Source(connection, "raw").publish("é ".encode() + RAW)
    _, lines, _ = await tail(url, "raw", "--json")
    (line,) = lines
    assert line.isascii()
    assert line.isprintable(), "what reads it may hand it to a terminal"
    found = json.loads(line)
    assert found["line"].startswith("é \x1b[31mred")
    assert found["base64"]
    assert (found["host"], found["log"], found["sequence"]) == ("raw", "app.log", 18)
    assert found["subject"].startswith("logs.")
    assert found["time"].endswith("Z")


async def test_a_stream_of_anybody(nats_server: NatsServer, connection: Connection) -> None:
    await JetStream(connection).create_stream(
        {"name": "ORDERS", "subjects": ["orders.>"], "allow_direct": False}
    )
    for subject in ("orders.shop1.new", "orders.shop2.paid", "orders.shop1.paid.late"):
        await connection.request(subject, b'{"subject": "%b"}' % subject.encode())
    where = ("-s", nats_server.url, "--stream", "ORDERS", "--subject", "orders.{host}.>")
    code, out, err = await run("natsconsole", "tail", *where, "--no-follow", "shop1")
    assert (code, err) == (0, "")
    assert [json.loads(line)["subject"] for line in out.splitlines()] == [
        "orders.shop1.new",
        "orders.shop1.paid.late",
    ]


async def test_the_only_stream_needs_no_name(
    nats_server: NatsServer, connection: Connection
) -> None:
    jetstream = JetStream(connection)
    for name in ("ORDERS", "KV_settings"):
        await jetstream.create_stream({"name": name, "subjects": [f"{name}.*"]})
    await connection.request("ORDERS.shop1", b"one")
    assert await tail(nats_server.url) == (0, ["shop1 one"], "")
    await jetstream.create_stream({"name": "BILLS", "subjects": ["bills.>"]})
    code, _, err = await tail(nats_server.url)
    assert code == 2
    assert (
        err == "Error: there is no stream 'LOGS': name one with --stream: there are BILLS, ORDERS\n"
    )


async def test_follows_and_makes_no_consumer(url: str, connection: Connection) -> None:
    async with Program("natsconsole", "tail", "-s", url, "-n", "1", "new*", "db1") as program:
        assert program.process.stdout is not None
        read = program.process.stdout.readline
        assert await asyncio.wait_for(read(), 60) == b"db1 db1 line 000001\n"
        await Source(connection, "newcomer").publish_lines(2)
        await Source(connection, "web1").publish_lines(2)
        assert await asyncio.wait_for(read(), 60) == b"newcomer newcomer line 000000\n"
        assert await asyncio.wait_for(read(), 60) == b"newcomer newcomer line 000001\n"
        assert await JetStream(connection).consumers("LOGS") == []
        program.process.send_signal(signal.SIGINT)
        assert await program.finish(within=30) == (0, "", "")


async def test_a_restart_of_the_server_is_waited_out(tmp_path: Path) -> None:
    async with NatsServer(tmp_path) as server:
        async with Connection(ConnectionOptions(servers=(server.url,))) as connection:
            await make_stream(connection)
            await Source(connection, "web1").publish_lines(1)
        async with Program("natsconsole", "tail", "-s", server.url, "web1") as program:
            assert program.process.stdout is not None
            read = program.process.stdout.readline
            assert await asyncio.wait_for(read(), 60) == b"web1 line 000000\n"
            await server.stop()
            assert program.process.stderr is not None
            said = await asyncio.wait_for(program.process.stderr.readline(), 60)
            assert said.endswith(b"; trying again\n")
            await server.start()
            async with Connection(ConnectionOptions(servers=(server.url,))) as connection:
                await connection.request("logs.web1", b"back")
            assert await asyncio.wait_for(read(), 60) == b"back\n"
            assert b"again" in await asyncio.wait_for(program.process.stderr.readline(), 60)


async def test_a_stream_that_is_made_anew_is_read_from_its_beginning(
    url: str, connection: Connection
) -> None:
    async with Program("natsconsole", "tail", "-s", url, "-n", "1", "web1") as program:
        assert program.process.stdout is not None
        read = program.process.stdout.readline
        assert await asyncio.wait_for(read(), 60) == b"web1 line 000011\n"
        program.process.send_signal(signal.SIGSTOP)
        await connection.request("$JS.API.STREAM.DELETE.LOGS")
        await make_stream(connection)
        await connection.request("logs.web1", b"new")
        program.process.send_signal(signal.SIGCONT)
        assert await asyncio.wait_for(read(), 60) == b"new\n"
        await connection.request("$JS.API.STREAM.DELETE.LOGS")
        code, out, err = await program.finish(within=30)
        assert (code, out) == (2, "")
        assert "LOGS was made anew" in err.splitlines()[0]
        assert err.splitlines()[1:] == ["Error: stream 'LOGS' is gone"]


async def test_whoever_reads_may_stop(url: str, connection: Connection) -> None:
    for _ in range(40):
        await connection.request("logs.web1", b"x" * 100_000)
    program = await Program("natsconsole", "tail", "-s", url, "--from-start").start()
    process = program.process
    assert process.stdout is not None
    await process.stdout.readline()
    process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert process.stderr is not None
    assert await process.stderr.read() == b""


async def test_an_interrupt_ends_it_though_nobody_reads(url: str, connection: Connection) -> None:
    for _ in range(40):
        await connection.request("logs.web1", b"x" * 100_000)
    read, write = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "natsconsole", "tail", "-s", url, "--from-start", stdout=write
    )
    os.close(write)
    try:
        assert await asyncio.to_thread(os.read, read, 1), "it has begun, and the pipe is full soon"
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        os.close(read)


async def test_nothing_acts_on_a_terminal(url: str, connection: Connection) -> None:
    await Source(connection, "raw").publish(RAW)
    async with Terminal("natsconsole", "tail", "-s", url, "raw", "web1") as terminal:
        await terminal.until(lambda: terminal.shows("raw ␛[31mred␇ \\xff\\xfe \\u202e"), within=30)
        for bad in (b"\x1b[31mred", b"\x07", b"\xff", "\u202e".encode()):
            assert bad not in terminal.raw
        assert b"\x1b[0m \xe2\x90\x9b" in terminal.raw, "the host's name alone has a colour"
        terminal.press("\x03")
        assert await terminal.end() == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("wbe1",), 1, "stream LOGS has nothing of 'wbe1'; did you mean 'web1'?"),
        (
            ("--stream", "NONE"),
            2,
            "there is no stream 'NONE': name one with --stream: there are LOGS",
        ),
        (("--grep", "("), 2, "'(' is no regular expression"),
        (("--subject", "logs.>"), 2, "needs exactly one {host} or {host>} token"),
        (("--subject", "lo gs.{host}"), 2, "is no subject"),
        (("--since", "5m", "--from-start"), 2, "two beginnings"),
    ],
)
async def test_what_cannot_be(url: str, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, lines, err = await tail(url, *arguments)
    assert (found, lines) == (code, [])
    assert said in " ".join(err.split())
    assert "Traceback" not in err


async def test_no_server(unused_port: int) -> None:
    code, _, err = await tail(f"nats://127.0.0.1:{unused_port}")
    assert code == 3
    assert err.count("\n") == 1


async def test_it_does_without_the_screen(url: str) -> None:
    """What is not loaded does not slow the start."""
    code = (
        "import sys; from natsconsole.cli import main\n"
        f"main(['tail', '-s', {url!r}, '--no-follow'], standalone_mode=False)\n"
        "assert 'textual' not in sys.modules and 'rich' not in sys.modules\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_a_split_line_keeps_its_bytes(url: str, connection: Connection) -> None:
    pieces = (b"x" * 700_000, b"y" * 700_000 + b"\nnext\n")
    at = 0
    for payload in pieces:
        source = SourceRange(
            host="long", name="app.log", file="f", start=at, end=at + len(payload), line=0
        )
        await connection.request("logs.long", payload, headers=source.headers())
        at = source.end
    found = await bytes_of(url, "long", "--no-follow", "--from-start")
    assert found == b"".join(pieces)
