"""The connection against a real server, and against one that misbehaves."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats.micro
import nkeys
import pytest

from shipper.connection import (
    BadServerError,
    BadSubjectError,
    ConnectFailedError,
    Connection,
    ConnectionOptions,
    CredentialsFileError,
    CredentialsRefusedError,
    HardenedClient,
    NoRespondersError,
    NotConnectedError,
    PayloadTooLargeError,
    RequestFailedError,
)
from shipper.headers import fields_of
from tests.support.fake_nats import FakeNats
from tests.support.nats_server import NatsServer
from tests.support.waiting import until

Message = tuple[str, str, bytes, bytes]


def options(server: NatsServer | FakeNats, **changes: Any) -> ConnectionOptions:
    return ConnectionOptions(servers=(server.url,), **changes)


class Inbox:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, subject: str, reply: str, headers: bytes, payload: bytes) -> None:
        self.messages.append((subject, reply, headers, payload))

    @property
    def payloads(self) -> list[bytes]:
        return [message[3] for message in self.messages]


async def publish_raw(server: NatsServer, frames: bytes) -> None:
    """Publish as a client that checks nothing; returns once the server has taken it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b'CONNECT {"verbose":false,"headers":true}\r\n' + frames + b"PING\r\n")
    while (line := await reader.readline()) != b"PONG\r\n":
        assert line, "the server hung up"
        assert not line.startswith(b"-ERR"), line
    writer.close()
    await writer.wait_closed()


def hpub(subject: bytes, block: bytes, payload: bytes = b"x") -> bytes:
    return b"HPUB %b %d %d\r\n%b%b\r\n" % (
        subject,
        len(block),
        len(block) + len(payload),
        block,
        payload,
    )


HOSTILE = {
    "subject": b"PUB logs.\xff\xfe 1\r\nx\r\n",
    "reply": b"PUB logs.a \xff\xfe 1\r\nx\r\n",
    "inline status": hpub(b"logs.a", b"NATS/1.0 \xff\xfe\xfd\r\n\r\n"),
    "description": hpub(b"logs.a", b"NATS/1.0 100 \xff\xfe\r\n\r\n"),
    "eight bytes": hpub(b"logs.a", b"NATS/1.0"),
    "vertical tab": b"PUB logs.a\x0bb 1\r\nx\r\n",
    "form feed": b"PUB logs.a\x0cb 1\r\nx\r\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_no_message_silences_us(
    nats_server: NatsServer, connection: Connection, kind: str
) -> None:
    inbox, plain = Inbox(), []
    await connection.subscribe("logs.>", inbox)

    async def take(message: Any) -> None:
        plain.append(message.data)

    await connection.client.subscribe("logs.>", cb=take)
    await connection.rtt()
    await publish_raw(nats_server, HOSTILE[kind] + b"PUB logs.after 5\r\nafter\r\n")
    await until(lambda: b"after" in inbox.payloads and b"after" in plain, why="later messages come")
    assert inbox.payloads == [b"x", b"after"], "a sink gets the message as it is"
    assert connection.generation == 1
    assert await connection.request("$JS.API.INFO")


async def test_a_subject_cannot_address_another_subscription(
    nats_server: NatsServer, connection: Connection
) -> None:
    secret, inbox = Inbox(), Inbox()
    await connection.subscribe("secret", secret)
    await connection.subscribe("logs.>", inbox)
    forged = b"".join(b"PUB logs.a\x0b%d 2\r\nhi\r\n" % sid for sid in range(1, 6))
    await publish_raw(nats_server, forged)
    await until(lambda: len(inbox.messages) == 5, why="they arrive where they belong")
    assert secret.messages == []


async def test_a_sink_that_raises_is_counted(connection: Connection) -> None:
    inbox = Inbox()

    def raising(subject: str, reply: str, headers: bytes, payload: bytes) -> None:
        raise RuntimeError("a bug")

    await connection.subscribe("a", raising)
    await connection.subscribe("a", inbox)
    for _ in range(3):
        await connection.publish("a")
    await until(lambda: len(inbox.messages) == 3)
    assert connection.hostile_frames == 3
    assert connection.generation == 1


