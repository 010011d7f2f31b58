"""Receivers of one group: partitions shared out, handed over in order, taken from the dead."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from functools import partial, partialmethod
from pathlib import Path

import pytest

from natsconsole.domain.receivers import AnswerRule
from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.log_stream import LogStream
from natsconsole.receiver import consumers, pull
from natsconsole.receiver.opening import ReceiverError
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.programs import Program
from tests.support.waiting import until

SIX = LogStream(partitions=6, max_age_seconds=3600, max_bytes=256 << 20)


def content(source: Source, *outs: Path) -> bytes:
    """What several machines have of a log, in the order in which they had it."""
    paths = [out / source.host / source.name for out in outs]
    return b"".join(path.read_bytes() for path in paths if path.exists())


def is_identical(source: Source, *outs: Path) -> bool:
    return content(source, *outs) == source.content


def is_as_long(source: Source, *outs: Path) -> bool:
    return len(content(source, *outs)) == len(source.content)


def is_running(receiver: Receiver) -> bool:
    return receiver.status("").state == "running"


async def until_identical(sources: list[Source], out: Path, *, within: float = 30) -> None:
    for source in sources:
        await until(
            partial(is_identical, source, out),
            within=within,
            why=f"{source.host} is identical",
        )


@contextlib.asynccontextmanager
async def publishing(sources: list[Source]) -> AsyncIterator[None]:
    """Publish to all of them, one message after the other, until the block ends."""
    stop = asyncio.Event()

    async def publish() -> None:
        while not stop.is_set():
            for source in sources:
                await source.publish_lines(2)
            await asyncio.sleep(0.005)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        stop.set()
        await task


def receive(server: NatsServer, out: Path, name: str, *more: str) -> Program:
    return Program(
        "natsconsole", "receive", "-s", server.url, "--dir", out, "--name", name,
        "--ack-wait", "2s", *more,
    )  # fmt: skip


async def test_one_then_four_then_one_under_load(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection, SIX)
    out = tmp_path / "out"
    sources = [Source(connection, f"web{number}") for number in range(12)]
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(publishing(sources))
        first = await stack.enter_async_context(running(nats_server, receiver_config(out)))
        async with contextlib.AsyncExitStack() as others:
            for number in (2, 3, 4):
                config = receiver_config(out, name=f"receiver-{number}")
                receiver = await others.enter_async_context(running(nats_server, config))
                await until(
                    partial(is_running, receiver),
                    within=30,
                    why=f"receiver {number} has a share",
                )
            members = tuple(f"receiver-{number}" for number in (1, 2, 3, 4))
            await until(lambda: first.status("").members == members)
            await until(
                lambda: sum(one.state == "running" for one in first.status("").partitions) <= 2,
                within=30,
            )
        await until(
            lambda: all(one.state == "running" for one in first.status("").partitions),
            within=30,
            why="the first has all again",
        )
        status = first.status("")
        assert (status.lost, status.doubled, status.out_of_order) == (0, 0, 0)
    async with running(nats_server, receiver_config(out)):
        await until_identical(sources, out)


async def test_a_killed_receivers_partitions_are_taken_over(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection, SIX)
    sources = [Source(connection, f"web{number}") for number in range(12)]
    here, there = tmp_path / "here", tmp_path / "there"
    dead = await receive(nats_server, there, "receiver-2").start()
    async with running(nats_server, receiver_config(here)) as receiver:
        await until(lambda: receiver.status("").members == ("receiver-1", "receiver-2"), within=30)
        async with publishing(sources):
            await until(lambda: there.exists() and any(there.glob("web*/*")), within=30)
            await until(
                lambda: sum(one.state == "running" for one in receiver.status("").partitions) == 3,
                within=30,
            )
            await dead.kill()
            await until(
                lambda: all(one.state == "running" for one in receiver.status("").partitions),
                within=30,
                why="the dead receiver's partitions are taken over",
            )

        def all_is_there() -> bool:
            return all(
                set(source.content.splitlines()) == set(content(source, here, there).splitlines())
                for source in sources
            )

        await until(all_is_there, within=30, why="nothing is lost")
        await until_acknowledged(jetstream)
        status = receiver.status("")
        twice = sum(
            len(content(source, here, there).splitlines()) - len(source.content.splitlines())
            for source in sources
        )
    assert twice <= status.doubled, "what may stand twice is counted"


async def test_hand_over_to_another_machine_doubles_nothing(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A hand-over that is cut short is no clean one, as on a machine that stops the server.
    monkeypatch.setattr("natsconsole.receiver.receiver.DRAIN_LIMIT", 25.0)
    monkeypatch.setattr(Connection, "rtt", partialmethod(Connection.rtt, timeout=20.0))
    await make_stream(connection, SIX)
    sources = [Source(connection, f"web{number}") for number in range(12)]
    here, there = tmp_path / "here", tmp_path / "there"
    async with publishing(sources), running(nats_server, receiver_config(here)) as first:
        await until(lambda: first.status("").written_lines > 100, within=30)
        leaving = receiver_config(there, name="receiver-2")
        async with running(nats_server, leaving) as second:
            await until(lambda: second.status("").written_lines > 100, within=30)
        await until(
            lambda: all(one.state == "running" for one in first.status("").partitions),
            within=30,
        )
    async with running(nats_server, receiver_config(here)):
        for source in sources:
            await until(
                partial(is_as_long, source, here, there),
                within=30,
                why=f"{source.host} is complete",
            )
    # Content proves it: `doubled` may count a line that the other was given and did not write.
    for source in sources:
        assert sorted(content(source, here, there).splitlines()) == source.content.splitlines()


async def until_acknowledged(jetstream: JetStream) -> None:
    """Wait until nothing is on its way: then no transaction is open either."""

    async def all_acknowledged() -> bool:
        return not any(
            found.num_ack_pending or found.num_pending
            for found in await jetstream.consumers("LOGS")
        )

    await until(all_acknowledged, within=30)


async def test_a_frozen_receiver_on_another_machine_writes_nothing_after_it(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection)
    sources = [Source(connection, f"web{number}") for number in range(4)]
    here, there = tmp_path / "here", tmp_path / "there"

    async with receive(nats_server, there, "frozen") as frozen:
        for source in sources:
            await source.publish_lines(50)
        await until(lambda: all(content(one, there) == one.content for one in sources), within=30)
        await until_acknowledged(jetstream)
        os.kill(frozen.process.pid, signal.SIGSTOP)
        for source in sources:
            await source.publish_lines(50)
        async with running(nats_server, receiver_config(here)) as receiver:
            await until(
                lambda: all(content(one, there, here) == one.content for one in sources),
                within=30,
                why="the frozen receiver's partitions are taken over",
            )
            os.kill(frozen.process.pid, signal.SIGCONT)
            await until(lambda: receiver.status("").members == ("frozen", "receiver-1"), within=30)
            for source in sources:
                await source.publish_lines(50)
            await until(
                lambda: (
                    sum(len(content(one, there, here)) for one in sources)
                    == sum(len(one.content) for one in sources)
                ),
                within=30,
            )
        for source in sources:
            lines = content(source, there, here).splitlines()
            assert sorted(lines) == source.content.splitlines()


async def test_a_frozen_receiver_on_the_same_directory_keeps_its_fence(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection)
    source = Source(connection, "web1")
    out = tmp_path / "out"
    async with receive(nats_server, out, "frozen") as frozen:
        await source.publish_lines(50)
        await until(lambda: content(source, out) == source.content, within=30)
        await until_acknowledged(jetstream)
        os.kill(frozen.process.pid, signal.SIGSTOP)
        await source.publish_lines(50)
        before = content(source, out)
        async with running(nats_server, receiver_config(out)) as receiver:
            await until(lambda: receiver.status("").members == ("receiver-1",), within=30)
            await until(lambda: "on this machine" in receiver.status("").reason)
            assert content(source, out) == before
            os.kill(frozen.process.pid, signal.SIGCONT)
            await until_identical([source], out)
            await frozen.kill()
            await source.publish_lines(50)
            await until_identical([source], out)


async def test_two_groups_get_two_full_copies(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    sources = [Source(connection, f"web{number}") for number in range(4)]
    one, other = tmp_path / "one", tmp_path / "other"
    async with (
        running(nats_server, receiver_config(one)),
        running(nats_server, receiver_config(other, group="copy")),
    ):
        for source in sources:
            await source.publish_lines(20)
        await until_identical(sources, one)
        await until_identical(sources, other)


async def test_the_policy_is_the_groups(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    async with (
        running(nats_server, receiver_config(out)) as first,
        running(nats_server, receiver_config(out, name="receiver-2")) as second,
    ):
        await until(lambda: second.status("").state == "running", within=30)
        await first.set_policy("all")
        await until(lambda: second.status("").ack_policy == "all")
        await until(
            lambda: all(
                one.consumer == "" or "-all-" in one.consumer
                for receiver in (first, second)
                for one in receiver.status("").partitions
            )
        )
        second.set_rule(AnswerRule(answer="withhold"))
        assert first.status("").answer == "ack", "the answer is each receiver's own"


def states(receiver: Receiver) -> list[str]:
    return [one.state for one in receiver.status("").partitions]


async def test_partitions_by_decree(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    sources = [Source(connection, f"web{number}") for number in range(6)]
    out = tmp_path / "out"
    config = receiver_config(out, partitions=frozenset({0}))
    async with running(nats_server, config) as first:
        for source in sources:
            await source.publish_lines(5)
        await until(lambda: first.status("").written_lines > 0)
        await until(lambda: states(first) == ["running", "elsewhere"])
        other = receiver_config(out, name="receiver-2", partitions=frozenset({1}))
        async with running(nats_server, other):
            await until_identical(sources, out)
    with pytest.raises(ReceiverError, match="partitions 0 to 1"):
        async with running(nats_server, receiver_config(out, partitions=frozenset({7}))):
            pass


async def test_ack_all_is_never_given_two_workers(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """With ack all one worker's ack would settle what the other has not written."""
    await make_stream(connection)
    here, there = tmp_path / "here", tmp_path / "there"
    source = Source(connection, "web1")
    both = frozenset({0, 1})
    config = receiver_config(here, ack_policy="all", partitions=both)
    async with running(nats_server, config) as first:
        await until(lambda: states(first) == ["running"] * 2)
        config = receiver_config(there, name="receiver-2", partitions=both)
        async with running(nats_server, config) as second:
            await source.publish_lines(30)
            await until(lambda: content(source, here) == source.content)
            await until(lambda: states(second) == ["waiting"] * 2)
            await until(lambda: "receiver-1 has this partition" in second.status("").reason)
            assert second.status("").ack_policy == "all"
            assert not (there / "web1").exists()


async def test_a_receiver_that_pulls_keeps_its_pins(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert consumers.PRIORITY_TIMEOUT > 2 * pull.EXPIRES
    monkeypatch.setattr(pull, "EXPIRES", 1.0)
    monkeypatch.setattr(consumers, "PRIORITY_TIMEOUT", 7.0)
    await make_stream(connection, SIX)
    unpinned: list[str] = []
    await connection.subscribe(
        "$JS.EVENT.ADVISORY.CONSUMER.UNPINNED.>",
        lambda subject, _reply, _headers, _payload: unpinned.append(subject),
    )
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path)) as receiver, publishing([source]):
        await until(lambda: receiver.status("").written_lines > 0)
        unpinned.clear()  # taking over begins with it
        await asyncio.sleep(1.5 * consumers.PRIORITY_TIMEOUT)
        assert receiver.status("").state == "running"
    assert unpinned == []
