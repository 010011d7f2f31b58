"""The receiver on a real server: what is on disk is what was published."""

from __future__ import annotations

from pathlib import Path

import pytest

from natsconsole.domain.receivers import AnswerRule, UnackedRequest
from natsconsole.gateway.jetstream import JetStream
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.ledger import LedgerError
from natsconsole.receiver.opening import ReceiverError
from natsconsole.receiver.receiver import Receiver, RefusedError
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.waiting import until


def written(directory: Path, source: Source) -> bytes:
    path = directory / source.host / source.name
    return path.read_bytes() if path.exists() else b""


async def until_written(directory: Path, source: Source) -> None:
    await until(
        lambda: written(directory, source) == source.content,
        within=30,
        why=f"{source.host} is written",
    )


async def until_committed(receiver: Receiver, lines: int) -> None:
    await until(lambda: receiver.status("").written_lines == lines, within=30)


async def until_settled(jetstream: JetStream) -> None:
    async def is_settled() -> bool:
        return not any(found.num_ack_pending for found in await jetstream.consumers("LOGS"))

    await until(is_settled)


@pytest.mark.parametrize("policy", ["explicit", "all", "none"])
async def test_writes_each_hosts_bytes(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    jetstream = await make_stream(connection)
    sources = [Source(connection, f"web{i}.example.net") for i in range(6)]
    async with running(nats_server, receiver_config(tmp_path / "out", ack_policy=policy)):
        for source in sources:
            await source.publish(b"\xff\x00 first\r\nsecond\n")
            await source.publish_lines(20)
            source.rotate()
            await source.publish(b"no newline at the end")
        for source in sources:
            await until_written(tmp_path / "out", source)

    await until_settled(jetstream)


async def test_plain_and_legacy_messages_are_lines(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    async with running(nats_server, receiver_config(out, legacy_subjects=True)):
        await connection.request("logs.web1", b"hello")
        await connection.request("logs.web1", b"two\nlines\n")
        await connection.request("logs.p4.str1.example.net", b"from the series")
        await connection.request("logs.evil%2f.;rm", b"odd")

        await until(
            lambda: (
                (out / "web1/web1.log").read_bytes() == b"hello\ntwo\nlines\n"
                if (out / "web1/web1.log").exists()
                else False
            )
        )
        legacy = out / "str1.example.net/str1.example.net.log"
        await until(lambda: legacy.exists() and legacy.read_bytes() == b"from the series\n")
        await until(lambda: any(path.name.startswith("evil%25") for path in out.iterdir()))


@pytest.mark.parametrize("policy", ["explicit", "all"])
async def test_goes_on_where_it_was(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    config = receiver_config(tmp_path / "out", ack_policy=policy)
    for turn in (1, 2, 3):
        await source.publish_lines(10)
        async with running(nats_server, config) as receiver:
            await source.publish_lines(10)
            await until_committed(receiver, 20 * turn)
            status = receiver.status("")

    assert written(tmp_path / "out", source) == source.content
    assert (status.lost, status.out_of_order) == (0, 0)


async def test_policy_is_switched_under_load(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection)
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        await until(lambda: receiver.status("").state == "running")
        for policy in ("all", "none", "explicit", "none", "all", "explicit"):
            await source.publish_lines(20)
            await receiver.set_policy(policy)
            assert receiver.status("").ack_policy == policy
        await source.publish_lines(20)
        await until_written(tmp_path / "out", source)
        consumers = await jetstream.consumers("LOGS")

    assert sorted(found.name for found in consumers) == [
        "archive-p0-explicit-7",
        "archive-p1-explicit-7",
    ]


async def test_withheld_messages_come_again_and_are_written_once(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection)
    source = Source(connection, "web1")
    settings = ConsumerSettings(ack_wait_seconds=6.0, max_ack_pending=200)
    config = receiver_config(tmp_path / "out", settings=settings)
    async with running(nats_server, config) as receiver:
        receiver.set_rule(AnswerRule(answer="withhold"))
        await source.publish_lines(10)
        await until_committed(receiver, 10)

        def wait_for_ack_wait() -> bool:
            (first, *_) = receiver.unacked(UnackedRequest()).messages
            return first.written and 0 < first.remaining <= 6.0

        await until(wait_for_ack_wait)
        await until(lambda: receiver.status("").redelivered >= 10, why="ack wait passes")
        receiver.set_rule(AnswerRule(answer="ack"))
        await until(lambda: receiver.status("").unacked == 0)

        await until_settled(jetstream)
        assert written(tmp_path / "out", source) == source.content
        await until(lambda: receiver.status("").suppressed >= 10)


async def test_refused_messages_are_written_in_order_afterwards(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        await source.publish_lines(5)
        await until_written(tmp_path / "out", source)
        before = source.content
        receiver.set_rule(AnswerRule(answer="nak"))
        await source.publish_lines(10)
        await until(lambda: receiver.status("").redelivered >= 10, why="naks come again")
        assert written(tmp_path / "out", source) == before

        receiver.set_rule(AnswerRule(answer="ack"))
        await until_written(tmp_path / "out", source)
        assert receiver.status("").out_of_order == 0


async def test_holds_while_the_disk_is_full(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection)
    source = Source(connection, "web1")
    # Longer than a busy machine stops us for: nothing is due to come again.
    settings = ConsumerSettings(ack_wait_seconds=60.0, max_ack_pending=200)
    config = receiver_config(tmp_path / "out", settings=settings)
    async with running(nats_server, config) as receiver:
        await source.publish_lines(5)
        await until_written(tmp_path / "out", source)
        before = source.content
        receiver.set_fault("disk-full")
        await source.publish_lines(50)
        await until(lambda: receiver.status("").state == "held")
        status = receiver.status("")
        assert "no space left" in status.reason
        assert status.held_messages > 0
        redelivered = sum(found.num_redelivered for found in await jetstream.consumers("LOGS"))
        assert (written(tmp_path / "out", source), redelivered) == (before, 0)

        receiver.set_fault("none")
        await until_written(tmp_path / "out", source)
        status = receiver.status("")
        assert (status.lost, status.out_of_order, status.redelivered) == (0, 0, 0)


async def test_pause_leaves_lines_in_the_stream(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        receiver.pause()
        await until(lambda: receiver.status("").state == "paused")
        await source.publish_lines(5)
        receiver.resume()
        await until_written(tmp_path / "out", source)


async def test_survives_a_server_restart(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        await source.publish_lines(20)
        await nats_server.kill()
        await nats_server.start()
        await connection.wait_connected(30)
        await source.publish_lines(20)
        await until_written(tmp_path / "out", source)
        assert receiver.status("").lost == 0


async def test_consumer_deleted_under_us_is_made_again(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    jetstream = await make_stream(connection)
    source = Source(connection, "web1")
    async with running(nats_server, receiver_config(tmp_path / "out")) as receiver:
        await source.publish_lines(5)
        await until_written(tmp_path / "out", source)
        for found in await jetstream.consumers("LOGS"):
            await jetstream.delete_consumer("LOGS", found.name)
        await source.publish_lines(5)
        await until_written(tmp_path / "out", source)
        assert receiver.status("").out_of_order == 0


async def test_second_receiver_on_the_directory_takes_over(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    out = tmp_path / "out"
    async with running(nats_server, receiver_config(out, name="receiver-2")) as standby:
        async with running(nats_server, receiver_config(out)):
            await source.publish_lines(5)
            await until_written(out, source)
        await source.publish_lines(5)
        await until_written(out, source)
        assert standby.status("").lost == 0


async def test_two_groups_cannot_share_a_directory(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    async with running(nats_server, receiver_config(tmp_path / "out")):
        with pytest.raises(LedgerError, match="belongs to group 'archive'"):
            async with running(nats_server, receiver_config(tmp_path / "out", group="copy")):
                pass


async def test_two_groups_get_two_copies(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    one, two = receiver_config(tmp_path / "a"), receiver_config(tmp_path / "b", group="copy")
    async with running(nats_server, one), running(nats_server, two):
        await source.publish_lines(10)
        for out in (tmp_path / "a", tmp_path / "b"):
            await until_written(out, source)


async def test_answers_that_cost_lines_need_the_lab(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    async with running(nats_server, receiver_config(tmp_path / "out", lab=False)) as receiver:
        with pytest.raises(RefusedError, match="--lab"):
            receiver.set_rule(AnswerRule(answer="nak"))
        with pytest.raises(RefusedError, match="--lab"):
            receiver.set_fault("disk-full")
        receiver.set_rule(AnswerRule(answer="ack"))


async def test_unknown_stream_names_the_mend(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    with pytest.raises(ReceiverError, match="natsconsole setup --stream LOGS"):
        async with running(nats_server, receiver_config(tmp_path / "out")):
            pass


async def test_many_writers_of_one_log_are_not_taken_for_lost_lines(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """As where several processes of one host are piped to a shipper each."""
    jetstream = await make_stream(connection)
    sources = [Source(connection, "web1", name="stdin") for _ in range(12)]
    for number, source in enumerate(sources):
        source.file = f"f{number}"
    config = receiver_config(tmp_path / "out")
    for lines in (30, 60):
        async with running(nats_server, config) as receiver:
            for _ in range(lines // 12 + 1):
                for source in sources:
                    await source.publish_lines(1)
            total = sum(source.content.count(b"\n") for source in sources)
            await until_committed(receiver, total)
            await until(lambda: receiver.status("").unacked == 0)
            assert receiver.status("").lost == 0
    await until_settled(jetstream)