async def test_a_late_pong_does_no_harm() -> None:
    async with FakeNats() as fake, Connection(options(fake)) as connection:
        inbox = Inbox()
        await connection.subscribe("a", inbox)
        fake.answers_pings = False
        with pytest.raises(RequestFailedError):
            await connection.rtt(timeout=0.02)
        cancelled = asyncio.create_task(connection.rtt())
        await asyncio.sleep(0)
        cancelled.cancel()
        fake.say(b"PONG\r\n" * 5 + b"MSG a %d 2\r\nhi\r\n" % fake.subscription("a"))
        await until(lambda: inbox.payloads == [b"hi"], why="the reader lives")
        assert connection.generation == 1


async def test_pongs_are_told_apart() -> None:
    async with FakeNats() as fake, Connection(options(fake)) as connection:
        fake.answers_pings = False
        with pytest.raises(RequestFailedError):
            await connection.rtt(timeout=0.02)
        second = asyncio.create_task(connection.rtt(timeout=60))
        await until(lambda: fake.lines.count(b"PING") >= 3)
        fake.say(b"PONG\r\n")
        inbox = Inbox()
        asked = asyncio.create_task(connection.subscribe("b", inbox))
        await until(lambda: any(line.startswith(b"SUB b") for line in fake.lines))
        assert not second.done(), "the first PONG answers the ping that timed out"
        fake.say(b"PONG\r\nPONG\r\n")
        assert await second > 0
        await asked


@pytest.mark.parametrize("task", ["_reading_task", "_flusher_task", "_ping_interval_task"])
async def test_a_dead_task_is_noticed_and_the_client_replaced(
    connection: Connection, task: str
) -> None:
    inbox = Inbox()
    await connection.subscribe("a", inbox)
    getattr(connection.client, task).cancel()
    await until(lambda: connection.generation == 2, why="a new client")
    await connection.publish("a", b"hi")
    await until(lambda: inbox.payloads == [b"hi"])


async def test_nats_pys_own_close_is_mended(connection: Connection) -> None:
    await connection.client.close()
    await until(lambda: connection.generation == 2)
    await connection.rtt()


@pytest.mark.parametrize(
    "word", [b"-ERR 'Invalid Subscription'\r\n", b"-ERR \r\n", b"-ERR 'Stale Connection'\r\n"]
)
async def test_an_error_and_hang_up_is_mended(word: bytes) -> None:
    async with FakeNats() as fake, Connection(options(fake)) as connection:
        await connection.subscribe("a", Inbox())
        fake.say(word)
        fake.hang_up()
        await until(lambda: connection.generation == 2)
        assert fake.subscription("a"), "subscribed again"


@pytest.mark.parametrize(
    "garbage",
    [
        b"HELLO\r\n",
        b"MSG a 1 x\r\n",
        b"MSG a 1 99999999999\r\n",
        b"MSG a 1 1\r\nxyz",
        b"INFO {\r\n",
        b"z" * (2 << 20),
    ],
)
async def test_what_is_no_nats_ends_in_a_new_client(garbage: bytes) -> None:
    async with FakeNats() as fake, Connection(options(fake)) as connection:
        fake.say(garbage)
        await until(lambda: connection.generation == 2)


async def test_a_message_that_cannot_be_addressed_is_counted() -> None:
    async with FakeNats() as fake, Connection(options(fake)) as connection:
        fake.say(b"MSG a b c d 2\r\nhi\r\nHMSG a 1 9 2\r\nhi\r\n+OK\r\n")
        await until(lambda: connection.hostile_frames == 2)
        assert connection.generation == 1


async def test_a_refused_permission_is_recorded_and_no_more(tmp_path: Path) -> None:
    config = """authorization { users: [
        { user: u, password: p, permissions: { publish: { deny: "no.>" }, subscribe: ">" } } ] }"""
    async with (
        NatsServer(tmp_path, config=config) as server,
        Connection(options(server, user="u", password="p")) as connection,
    ):
        await connection.publish("no.way")
        await until(lambda: "ermissions" in connection.client.complaint)
        assert connection.generation == 1


