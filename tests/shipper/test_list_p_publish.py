# ruff: noqa: SIM117 - test files; unshare and nsenter are where the system has them
"""What can happen between a batch and its acknowledgement: nothing may be lost, doubled, reordered.

The network fails by a proxy, the server for real. `test_publisher.py` has the answers one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.chaos.proxy import Link
from natsconsole.demo.nats_server import nats_server_binary
from shipper.connection import Connection, ConnectionOptions
from tests.shipper.shipping import (
    api,
    append,
    arrives,
    content,
    following,
    make_stream,
    shipping,
    stored,
)
from tests.support.nats_server import NatsServer
from tests.support.waiting import until

LINES = b"".join(b"line %06d %s\n" % (number, b"." * 80) for number in range(20_000))
PERMISSIONS = """
accounts {{
  A {{ jetstream: enabled, users: [
    {{user: ship, password: s,
      permissions: {{publish: {{{publish}}}, subscribe: {{{subscribe}}}}}}},
    {{user: admin, password: a}}
  ]}}
}}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    append(path, b"")
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@contextlib.asynccontextmanager
async def connected(url: str, **options: str) -> AsyncIterator[Connection]:
    """Connect whenever that is possible; notice a dead link soon."""
    times = {"connect_timeout": 0.5, "ping_interval": 0.3}
    connection = Connection(ConnectionOptions(servers=(url,), **times, **options))  # type: ignore[arg-type]
    await connection.open(retry=True)
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def proxied(server: NatsServer) -> AsyncIterator[tuple[Link, Connection]]:
    link = Link([server.port])
    await link.open()
    try:
        async with connected(link.urls[0]) as connection:
            yield link, connection
    finally:
        await link.close()


