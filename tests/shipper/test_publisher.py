"""What counts as published, and what is said about what does not."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from shipper.batches import Batch
from shipper.connection import Connection
from shipper.figures import Figures
from shipper.problems import Problems
from shipper.publisher import BatchTooLargeError, Publisher, refusal_of
from shipper.wire import SourceRange
from tests.shipper.shipping import api, content, make_stream
from tests.support.nats_server import NatsServer
from tests.support.waiting import until


def batch(payload: bytes = b"one\n", start: int = 0) -> Batch:
    source = SourceRange(
        host="web1", name="app.log", file="1-1", start=start, end=start + len(payload), line=0
    )
    return Batch(source=source, payload=payload, digest="", lines=payload.count(b"\n"))


def publisher(connection: Connection, timeout: float = 5.0) -> tuple[Publisher, asyncio.Event]:
    stopping = asyncio.Event()
    return Publisher(connection, "logs", Problems(), stopping, timeout=timeout), stopping


def answer(err_code: int, code: int = 503) -> bytes:
    error = {"code": code, "err_code": err_code, "description": "why"}
    return json.dumps({"error": error, "stream": "LOGS", "seq": 0}).encode()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(10077), "full"),
        (answer(10023), "storage"),
        (answer(10167), "queue"),
        (answer(0, 429), "queue"),
        (answer(10054, 400), "refused-10054"),
        (answer(10109), "refused-10109"),
        (b"", "no-stream"),
        (b"hello", "no-stream"),
        (b"[1]", "no-stream"),
        (b'{"stream":"LOGS"}', "no-stream"),
        (b'{"stream":"LOGS","seq":"7"}', "no-stream"),
    ],
)
def test_only_an_acknowledgement_counts(reply: bytes, kind: str) -> None:
    refusal = refusal_of(reply, "logs")
    assert refusal is not None
    assert refusal.kind == kind
    assert refusal.too_large is (kind == "refused-10054")


def test_an_acknowledgement_may_say_duplicate() -> None:
    assert refusal_of(b'{"stream":"LOGS","seq":7,"domain":"x"}', "logs") is None
    assert refusal_of(b'{"stream":"LOGS","seq":7,"duplicate":true}', "logs") is None


async def test_a_resend_is_the_same_message(connection: Connection) -> None:
    await make_stream(connection)
    publishing, _ = publisher(connection)
    assert await publishing.publish(batch())
    assert await publishing.publish(batch())
    assert await content(connection) == b"one\n"


async def test_a_problem_is_said_once_and_once_that_it_is_over(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "shipper.problems")
    publishing, _ = publisher(connection)
    task = asyncio.create_task(publishing.publish(batch()))
    await until(lambda: caplog.messages)
    await make_stream(connection)
    assert await task
    assert [message.split(";")[0] for message in caplog.messages] == [
        "no stream listens on logs.>",
        "it is over: no stream listens on logs.>",
    ]


async def test_a_full_stream_takes_the_batch_once_there_is_room(connection: Connection) -> None:
    await make_stream(connection, max_msgs=1)
    problems = Problems()
    publishing = Publisher(connection, "logs", problems, asyncio.Event())
    await publishing.publish(batch(b"first\n"))
    task = asyncio.create_task(publishing.publish(batch(b"second\n", start=6)))
    await until(lambda: problems.sentences)
    assert not task.done()
    await api(connection, "STREAM.PURGE.LOGS")
    assert await task
    assert await content(connection) == b"second\n"


async def test_somebody_else_who_answers_is_no_stream(connection: Connection) -> None:
    asked = []

    def answer(_subject: str, reply: str, _headers: bytes, _payload: bytes) -> None:
        asked.append(reply)
        connection.client.write(b"PUB %b 6\r\nthanks\r\n" % reply.encode())

    await connection.subscribe("logs.>", answer)
    publishing, stopping = publisher(connection)
    task = asyncio.create_task(publishing.publish(batch()))
    await until(lambda: len(asked) > 1)
    stopping.set()
    assert await task is False


async def test_no_answer_is_tried_again_until_stopped(connection: Connection) -> None:
    asked = []
    await connection.subscribe("logs.>", lambda *message: asked.append(message))
    publishing, stopping = publisher(connection, timeout=0.05)
    task = asyncio.create_task(publishing.publish(batch()))
    await until(lambda: len(asked) > 1)
    stopping.set()
    assert await task is False


async def test_what_was_not_sent_is_no_retry(
    nats_server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_stream(connection)
    waits = 0
    wait = connection.wait_connected

    async def count(timeout: float) -> None:
        nonlocal waits
        waits += 1
        await wait(timeout)

    await nats_server.stop()
    await until(lambda: connection.state != "connected")
    figures = Figures()
    publishing = Publisher(connection, "logs", Problems(), asyncio.Event(), figures=figures)
    with monkeypatch.context() as patch:
        patch.setattr(connection, "wait_connected", count)
        task = asyncio.create_task(publishing.publish(batch()))
        await until(lambda: waits > 2)
    assert figures.retries == 0
    await nats_server.start()
    assert await task


async def test_too_large_for_the_stream(connection: Connection) -> None:
    await make_stream(connection, max_msg_size=1000)
    publishing, _ = publisher(connection)
    with pytest.raises(BatchTooLargeError):
        await publishing.publish(batch(b"x" * 2000))


async def test_too_large_for_the_server(connection: Connection) -> None:
    publishing, _ = publisher(connection)
    with pytest.raises(BatchTooLargeError):
        await publishing.publish(batch(b"x" * (connection.max_payload + 1)))