async def test_a_silent_server_is_left() -> None:
    async with FakeNats() as fake, Connection(options(fake, ping_interval=0.05)) as connection:
        reasons = []

        def heal() -> None:
            reasons.append(connection.last_error)
            fake.answers_pings = True

        connection.on_change(heal)
        fake.answers_pings = False
        await until(lambda: connection.generation >= 2, why="pings were outstanding")
        assert "stale" in reasons[0]


async def test_a_restart_is_survived_quickly(nats_server: NatsServer) -> None:
    async with Connection(options(nats_server)) as connection:
        inbox, gone = Inbox(), Inbox()
        await connection.subscribe("a.*", inbox)
        (await connection.subscribe("a.*", gone)).cancel()
        seen = []
        connection.on_change(lambda: seen.append((connection.state, connection.generation)))
        times = []
        for turn in (1, 2, 3):
            seen.clear()
            await nats_server.kill()
            await until(lambda: connection.state == "reconnecting")
            await nats_server.start()
            up = time.monotonic()
            await connection.wait_connected(30)
            times.append(time.monotonic() - up)
            assert seen == [("reconnecting", turn), ("connected", turn + 1)]
        assert min(times) < 1.5, times
        await connection.publish("a.b", b"hi")
        assert await connection.request("$JS.API.INFO")
        await until(lambda: inbox.payloads == [b"hi"])
        assert gone.messages == []


async def test_a_rotated_password_is_waited_for(tmp_path: Path) -> None:
    def users(password: str) -> str:
        return f"authorization {{ users: [ {{ user: u, password: {password} }} ] }}"

    async with (
        NatsServer(tmp_path, config=users("old")) as server,
        Connection(options(server, user="u", password="old")) as connection,
    ):
        await server.reload(users("new"))
        await until(lambda: "refused the credentials" in connection.last_error)
        assert connection.state == "reconnecting"
        with pytest.raises(NotConnectedError, match="refused the credentials of user 'u'"):
            await connection.publish("a")
        await server.reload(users("old"))
        await connection.wait_connected(30)
        await connection.rtt()