class DeafLink:
    """A network that delivers what the client says, and on demand not what the server says."""

    def __init__(self, server: int) -> None:
        self.is_deaf = False
        self.port = 0
        self._server = server
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> DeafLink:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self.reset()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def reset(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", self._server)
        self._writers |= {writer, outer}
        for pump in (self._pump(reader, outer, from_server=False), self._pump(inner, writer)):
            task = asyncio.create_task(pump)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        from_server: bool = True,
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                if not (from_server and self.is_deaf):
                    writer.write(data)
        writer.transport.abort()


async def ids_are_unique(connection: Connection) -> bool:
    sources = [message.source for message in await stored(connection)]
    return len({source.message_id for source in sources}) == len(sources)


async def test_p_server_kill_9_mid_window(nats_server: NatsServer, log: Path, state: Path) -> None:
    async with connected(nats_server.url) as connection:
        await connection.wait_connected(30)
        await make_stream(connection, max_msg_size=20_000)
        async with shipping(connection, state, following(log)) as agent:
            for turn in range(4):
                append(log, LINES[turn * len(LINES) // 4 : (turn + 1) * len(LINES) // 4])
                acked = agent.figures.acks
                await until(lambda: agent.figures.acks > acked + 2)  # noqa: B023
                await nats_server.kill()
                await nats_server.start()
                await connection.wait_connected(30)
            await arrives(connection, LINES)


@pytest.mark.parametrize("fault", ["blackhole", "half_open", "reset", "slow"])
async def test_p_the_network_fails(
    nats_server: NatsServer, connection: Connection, log: Path, state: Path, fault: str
) -> None:
    await make_stream(connection, max_msg_size=20_000)
    async with proxied(nats_server) as (link, through):
        async with shipping(through, state, following(log)) as agent:
            append(log, LINES[: len(LINES) // 2])
            await until(lambda: agent.figures.acks > 3)
            if fault == "blackhole":
                link.blackhole()
            elif fault == "half_open":
                link.half_open("client")
            elif fault == "slow":
                link.slow(bytes_per_second=400_000, latency=0.001)
            else:
                link.reset()
            append(log, LINES[len(LINES) // 2 :])
            await asyncio.sleep(0.7)
            link.heal()
            await arrives(connection, LINES)
    assert await ids_are_unique(connection)


async def test_p_an_acknowledgement_is_lost_after_the_message_was_stored(
    nats_server: NatsServer, connection: Connection, log: Path, state: Path
) -> None:
    await make_stream(connection)
    async with (
        DeafLink(nats_server.port) as link,
        connected(f"nats://127.0.0.1:{link.port}") as through,
    ):
        async with shipping(through, state, following(log)) as agent:
            append(log, b"one\n")
            await arrives(connection, b"one\n")
            await until(lambda: agent.figures.acks == 1)
            link.is_deaf = True
            append(log, b"two\n")
            await arrives(connection, b"one\ntwo\n")
            link.is_deaf = False
            link.reset()
            append(log, b"three\n")
            await arrives(connection, b"one\ntwo\nthree\n")
            await until(lambda: agent.figures.acks == 3)
            assert agent.figures.duplicates >= 1


async def test_p_an_outage_longer_than_the_duplicate_window_repeats_the_same_ids(
    nats_server: NatsServer, connection: Connection, log: Path, state: Path
) -> None:
    """Past the window the stream has the message twice; its id and range tell the receiver."""
    await make_stream(connection, duplicate_window=10**8)
    async with (
        DeafLink(nats_server.port) as link,
        connected(f"nats://127.0.0.1:{link.port}") as through,
    ):
        async with shipping(through, state, following(log)) as agent:
            await until(lambda: agent.log_count)
            await through.wait_connected(30)
            await until(lambda: "web1" in agent.button._known)
            link.is_deaf = True
            append(log, b"one\n")
            await arrives(connection, b"one\n")
            await asyncio.sleep(1.0)
            link.is_deaf = False
            link.reset()
            append(log, b"two\n")
            await until(lambda: ends_with(connection, b"two\n"))
    first, second, *others, last = await stored(connection)
    assert (first.payload, second.payload, last.payload) == (b"one\n", b"one\n", b"two\n")
    assert {message.source for message in (second, *others)} == {first.source}


async def ends_with(connection: Connection, text: bytes) -> bool:
    return (await content(connection)).endswith(text)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (10077, "the stream is full"),
        (10023, "the server has no room"),
        (10167, "the server is busy"),
        (10109, "the stream refuses lines"),
    ],
)
async def test_p_each_refusal_is_told_apart_waited_for_and_over(
    nats_server: NatsServer, connection: Connection, log: Path, state: Path, code: int, said: str
) -> None:
    async with connected(nats_server.url) as refusing:
        error = {"code": 503, "err_code": code, "description": "why"}
        answer = json.dumps({"type": "x", "error": error, "stream": "LOGS", "seq": 0}).encode()

        def refuse(_subject: str, reply: str, _headers: bytes, _payload: bytes) -> None:
            refusing.client.write(b"PUB %b %d\r\n%b\r\n" % (reply.encode(), len(answer), answer))

        await refusing.wait_connected(30)
        subscription = await refusing.subscribe("logs.>", refuse)
        async with shipping(connection, state, following(log)) as agent:
            append(log, b"one\n")
            await until(lambda: any(said in problem for problem in agent.problems))
            append(log, b"two\n")
            await subscription.unsubscribe()
            await make_stream(connection)
            await arrives(connection, b"one\ntwo\n")
            await until(lambda: not agent.problems)


async def test_p_10054_the_stream_takes_only_small_messages(
    connection: Connection, log: Path, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await make_stream(connection, max_msg_size=2500)
    async with shipping(connection, state, following(log)) as agent:
        append(log, LINES[: 93 * 1000])
        await arrives(connection, LINES[: 93 * 1000])
        assert "(10054)" in caplog.text
        await until(lambda: not agent.problems)


async def test_p_denied_missing_and_silent_are_told_apart(
    tmp_path: Path, log: Path, state: Path
) -> None:
    config = PERMISSIONS.format(publish='allow: ["$JS.>", "other.>"]', subscribe='allow: ">"')
    async with NatsServer(tmp_path / "nats", config=config) as server:
        async with connected(server.url, user="admin", password="a") as admin:
            await admin.wait_connected(30)
            await make_stream(admin)
            async with connected(server.url, user="ship", password="s") as connection:
                async with shipping(connection, state, following(log)) as agent:
                    append(log, b"one\n")
                    await until(lambda: any("does not let" in p for p in agent.problems))
                    assert any("'logs.web1'" in problem for problem in agent.problems)
                    await server.reload(PERMISSIONS.format(publish='allow: ">"', subscribe=""))
                    await arrives(admin, b"one\n")
                    await until(lambda: not agent.problems)
                    await api(admin, "STREAM.DELETE.LOGS")
                    append(log, b"two\n")
                    await until(lambda: any("no stream listens" in p for p in agent.problems))
                    # Made again: what the old one had is not sent again, what waited is.
                    await make_stream(admin)
                    await arrives(admin, b"two\n")


async def test_p_who_may_not_hear_the_answer_is_told_so(
    tmp_path: Path, log: Path, state: Path
) -> None:
    config = PERMISSIONS.format(publish='allow: ">"', subscribe='allow: ["nothing"]')
    async with NatsServer(tmp_path / "nats", config=config) as server:
        async with connected(server.url, user="admin", password="a") as admin:
            await admin.wait_connected(30)
            await make_stream(admin)
        async with connected(server.url, user="ship", password="s") as connection:
            async with shipping(connection, state, following(log)) as agent:
                append(log, b"one\n")
                await until(
                    lambda: any("subscribe to '_INBOX.>'" in p for p in agent.problems), within=60
                )


async def test_p_a_login_is_revoked_and_restored(tmp_path: Path, log: Path, state: Path) -> None:
    allowed = PERMISSIONS.format(publish='allow: ">"', subscribe="")
    async with NatsServer(tmp_path / "nats", config=allowed) as server:
        async with (
            connected(server.url, user="admin", password="a") as admin,
            connected(server.url, user="ship", password="s") as connection,
        ):
            await admin.wait_connected(30)
            await make_stream(admin)
            async with shipping(connection, state, following(log)):
                append(log, b"one\n")
                await arrives(admin, b"one\n")
                await server.reload(allowed.replace("password: s", "password: other"))
                await until(lambda: "refused the credentials" in connection.last_error)
                append(log, b"two\n")
                await server.reload(allowed)
                await arrives(admin, b"one\ntwo\n")


async def test_p_lame_duck(nats_server: NatsServer, log: Path, state: Path) -> None:
    nats_server.config = 'lame_duck_duration: "30s"\nlame_duck_grace_period: "0s"\n'
    await nats_server.stop()
    await nats_server.start()
    async with connected(nats_server.url) as connection:
        await connection.wait_connected(30)
        await make_stream(connection)
        async with shipping(connection, state, following(log)):
            append(log, b"one\n")
            await arrives(connection, b"one\n")
            os.kill(nats_server.pid, signal.SIGUSR2)
            append(log, b"two\n")
            await until(lambda: "Lame Duck" in nats_server.log or "lame duck" in nats_server.log)
            await nats_server.kill()
            await nats_server.start()
            append(log, b"three\n")
            await connection.wait_connected(30)
            await arrives(connection, b"one\ntwo\nthree\n")


async def test_p_max_payload_is_lowered(nats_server: NatsServer, log: Path, state: Path) -> None:
    async with connected(nats_server.url) as connection, connected(nats_server.url) as other:
        await connection.wait_connected(30)
        await other.wait_connected(30)
        await make_stream(connection)
        async with shipping(connection, state, following(log)) as agent:
            append(log, LINES)
            await arrives(other, LINES)
            await nats_server.reload("max_payload: 20000\n")
            append(log, LINES)
            await until(lambda: agent.figures.bytes == 2 * len(LINES), within=30)
        await nats_server.reload("max_payload: 1000000\n")
        await arrives(other, LINES + LINES)
        sizes = [len(message.payload) for message in await stored(other)]
    assert max(sizes) > 20_000 > sizes[-1]


@contextlib.asynccontextmanager
async def server_on_a_small_disk(directory: Path, port: int) -> AsyncIterator[tuple[str, int]]:
    """A server, started again whenever it ends, with a disk of 24 MB in a namespace of its own."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("nsenter"):
        pytest.skip("mounting a small disk takes root on Linux")
    store = directory / "small"
    store.mkdir()
    config = directory / "small.conf"
    config.write_text(
        f"host: 127.0.0.1\nport: {port}\npid_file: {json.dumps(str(directory / 'pid'))}\n"
        f"jetstream {{ store_dir: {json.dumps(str(store))}, max_file_store: 1GB }}\n"
    )
    script = f'mount -t tmpfs -o size=24m tmpfs "{store}" && while :; do "$@"; sleep 0.1; done'
    command = ["unshare", "-m", "sh", "-c", script, "sh", nats_server_binary(), "-c", str(config)]
    with (directory / "small.out").open("wb") as output:
        shell = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        await until((directory / "pid").exists)
        yield str(store), shell.pid
    finally:
        shell.kill()
        await shell.wait()
        os.kill(int((directory / "pid").read_text()), signal.SIGKILL)


async def test_p_the_servers_disk_is_full(tmp_path: Path, unused_port: int, state: Path) -> None:
    log = tmp_path / "app.log"
    append(log, b"first\n")
    url = f"nats://127.0.0.1:{unused_port}"
    async with (
        server_on_a_small_disk(tmp_path, unused_port) as (store, shell),
        connected(url) as connection,
    ):
        await connection.wait_connected(30)
        await make_stream(connection, max_bytes=-1)
        async with shipping(connection, state, following(log)) as agent:
            await arrives(connection, b"first\n")
            for _ in range(20):
                append(log, LINES)
            await until(lambda: agent.problems, within=30)
            # All that such a server says is nothing.
            assert "its disk may be full" in agent.problems[0]
            grow = f"mount -o remount,size=256m '{store}'"
            command = ["nsenter", "-t", str(shell), "-m", "sh", "-c", grow]
            assert await (await asyncio.create_subprocess_exec(*command)).wait() == 0
            # A server that has met a full disk may have to be started again.
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
            await until(lambda: agent.figures.bytes == log.stat().st_size, within=30)
            await arrives(connection, log.read_bytes())
