"""The network fails between the receiver and the server, on either connection or on both."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks.chaos.proxy import Link
from natsconsole.receiver.membership import TTL
from natsconsole.receiver.opening import open_receiver
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection, ConnectionOptions
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.programs import Program
from tests.support.waiting import until


class Bench:
    """Sources that publish while the network fails, and what has become of their lines."""

    def __init__(self, out: Path, connection: Connection) -> None:
        self.out = out
        self.sources = [Source(connection, f"web{number}") for number in range(4)]

    def is_identical(self) -> bool:
        return all(
            (self.out / one.host / one.name).exists()
            and (self.out / one.host / one.name).read_bytes() == one.content
            for one in self.sources
        )

    async def publish(self, count: int = 5) -> None:
        for _ in range(count):
            for source in self.sources:
                await source.publish_lines(1)

    async def publish_for(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await self.publish(1)
            await asyncio.sleep(0.02)

    async def until_identical(self, *, within: float) -> None:
        await until(self.is_identical, within=within, why="all is written, once and in order")

    def see_account(self, receiver: Receiver) -> None:
        status = receiver.status("")
        assert (status.lost, status.doubled, status.out_of_order) == (0, 0, 0)


@contextlib.asynccontextmanager
async def behind(logs: Link, control: Link, out: Path) -> AsyncIterator[Receiver]:
    """Run a receiver with each of its connections through a link of its own."""
    async with (
        Connection(ConnectionOptions(servers=logs.urls)) as log_connection,
        Connection(ConnectionOptions(servers=control.urls)) as control_connection,
        open_receiver(receiver_config(out), log_connection, control_connection) as receiver,
    ):
        task = asyncio.create_task(receiver.run())
        try:
            yield receiver
        finally:
            receiver.drain()
            await task


@pytest.mark.parametrize("which", ["logs", "control", "both"])
async def test_every_fault_of_the_network(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, which: str
) -> None:
    await make_stream(connection)
    links = {"logs": Link([nats_server.port]), "control": Link([nats_server.port])}
    for link in links.values():
        await link.open()
    failing = list(links.values()) if which == "both" else [links[which]]
    longest = TTL + 1.0 if which == "control" else 1.5
    faults: list[tuple[Callable[[Link], None], float]] = [
        (Link.reset, 0.3),
        (partial(Link.half_open, ghost="client"), 1.0),
        (partial(Link.half_open, ghost="server"), 0.3),
        (partial(Link.slow, bytes_per_second=10_000, latency=0.01), 1.5),
        (Link.blackhole, longest),
    ]
    bench = Bench(tmp_path / "out", connection)
    async with behind(links["logs"], links["control"], tmp_path / "out") as receiver:
        await bench.publish()
        await bench.until_identical(within=30)
        for fault, seconds in faults:
            for link in failing:
                fault(link)
            await bench.publish_for(seconds)
            for link in failing:
                link.heal()
            await bench.until_identical(within=30)
        bench.see_account(receiver)
    for link in links.values():
        await link.close()


async def test_server_stopped_killed_and_frozen(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """Each time it goes on within some seconds; frozen it was for longer than a lease lives."""
    await make_stream(connection)
    bench = Bench(tmp_path / "out", connection)
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        for end in (nats_server.stop, nats_server.kill):
            await bench.publish()
            await end()
            await nats_server.start()
            await connection.wait_connected(30)
            await bench.publish()
            await bench.until_identical(within=30)

        os.kill(nats_server.pid, signal.SIGSTOP)
        await asyncio.sleep(TTL + 1.0)
        os.kill(nats_server.pid, signal.SIGCONT)
        await connection.wait_connected(30)
        await bench.publish()
        await bench.until_identical(within=30)
        bench.see_account(receiver)


@pytest.mark.long
async def test_lame_duck_mode(tmp_path: Path) -> None:
    server = NatsServer(
        tmp_path / "nats", config="lame_duck_duration: 30s\nlame_duck_grace_period: 1s"
    )
    await server.start()
    async with Connection(ConnectionOptions(servers=(server.url,))) as connection:
        await make_stream(connection)
        bench = Bench(tmp_path / "out", connection)
        async with running(server, receiver_config(tmp_path / "out")) as receiver:
            await bench.publish()

            os.kill(server.pid, signal.SIGUSR2)
            await until(lambda: connection.state != "connected", within=40)
            await server.stop()
            await server.start()
            await connection.wait_connected(30)
            await bench.publish()
            await bench.until_identical(within=30)
            bench.see_account(receiver)
    await server.stop()


@pytest.mark.parametrize("policy", ["explicit", "none"])
async def test_it_ends_in_time_though_the_server_is_frozen(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    await make_stream(connection)
    bench = Bench(tmp_path / "out", connection)
    program = Program(
        "natsconsole", "receive", "-s", nats_server.url, "--dir", bench.out, "--ack-policy", policy
    )
    async with program:
        await bench.publish()
        await bench.until_identical(within=30)
        os.kill(nats_server.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            code, _, errors = await program.terminate()
            took = time.monotonic() - began
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)
    assert (code, "Traceback" in errors) == (0, False), errors
    assert took < 15.0
    await connection.wait_connected(30)
    async with running(nats_server, receiver_config(bench.out)) as receiver:
        await bench.publish()
        await bench.until_identical(within=30)
        bench.see_account(receiver)