async def test_a_broken_credentials_file_is_waited_for(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    creds = tmp_path / "user.creds"
    text = "-----BEGIN NATS USER JWT-----\nx\n-----BEGIN USER NKEY SEED-----\ny\n"
    creds.write_text(text)
    async with Connection(options(nats_server, creds=creds)) as connection:
        creds.write_text("rotated badly")
        connection.client._reading_task.cancel()
        await until(lambda: "is no credentials file" in connection.last_error)
        creds.unlink()
        await until(lambda: "no such file" in connection.last_error)
        creds.write_text(text)
        await connection.wait_connected(30)
        assert connection.generation == 2


async def test_a_credentials_file_logs_us_in(tmp_path: Path) -> None:
    seed = nkeys.encode_seed(b"0123456789abcdef" * 2, nkeys.PREFIX_BYTE_USER).decode()
    creds = tmp_path / "user.creds"
    creds.write_text(
        "-----BEGIN NATS USER JWT-----\nthe.user.jwt\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    async with FakeNats(nonce="abc") as fake, Connection(options(fake, creds=creds)):
        (login,) = (line for line in fake.lines if line.startswith(b"CONNECT"))
    sent = json.loads(login[len(b"CONNECT") :])
    assert sent["jwt"] == "the.user.jwt"
    nkeys.from_seed(seed.encode()).verify(b"abc", base64.b64decode(sent["sig"]))


async def test_an_unusable_seed_is_one_line(tmp_path: Path) -> None:
    creds = tmp_path / "user.creds"
    creds.write_text("-----BEGIN NATS USER JWT-----\nx\n-----BEGIN USER NKEY SEED-----\nSUSEED\n")
    async with FakeNats(nonce="abc") as fake:
        with pytest.raises(ConnectFailedError) as caught:
            await Connection(options(fake, creds=creds)).open()
    assert "SUSEED" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_server_we_were_told_of_is_tried(nats_server: NatsServer) -> None:
    async with FakeNats(connect_urls=[nats_server.address]) as fake:
        connection = Connection(options(fake))
        await connection.open()
        assert connection.connected_address == f"127.0.0.1:{fake.port}"
    try:
        await until(lambda: connection.connected_address == nats_server.address)
        assert connection.server_name == "test"
    finally:
        await connection.close()


async def test_what_is_known(nats_server: NatsServer, connection: Connection) -> None:
    assert connection.state == "connected"
    assert connection.generation == 1
    assert connection.server_name == "test"
    assert connection.server_version_tuple >= (2, 15, 0)
    assert connection.max_payload == 1 << 20
    assert connection.connected_address == nats_server.address
    assert abs(connection.since - time.time()) < 30
    assert await connection.rtt() > 0
    assert connection.new_inbox() != connection.new_inbox()


# Requests, messages, subscriptions.


async def test_a_request_is_answered(connection: Connection) -> None:
    def answer(subject: str, reply: str, headers: bytes, payload: bytes) -> None:
        connection.send([(reply, fields_of(headers).get("A", "").encode() + payload)])

    await connection.subscribe("ask", answer)
    replies = await asyncio.gather(
        *(connection.request("ask", b"%d" % i, headers={"A": "a"}) for i in range(100))
    )
    assert [reply.data for reply in replies] == [b"a%d" % i for i in range(100)]


async def test_a_request_to_nobody_says_so(connection: Connection) -> None:
    with pytest.raises(NoRespondersError, match="nothing listens on 'nobody'"):
        await connection.request("nobody")


async def test_a_server_without_jetstream_is_named() -> None:
    with pytest.raises(NoRespondersError, match="JetStream does not answer"):
        raise NoRespondersError("$JS.API.INFO", "127.0.0.1:4222")


async def test_a_request_times_out_and_leaves_nothing(connection: Connection) -> None:
    await connection.subscribe("slow", Inbox())
    with pytest.raises(RequestFailedError, match="no answer to slow"):
        await connection.request("slow", timeout=0.02)
    task = asyncio.create_task(connection.request("slow"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert connection._waiting == {}


async def test_a_request_fails_at_once_when_the_link_is_lost(
    nats_server: NatsServer, connection: Connection
) -> None:
    await connection.subscribe("slow", Inbox())
    task = asyncio.create_task(connection.request("slow", timeout=90))
    await asyncio.sleep(0)
    await nats_server.kill()
    with pytest.raises(NotConnectedError, match="while waiting"):
        async with asyncio.timeout(30):
            await task


async def test_nothing_is_kept_for_later(nats_server: NatsServer, connection: Connection) -> None:
    await nats_server.kill()
    await until(lambda: connection.state == "reconnecting")
    for attempt in (
        connection.publish("a"),
        connection.request("a"),
        connection.rtt(),
        connection.wait_connected(0.01),
    ):
        with pytest.raises(NotConnectedError, match=nats_server.address):
            await attempt
    with pytest.raises(NotConnectedError):
        connection.send([("a", b"")])
    with pytest.raises(NotConnectedError):
        _ = connection.client


async def test_a_subscription_made_while_disconnected_comes_into_force(
    nats_server: NatsServer,
) -> None:
    connection = Connection(options(nats_server))
    inbox = Inbox()
    await connection.subscribe("a", inbox)
    await connection.open()
    await connection.publish("a", b"hi")
    await until(lambda: inbox.payloads == [b"hi"])
    await connection.close()


async def test_unsubscribe_ends_it(connection: Connection) -> None:
    inbox = Inbox()
    subscription = await connection.subscribe("a", inbox)
    await connection.publish("a")
    await connection.rtt()
    await subscription.unsubscribe()
    subscription.cancel()
    with pytest.raises(NoRespondersError):
        await connection.request("a")
    assert len(inbox.messages) == 1


async def test_a_batch_arrives_in_order(connection: Connection) -> None:
    inbox = Inbox()
    await connection.subscribe("ack.>", inbox)
    connection.send([])
    connection.send([(f"ack.{i}", b"%d" % i) for i in range(5000)])
    await until(lambda: len(inbox.messages) == 5000)
    assert inbox.payloads == [b"%d" % i for i in range(5000)]


async def test_what_is_sent_at_once_may_differ(connection: Connection) -> None:
    inbox = Inbox()
    await connection.subscribe(">", inbox)
    frames = [("a", b"+ACK"), ("b", b"+ACK"), ("caf\xe9", b""), ("d", b"x\r\ny"), ("e", b"\n")]
    connection.send(iter(frames))
    await until(lambda: len(inbox.messages) == len(frames))
    assert [(subject, payload) for subject, _, _, payload in inbox.messages] == frames


async def test_headers_travel_as_they_are(connection: Connection) -> None:
    inbox = Inbox()
    await connection.subscribe("a", inbox)
    name = b"caf\xe9.log".decode("utf-8", "surrogateescape")
    await connection.publish("a", b"x", reply="r", headers={"Log-Name": name, "B": "1\r\nC: 2"})
    await until(lambda: inbox.messages)
    ((subject, reply, block, payload),) = inbox.messages
    assert (subject, reply, payload) == ("a", "r", b"x")
    assert b"Log-Name: caf\xe9.log\r\n" in block
    assert "C" not in fields_of(block)


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB b 0\r\n", "a\tb"])
async def test_a_bad_subject_is_refused(connection: Connection, subject: str) -> None:
    with pytest.raises(BadSubjectError):
        await connection.publish(subject)
    for others in ([], [("a", b"")], [("b", b"x"), ("c", b"x")]):
        with pytest.raises(BadSubjectError):
            connection.send([*others, (subject, b"x"), *others])
    with pytest.raises(BadSubjectError):
        await connection.subscribe(subject, Inbox())
    with pytest.raises(BadSubjectError):
        await connection.publish("a", headers={subject + ":": ""})


async def test_a_message_too_large_is_refused_here(connection: Connection) -> None:
    limit = connection.max_payload
    await connection.publish("a", b"x" * limit)
    with pytest.raises(PayloadTooLargeError, match="max_payload"):
        await connection.publish("a", b"x" * limit, headers={"A": "headers count, too"})
    await connection.rtt()
    assert connection.generation == 1


async def test_large_messages_pass(tmp_path: Path) -> None:
    async with (
        NatsServer(tmp_path, config="max_payload: 8MB\nmax_pending: 256MB") as server,
        Connection(options(server)) as connection,
    ):
        inbox = Inbox()
        await connection.subscribe("a", inbox)
        payloads = [bytes([i]) * (3 << 20) for i in range(6)]
        for payload in payloads:
            await connection.publish("a", payload, headers={"A": "b"})
        await until(lambda: len(inbox.messages) == 6, within=30)
        assert inbox.payloads == payloads


async def test_a_publisher_waits_for_a_slow_socket_and_hears_of_its_loss() -> None:
    async with FakeNats() as fake, Connection(options(fake)) as connection:
        fake.reads = False
        await connection.publish("a")

        sent = []

        async def flood() -> None:
            while True:
                await connection.publish("a", b"x" * 500_000)
                sent.append(time.monotonic())

        task = asyncio.create_task(flood())
        await until(
            lambda: sent and time.monotonic() - sent[-1] > 0.1, why="the publisher is held up"
        )
        fake.hang_up()
        with pytest.raises(NotConnectedError):
            async with asyncio.timeout(30):
                await task


# Callbacks.


async def test_callbacks_that_raise_stop_nothing(nats_server: NatsServer) -> None:
    def raising() -> None:
        raise RuntimeError("a bug")

    async def raising_too(client: HardenedClient) -> None:
        raise RuntimeError("another")

    connection = Connection(options(nats_server))
    remove = connection.on_change(raising)
    await connection.on_client(raising_too)
    await connection.open()
    connection.client._reading_task.cancel()
    await until(lambda: connection.generation == 2)
    await connection.rtt()
    remove()
    remove()
    await connection.close()


async def test_each_client_is_greeted(connection: Connection) -> None:
    clients: list[HardenedClient] = []

    async def greet(client: HardenedClient) -> None:
        clients.append(client)

    await connection.on_client(greet)
    assert clients == [connection.client]
    connection.client._reading_task.cancel()
    await until(lambda: len(clients) == 2)
    assert clients[1] is connection.client


async def test_a_client_lost_while_it_is_greeted_is_no_news(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    greeted: list[HardenedClient] = []

    async def greet(client: HardenedClient) -> None:
        greeted.append(client)
        if len(greeted) <= 2:
            await client.close()
            await client.subscribe("too.late")

    await connection.on_client(greet)
    await until(lambda: len(greeted) == 3, within=30)

    assert greeted[2] is connection.client
    assert "Traceback" not in caplog.text


async def test_a_greeting_that_fails_is_told(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async def greet(client: HardenedClient) -> None:
        raise ValueError("no greeting")

    with pytest.raises(ValueError, match="no greeting"):
        await connection.on_client(greet)
    connection.client._reading_task.cancel()
    await until(lambda: "what is set up at each connect failed" in caplog.text)
    assert "ValueError: no greeting" in caplog.text


async def test_a_micro_service_outlives_its_client(connection: Connection) -> None:
    async def echo(request: Any) -> None:
        await request.respond(request.data)

    async def serve(client: HardenedClient) -> None:
        service = await nats.micro.add_service(client, name="echo", version="1.0.0")
        await service.add_endpoint(name="echo", handler=echo)

    async def answers() -> bool:
        try:
            return (await connection.request("echo", b"hi")).data == b"hi"
        except (NoRespondersError, NotConnectedError):
            return False

    await connection.on_client(serve)
    assert await answers()
    connection.client._reading_task.cancel()
    await until(lambda: connection.generation == 2)
    await until(answers)


# Opening and closing.


async def test_nobody_there(unused_port: int) -> None:
    connection = Connection(ConnectionOptions(servers=(f"127.0.0.1:{unused_port}",)))
    with pytest.raises(ConnectFailedError) as caught:
        await connection.open()
    assert str(caught.value) == (
        f"no NATS server at 127.0.0.1:{unused_port}: connection refused; "
        "start one or name another with --server"
    )
    assert connection.state == "closed"
    assert connection.last_error == str(caught.value)
    await connection.close()


async def test_an_unknown_host() -> None:
    with pytest.raises(ConnectFailedError, match=r"host name 'no\.such\.invalid' is not known"):
        await Connection(ConnectionOptions(servers=("no.such.invalid",))).open()


async def test_wrong_and_missing_credentials(tmp_path: Path) -> None:
    config = "authorization { user: u, password: right }"
    async with NatsServer(tmp_path, config=config) as server:
        with pytest.raises(CredentialsRefusedError) as caught:
            await Connection(options(server, user="u", password="wrong")).open()
        assert str(caught.value) == (
            f"{server.address} refused the credentials of user 'u'; check --user and --password"
        )
        with pytest.raises(CredentialsRefusedError, match="wants credentials"):
            await Connection(options(server)).open()
        with pytest.raises(CredentialsRefusedError, match="check --token"):
            await Connection(options(server, token="wrong")).open()
        login = ConnectionOptions(servers=(f"u:right@{server.address}",))
        async with Connection(login) as connection:
            assert connection.state == "connected"


async def test_the_telling_problem_of_several_is_told(tmp_path: Path, unused_port: int) -> None:
    async with NatsServer(tmp_path, config="authorization { token: t }") as server:
        servers = (f"127.0.0.1:{unused_port}", server.url)
        with pytest.raises(CredentialsRefusedError):
            await Connection(ConnectionOptions(servers=servers)).open()
        async with Connection(ConnectionOptions(servers=servers, token="t")) as connection:
            assert connection.connected_address == server.address


async def test_a_missing_credentials_file(nats_server: NatsServer, tmp_path: Path) -> None:
    with pytest.raises(CredentialsFileError, match=r"cannot read .*no such file; check --creds"):
        await Connection(options(nats_server, creds=tmp_path / "none")).open()


@asynccontextmanager
async def listening(greeting: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "is no NATS server"),
        (b"INFO {nonsense\r\n", "is no NATS server"),
        (b"", "no answer from"),
        (b"x" * 200_000, "cannot connect"),
    ],
)
async def test_what_is_no_nats_server(greeting: bytes, said: str) -> None:
    patience = 30 if greeting else 0.1
    async with listening(greeting) as port:
        servers = (f"127.0.0.1:{port}",)
        with pytest.raises(ConnectFailedError, match=said):
            await Connection(ConnectionOptions(servers=servers, connect_timeout=patience)).open()


async def test_opened_before_there_is_a_server(tmp_path: Path, unused_port: int) -> None:
    server = NatsServer(tmp_path)
    server.port = unused_port
    connection = Connection(options(server))
    with pytest.raises(NotConnectedError, match="is closed"):
        await connection.wait_connected(1)
    await connection.open(retry=True)
    assert connection.state == "connecting"
    await until(lambda: "connection refused" in connection.last_error)
    await server.start()
    await connection.wait_connected(30)
    await connection.close()
    await server.stop()


async def test_close_sends_what_is_queued(nats_server: NatsServer, connection: Connection) -> None:
    inbox = Inbox()
    await connection.subscribe("a", inbox)
    other = Connection(options(nats_server))
    await other.open()
    other.send([("a", b"%d" % i) for i in range(1000)])
    await other.close()
    await until(lambda: len(inbox.messages) == 1000)


async def test_close_is_final_and_leaves_nothing(nats_server: NatsServer) -> None:
    before = asyncio.all_tasks()
    connection = Connection(options(nats_server))
    await connection.open()
    waiting = asyncio.create_task(connection.wait_connected(1))
    await connection.client.subscribe("a", cb=_ignore)
    await waiting
    await asyncio.gather(connection.close(), connection.close())
    await connection.close()
    assert connection.state == "closed"
    with pytest.raises(NotConnectedError, match="is closed"):
        await connection.publish("a")
    await until(lambda: asyncio.all_tasks() <= before, why="no task is left")


async def _ignore(message: Any) -> None:
    return


async def test_close_never_hangs() -> None:
    async with FakeNats() as fake:
        connection = Connection(options(fake))
        await connection.open()
        fake.reads = fake.answers_pings = False
        connection.send([("a", b"x" * 900_000)] * 20)
        async with asyncio.timeout(30):
            await connection.close()


async def test_close_ends_the_trying(unused_port: int) -> None:
    connection = Connection(ConnectionOptions(servers=(f"127.0.0.1:{unused_port}",)))
    await connection.open(retry=True)
    waiting = asyncio.create_task(connection.wait_connected(30))
    await asyncio.sleep(0)
    await connection.close()
    with pytest.raises(NotConnectedError, match="is closed"):
        await waiting


# What is shown.


def test_no_secret_is_shown() -> None:
    shown = ConnectionOptions(
        servers=("nats://u:hidden1@a:1", "hidden2@[::1]"), password="hidden3", token="hidden4"
    )
    assert shown.address == "a:1,[::1]:4222"
    assert "hidden" not in f"{shown} {shown!r} {Connection(shown)!r} {shown.parsed_servers!r}"


@pytest.mark.parametrize(
    "url",
    [
        "ws://u:hidden@a",
        "nats://u:hidden@",
        "nats://u:hidden@a:99999",
        "u:hidden@a/b",
        "u:hidden@[::1",
        "u:hidden@a b",
        "u:hid@den@a:x",
        "u:hid/den@a:x",
    ],
)
def test_a_bad_server_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(BadServerError) as caught:
        ConnectionOptions(servers=(url,))
    assert "hid" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_reset_connection_is_reported_once() -> None:
    ends: list[asyncio.Future[None]] = []

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        endless = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, endless)
        writer.transport.abort()

    made = asyncio.StreamReaderProtocol.connection_made

    def note(protocol: Any, transport: Any) -> None:
        made(protocol, transport)
        ends.append(protocol._closed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.StreamReaderProtocol, "connection_made", note)
        async with await asyncio.start_server(reset, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            connection = Connection(ConnectionOptions(servers=(f"nats://127.0.0.1:{port}",)))
            with pytest.raises(ConnectFailedError, match="reset by peer"):
                await connection.open()
            await asyncio.sleep(0)
    unread = [end for end in ends if end.done() and end._log_traceback]
    assert unread == [], "asyncio would print a traceback of it, should it come to that first"
    assert any(isinstance(end.exception(), ConnectionResetError) for end in ends if end.done())
