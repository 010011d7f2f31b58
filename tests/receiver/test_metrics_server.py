"""Metrics and health over real HTTP, while the receiver starts, receives, holds and ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from natsconsole.domain.receivers import PartitionStatus, ReceiverStatus
from natsconsole.receiver.metrics_server import MetricsServer
from natsconsole.receiver.partition_logs import Totals
from natsconsole.receiver.upkeep import UpkeepFigures
from shipper import http_server
from shipper.connection import Connection
from shipper.http_server import Address, HttpError
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

families: Callable[[str], Iterable[Metric]] = text_string_to_metric_families
open_families: Callable[[str], Iterable[Metric]] = open_metrics_families
LOCAL = Address("127.0.0.1", 0)
STATUS = ReceiverStatus(
    name="east-1", group="archive", stream="LOGS", subject="s", pid=1, version="0.1.0",
    now=1000.0, started=900.0, directory="/srv/logs", lab=False, state="held",
    reason="disk full: \x1b[2Jnothing lost", held_since=990.0, unacked=7, unwritten=3,
    held_messages=5, redelivered=2, lost=11,
    disk_free_bytes=123_456_789, parked_hosts=2, max_ack_pending=500, alarms=("a", "b"),
    members=("east-1", "east-2"),
    partitions=(
        PartitionStatus(partition=0, state="held", unacked=7, held_messages=5, delivered=40),
        PartitionStatus(partition=1, state="waiting", committed=30),
    ),
)  # fmt: skip
COUNTED = Totals(
    lines=10_000_000_000_001, messages=20, bytes=30, suppressed=4, lost=1, doubled=6,
    out_of_order=8, quarantined=9,
)  # fmt: skip
FIGURES = UpkeepFigures(files=12, bytes=3456, swept=998.5, deleted=3, compressed=2, saved_bytes=99)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


def fetch(url: str, method: str, accept: str) -> Answer:
    request = urllib.request.Request(url, method=method, headers={"Accept": accept})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
            return Answer(reply.status, dict(reply.headers), reply.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read().decode())


async def get(server: MetricsServer, path: str, *, method: str = "GET", accept: str = "") -> Answer:
    return await asyncio.to_thread(fetch, f"http://{server.addresses[0]}{path}", method, accept)


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name.removeprefix("natsconsole_receiver_"), tuple(sample.labels.values())): (
            sample.value
        )
        for family in families(text)
        for sample in family.samples
    }


async def test_metrics_show_the_status() -> None:
    async with MetricsServer(LOCAL) as server:
        server.watch(
            lambda: STATUS,
            counted=lambda: COUNTED,
            is_connected=lambda: True,
            upkeep=lambda: FIGURES,
        )
        answer = await get(server, "/metrics")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.body)
    expected: dict[str, float] = {
        "written_lines_total": 10_000_000_000_001, "written_messages_total": 20,
        "written_bytes_total": 30, "redelivered_messages_total": 2, "lost_lines_total": 1,
        "doubled_lines_total": 6, "out_of_order_lines_total": 8, "suppressed_messages_total": 4,
        "quarantined_messages_total": 9, "unacked_messages": 7, "unwritten_messages": 3,
        "missing_lines": 11,
        "held": 1, "held_seconds": 10, "held_messages": 5, "parked_hosts": 2, "alarms": 2,
        "members": 2, "connected": 1, "disk_free_bytes": 123_456_789, "start_time_seconds": 900,
        "max_ack_pending_messages": 500, "ack_wait_seconds": 30, "archive_files": 12,
        "archive_bytes": 3456, "archive_last_sweep_timestamp_seconds": 998.5,
        "archive_deleted_files_total": 3, "archive_compressed_files_total": 2,
        "archive_compression_saved_bytes_total": 99, "archive_upkeep_errors_total": 0,
    }  # fmt: skip
    assert {name: found[name, ()] for name in expected} == expected
    assert found["partition_state", ("0", "held")] == 1
    assert found["partition_state", ("0", "running")] == 0
    assert found["partition_state", ("1", "waiting")] == 1
    assert found["partition_unacked_messages", ("0",)] == 7
    assert found["partition_held_messages", ("0",)] == 5
    assert found["partition_delivered_sequence", ("0",)] == 40
    assert found["partition_committed_sequence", ("1",)] == 30
    assert found["state", ("held",)] == 1
    assert found["state", ("running",)] == 0
    assert sum(value for (name, _), value in found.items() if name == "state") == 1
    assert found["info", ("explicit", "ack", "always", "archive", "east-1", "LOGS", "0.1.0")] == 1
    for family in families(answer.body):
        assert family.documentation, family.name
        assert family.name.startswith("natsconsole_receiver")


async def test_open_metrics_for_those_who_ask() -> None:
    async with MetricsServer(LOCAL) as server:
        server.watch(lambda: STATUS, counted=lambda: COUNTED, is_connected=lambda: True)
        answer = await get(
            server, "/metrics", accept="application/openmetrics-text; version=1.0.0, text/plain"
        )

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    found = list(open_families(answer.body))
    assert len(found) > 20
    assert not any("archive" in family.name for family in found)


@pytest.mark.parametrize(
    ("state", "reason", "connected", "code", "text"),
    [
        ("running", "", True, 200, "receiving\n"),
        ("switching", "to all", True, 200, "receiving\n"),
        ("running", "", False, 503, "not connected to the NATS server\n"),
        ("held", "disk full\x1b[2J\nx", True, 503, "held: disk full␛[2J␊x\n"),
        ("starting", "", True, 503, "starting\n"),
        ("paused", "", True, 503, "paused\n"),
        ("draining", "", True, 503, "draining\n"),
    ],
)
async def test_readiness(state: Any, reason: str, connected: bool, code: int, text: str) -> None:
    status = msgspec.structs.replace(STATUS, state=state, reason=reason)
    async with MetricsServer(LOCAL) as server:
        server.watch(lambda: status, is_connected=lambda: connected)
        ready = await get(server, "/readyz")
        alive = await get(server, "/healthz")

    assert (ready.status, ready.body) == (code, text)
    assert (alive.status, alive.body) == (200, "alive\n")


async def test_before_there_is_a_receiver() -> None:
    async with MetricsServer(LOCAL) as server:
        answers = [await get(server, path) for path in ("/metrics", "/readyz", "/healthz")]

    assert [(answer.status, answer.body) for answer in answers] == [
        (503, "starting\n"), (503, "starting\n"), (200, "alive\n"),
    ]  # fmt: skip


async def test_the_status_is_asked_for_in_the_event_loop() -> None:
    threads: set[int] = set()

    def status() -> ReceiverStatus:
        threads.add(threading.get_ident())
        return STATUS

    async with MetricsServer(LOCAL) as server:
        server.watch(status, is_connected=lambda: True)
        answers = await asyncio.gather(*(get(server, "/metrics") for _ in range(8)))

    assert [answer.status for answer in answers] == [200] * 8
    assert threads == {threading.get_ident()}


async def test_other_requests_get_an_answer_too() -> None:
    def broken() -> ReceiverStatus:
        raise RuntimeError("no status")

    async with MetricsServer(LOCAL) as server:
        missing = await get(server, "/")
        posted = await get(server, "/healthz", method="POST")
        head = await get(server, "/healthz", method="HEAD")
        query = await get(server, "/healthz?verbose=1")
        server.watch(broken, is_connected=lambda: True)
        failed = await get(server, "/metrics")

    assert (missing.status, missing.body) == (404, "try /metrics, /healthz, /readyz\n")
    assert posted.status == 405
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, "", "6")
    assert query.status == 200
    assert (failed.status, failed.body) == (500, "failed; see the log\n")


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (b"GET /healthz HTTP/1.1\r\nA: " + b"x" * 9000, b"HTTP/1.1 400 "),
        (b"\x16\x03\x01\x02\x00 hello\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /healthz\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 "),
        (b"\r\n\r\n", b"HTTP/1.1 400 "),
        (b"", b""),
    ],
    ids=["long", "tls", "http 0.9", "http 1.0", "blank", "nothing"],
)
async def test_no_request_does_harm(request_bytes: bytes, answer: bytes) -> None:
    async with MetricsServer(LOCAL) as server:
        reader, writer = await asyncio.open_connection(*server.addresses[0])
        writer.write(request_bytes)
        writer.write_eof()
        got = await reader.read()
        writer.close()
        after = await get(server, "/healthz")

    assert got[: len(answer)] == answer
    assert bool(got) == bool(answer)
    assert after.status == 200


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_clients_that_say_nothing_are_bounded_and_cut_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_server, "_TIME_LIMIT", 100.0)
    async with MetricsServer(LOCAL) as server:
        clients = [await asyncio.open_connection(*server.addresses[0]) for _ in range(40)]
        async with asyncio.timeout(30):
            ended = [asyncio.create_task(read_to_end(reader)) for reader, _ in clients]
            await until(lambda: sum(task.done() for task in ended) == 8)
    async with asyncio.timeout(30):
        assert await asyncio.gather(*ended) == [b""] * 40
    for _, writer in clients:
        writer.close()


async def test_ipv6_and_all_addresses() -> None:
    async with MetricsServer(Address("::1", 0)) as server:
        (address,) = server.addresses
        assert str(address) == f"[::1]:{address.port}"
        assert (await get(server, "/healthz")).status == 200
    async with MetricsServer(Address("", 0)) as server:
        assert {address.host for address in server.addresses} >= {"0.0.0.0"}  # noqa: S104


async def test_a_taken_port_is_one_clear_line() -> None:
    async with MetricsServer(LOCAL) as server:
        taken = server.addresses[0]
        with pytest.raises(HttpError) as raised:
            await MetricsServer(taken).__aenter__()

    assert (
        str(raised.value)
        == f"cannot listen on {taken}: another program listens there; name another address"
    )


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "x" * 70, "a..b"])
async def test_an_address_that_is_not_ours_is_one_clear_line(host: str) -> None:
    with pytest.raises(HttpError, match=r"^cannot listen on ") as raised:
        await MetricsServer(Address(host, 0)).__aenter__()

    assert "\n" not in str(raised.value)


def test_without_the_extra_the_error_names_it() -> None:
    script = (
        "import asyncio, sys; sys.modules['prometheus_client'] = None\n"
        "from shipper.http_server import Address, HttpError\n"
        "from natsconsole.receiver.metrics_server import MetricsServer\n"
        "try: asyncio.run(MetricsServer(Address('127.0.0.1', 0)).__aenter__())\n"
        "except HttpError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )

    assert done.stdout == ("metrics need prometheus-client: pip install 'natsconsole[metrics]'\n")


async def test_of_a_real_receiver_through_a_lost_server(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    async with (
        MetricsServer(LOCAL) as server,
        running(nats_server, receiver_config(tmp_path / "out")) as receiver,
    ):
        server.watch(
            lambda: receiver.status(""),
            counted=receiver.counted,
            is_connected=lambda: connection.state == "connected",
        )
        await source.publish_lines(30)
        await until(lambda: receiver.status("").written_lines == 30, within=30)
        found = samples((await get(server, "/metrics")).body)
        ready = await get(server, "/readyz")
        await nats_server.stop()
        await until(lambda: connection.state != "connected")
        lost = await get(server, "/readyz")
        alive = await get(server, "/healthz")

    assert found["written_lines_total", ()] == 30
    assert found["written_bytes_total", ()] == len(source.content)
    assert found["connected", ()] == 1
    assert (ready.status, ready.body) == (200, "receiving\n")
    assert (lost.status, lost.body) == (503, "not connected to the NATS server\n")
    assert alive.status == 200


async def test_counters_do_not_fall_when_a_partition_goes(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    sources = [Source(connection, f"web{number}") for number in range(6)]
    out = tmp_path / "out"
    async with (
        MetricsServer(LOCAL) as server,
        running(nats_server, receiver_config(out)) as receiver,
    ):
        server.watch(
            lambda: receiver.status(""), counted=receiver.counted, is_connected=lambda: True
        )
        for source in sources:
            await source.publish_lines(5)
        await until(lambda: receiver.status("").written_lines == 30, within=30)
        other = receiver_config(out, name="receiver-2")
        async with running(nats_server, other) as second:
            await until(lambda: 0 < receiver.status("").written_lines < 30, within=30)
            found = samples((await get(server, "/metrics")).body)
            assert found["written_lines_total", ()] == 30
            assert found["written_bytes_total", ()] == sum(len(one.content) for one in sources)
            await until(lambda: second.status("").written_lines > 0)
            assert second.counted().lines == 0, "it has written none of what it took over"
