"""A switch of policy that a crash interrupts, on one directory and on two machines."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path

import pytest

from natsconsole.domain.receivers import AckPolicy
from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.log_stream import LogStream
from natsconsole.receiver.receiver import Receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until

ONE = LogStream(partitions=1, max_age_seconds=3600, max_bytes=64 << 20)


class CrashError(Exception):
    """Where the process would have died."""


def content(source: Source, *outs: Path) -> bytes:
    paths = [out / source.host / source.name for out in outs]
    return b"".join(path.read_bytes() for path in paths if path.exists())


async def until_written(source: Source, *outs: Path) -> None:
    await until(
        lambda: content(source, *outs) == source.content,
        within=30,
        why="all is written, once and in order",
    )


async def is_settled(jetstream: JetStream) -> bool:
    infos = await jetstream.consumers("LOGS")
    return bool(infos) and not any(one.num_pending or one.num_ack_pending for one in infos)


def account(receiver: Receiver) -> tuple[int, int, int]:
    status = receiver.status("")
    return status.lost, status.doubled, status.out_of_order


@pytest.mark.parametrize("step", ["unpin_consumer", "reset_consumer", "delete_consumer"])
@pytest.mark.parametrize("directory", ["same", "another"])
async def test_a_crash_in_the_middle_of_a_switch(
    nats_server: NatsServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    directory: str,
) -> None:
    """The new consumer is there, and the old one still is: whoever comes next sorts it out."""
    jetstream = await make_stream(connection, ONE)
    here = tmp_path / "here"
    there = here if directory == "same" else tmp_path / "there"
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(here)):
        await source.publish_lines(30)
        await until_written(source, here)
        await until(partial(is_settled, jetstream))

    crashed = asyncio.Event()

    def crash(*_: object) -> None:
        crashed.set()
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(JetStream, step, crash)
        with contextlib.suppress(CrashError):
            async with running(nats_server, receiver_config(here, ack_policy="all")):
                await asyncio.wait_for(crashed.wait(), 30)
    assert len(await jetstream.consumers("LOGS")) == 2

    await source.publish_lines(10)
    async with running(nats_server, receiver_config(there, ack_policy="all")) as receiver:
        await until_written(source, *dict.fromkeys((here, there)))
        assert account(receiver) == (0, 0, 0)
    (left,) = await jetstream.consumers("LOGS")
    assert left.name == "archive-p0-all-2"


async def test_what_another_machine_wrote_is_not_written_again(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """Also where nothing new came before the next restart, switch or hand-over; nor is it lost."""
    jetstream = await make_stream(connection, ONE)
    here, there = tmp_path / "here", tmp_path / "there"
    source = Source(connection, "web1")
    for _ in range(2):
        async with running(nats_server, receiver_config(here)) as receiver:
            await source.publish_lines(5)
            await until(partial(is_settled, jetstream))
            assert account(receiver) == (0, 0, 0)
        for policy in ("explicit", "all", "explicit"):
            async with running(nats_server, receiver_config(there, ack_policy=policy)) as receiver:
                await until(lambda: receiver.status("").state == "running")
                await until(partial(is_settled, jetstream))
        async with running(nats_server, receiver_config(there)) as receiver:
            await source.publish_lines(5)
            await until(partial(is_settled, jetstream))
            assert account(receiver) == (0, 0, 0)
    lines = content(source, here, there).splitlines()
    assert sorted(lines) == source.content.splitlines()


@pytest.mark.parametrize("directory", ["same", "another"])
async def test_two_receivers_switch_under_load(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, directory: str
) -> None:
    jetstream = await make_stream(connection)
    here = tmp_path / "here"
    there = here if directory == "same" else tmp_path / "there"
    outs = tuple(dict.fromkeys((here, there)))
    sources = [Source(connection, f"web{number}") for number in range(4)]
    policies: tuple[AckPolicy, ...] = ("all", "none", "explicit")
    ended = asyncio.Event()

    async def publish() -> None:
        while not ended.is_set():
            for source in sources:
                await source.publish_lines(2)
            await asyncio.sleep(0.005)

    async with (
        running(nats_server, receiver_config(here)) as first,
        running(nats_server, receiver_config(there, name="receiver-2")) as second,
    ):
        await until(lambda: second.status("").state == "running", within=30)
        publishing = asyncio.create_task(publish())
        for number, policy in enumerate(policies):
            await (first, second)[number % 2].set_policy(policy)
            await until(
                partial(_all_have, jetstream, policy),
                within=30,
                why=f"all have {policy}",
            )
        ended.set()
        await publishing
        for source in sources:
            await until(
                partial(_is_complete, source, outs),
                within=30,
                why=f"{source.host} is complete, nothing twice",
            )
        for receiver in (first, second):
            assert account(receiver) == (0, 0, 0)
    for source in sources:
        # A partition that goes from one machine to the other leaves an ordered piece on each.
        for out in outs:
            lines = content(source, out).splitlines()
            assert lines == sorted(lines)


async def _all_have(jetstream: JetStream, policy: str) -> bool:
    names = [one.name for one in await jetstream.consumers("LOGS")]
    return len(names) == 2 and all(f"-{policy}-" in name for name in names)


def _is_complete(source: Source, outs: tuple[Path, ...]) -> bool:
    return sorted(content(source, *outs).splitlines()) == source.content.splitlines()
