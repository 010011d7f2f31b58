"""Each situation, made on a real server, is called by its name.

One server is shared: each test has a stream of its own on it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
import pytest_asyncio

from natsconsole.gateway.triage import LiveTriage
from shipper.connection import Connection, ConnectionOptions
from tests.support.anybodys import Anybody, evidence_of, rules_of
from tests.support.nats_server import NatsServer
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Connection]:
    directory: Path = tmp_path_factory.mktemp("verdicts")
    async with (
        NatsServer(directory) as server,
        Connection(ConnectionOptions(servers=(server.url,))) as connection,
    ):
        yield connection


@pytest_asyncio.fixture(loop_scope="module")
async def anybody(shared: Connection) -> Anybody:
    return Anybody(shared)


@pytest_asyncio.fixture(loop_scope="module")
async def triage(shared: Connection) -> AsyncIterator[LiveTriage]:
    found = LiveTriage(shared)
    yield found
    found.close()


# How a consumer is served.


async def test_nobody_pulls(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer()
    await anybody.publish(3)
    verdict = await anybody.verdict(triage, "no-pull")
    assert evidence_of(verdict)["lag_messages"] == 3
    assert "3 messages wait" in verdict.sentence
    assert verdict.command == f"nats consumer info {anybody.stream} worker"

    await anybody.pull(1)
    assert "no-pull" not in rules_of(anybody.verdicts(await triage.look()))


async def test_a_worker_that_holds_all_it_may(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(max_ack_pending=4)
    await anybody.publish(6)
    held = await anybody.pull(4)
    verdict = await anybody.verdict(triage, "max-ack-pending")
    assert evidence_of(verdict) | {"unacked": 4, "max_ack_pending": 4} == evidence_of(verdict)
    assert "they hang, or are gone" in verdict.sentence or "with workers" in verdict.sentence

    await held[0].answer()
    assert "max-ack-pending" not in rules_of(anybody.verdicts(await triage.look()))


async def test_messages_not_finished_in_time_fill_the_window(
    anybody: Anybody, triage: LiveTriage
) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(max_ack_pending=2, ack_wait=100_000_000)
    await anybody.publish(4)
    await anybody.pull(2)
    await anybody.pull(2)  # both again
    verdict = await anybody.verdict(triage, "max-ack-pending")
    assert evidence_of(verdict)["redelivered"] == 2
    assert "delivered before" in verdict.sentence


async def test_refused_messages_that_wait_fill_the_window(
    anybody: Anybody, triage: LiveTriage
) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(max_ack_pending=3)
    await anybody.publish(5)
    await triage.look()
    for message in await anybody.pull(3):
        await message.answer('-NAK {"delay": 60000000000}')
    verdict = await anybody.verdict(triage, "nak-delayed", refused_waiting=3)
    assert verdict.severity == "critical" or evidence_of(verdict)["lag_messages"] == 2


async def test_paused(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer()
    await anybody.publish(2)
    until_then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
    await anybody.api(f"CONSUMER.PAUSE.{anybody.stream}.worker", {"pause_until": until_then})
    verdict = await anybody.verdict(triage, "paused")
    assert "10 min" in verdict.sentence
    assert verdict.command == f"nats consumer resume {anybody.stream} worker"
    assert "no-pull" not in rules_of(anybody.verdicts(await triage.look()))

    await anybody.api(f"CONSUMER.PAUSE.{anybody.stream}.worker", {})
    assert "paused" not in rules_of(anybody.verdicts(await triage.look()))


async def test_a_push_consumer_without_anybody_listening(
    anybody: Anybody, triage: LiveTriage, shared: Connection
) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(deliver_subject=f"deliver.{anybody.subject}")
    await anybody.publish(2)
    verdict = await anybody.verdict(triage, "push-unbound")
    assert f"deliver.{anybody.subject}" in verdict.sentence

    subscription = await shared.subscribe(f"deliver.{anybody.subject}", lambda *_: None)

    async def is_silent() -> bool:
        return "push-unbound" not in rules_of(anybody.verdicts(await triage.look()))

    await until(is_silent)
    subscription.cancel()


async def test_an_ephemeral_consumer_about_to_go(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.publish(1)
    await anybody.make_consumer("passing", durable_name=None, inactive_threshold=12_000_000_000)
    assert "ephemeral-going" not in rules_of(anybody.verdicts(await triage.look(), "passing"))
    verdict = await anybody.verdict(triage, "ephemeral-going", consumer="passing")
    assert verdict.severity == "warning"
    assert "ephemeral" in verdict.sentence


# What comes again.


async def test_the_same_messages_again_and_again(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(ack_wait=50_000_000)
    await anybody.publish(6)
    await triage.look()
    for _ in range(3):
        await anybody.pull(6)
    verdict = await anybody.verdict(
        triage, "redelivery-loop", meanwhile=lambda: anybody.pull(6), redelivered=6
    )
    assert int(evidence_of(verdict)["redeliveries"]) >= 12
    assert "none was ever acknowledged" in verdict.sentence


async def test_one_message_is_poison(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(ack_wait=60_000_000_000)
    await anybody.publish(2)
    await anybody.publish(1, subject="bad")
    await anybody.publish(3)
    await triage.look()
    for message in await anybody.pull(6):
        if message.sequence != 3:
            await message.answer()
        else:
            await message.answer("-NAK")
    await triage.look()
    for _ in range(4):
        (poison,) = await anybody.pull(1)
        assert poison.sequence == 3
        await poison.answer("-NAK")
    bad = f"{anybody.subject}.bad"
    verdict = await anybody.verdict(triage, "poison-message", stream_sequence=3, subject=bad)
    assert bad in verdict.sentence
    assert verdict.command == f"nats stream get {anybody.stream} 3"


async def test_poison_is_known_without_a_nak(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(ack_wait=40_000_000)
    await anybody.publish(1)
    await triage.look()
    for _ in range(5):
        await anybody.pull(1)
        await triage.look()
    verdict = await anybody.verdict(triage, "poison-message")
    assert evidence_of(verdict)["stream_sequence"] == 1
    assert int(evidence_of(verdict)["deliveries"]) > 3


async def test_given_up_at_max_deliver(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(max_deliver=2, ack_wait=40_000_000)
    await anybody.publish(2)
    await triage.look()
    await anybody.pull(2)
    await anybody.pull(2)
    await anybody.wait_for_pulls(1)  # the server gives up when it would deliver again
    verdict = await anybody.verdict(triage, "max-deliveries", given_up=2)
    assert evidence_of(verdict)["stream_sequences"] == "1, 2"
    assert evidence_of(verdict)["deliveries"] == 2
    assert verdict.severity == "critical"


async def test_a_finite_max_deliver(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(max_deliver=5)
    verdict = await anybody.verdict(triage, "max-deliver-finite")
    assert verdict.severity == "warning"
    assert evidence_of(verdict)["max_deliver"] == 5


async def test_ack_all_with_several_workers(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(ack_policy="all")
    await anybody.wait_for_pulls(1)
    assert "ack-all-shared" not in rules_of(anybody.verdicts(await triage.look()))
    await anybody.wait_for_pulls(2)
    verdict = await anybody.verdict(triage, "ack-all-shared")
    assert int(evidence_of(verdict)["waiting_pulls"]) >= 2


# How far behind it is.


async def test_behind_and_growing_then_draining(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(max_ack_pending=-1)
    await anybody.publish(20)
    await triage.look()
    (early,) = await anybody.pull(1)
    await early.answer()
    await anybody.publish(20)
    # Lag in seconds is by the server's clock alone: wait until it is worth a word.
    verdict = await anybody.verdict(triage, "behind-growing", within=30.0)
    assert float(evidence_of(verdict)["lag_per_second"]) > 0

    for message in await anybody.pull(35):
        await message.answer()
    verdict = await anybody.verdict(triage, "behind-draining", within=30.0)
    assert verdict.severity == "ok"
    assert float(evidence_of(verdict)["zero_in_seconds"]) >= 0
    assert "nothing waits any more in about" in verdict.sentence


async def test_a_filter_that_matches_nothing(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream()
    await anybody.make_consumer(filter_subject=f"{anybody.subject}.b.>")
    assert "no-match" not in rules_of(anybody.verdicts(await triage.look()))
    await anybody.publish(3)
    verdict = await anybody.verdict(triage, "no-match")
    assert evidence_of(verdict)["filter"] == f"{anybody.subject}.b.>"

    await anybody.publish(1, subject="b.c")
    assert "no-match" not in rules_of(anybody.verdicts(await triage.look()))


async def test_unread_messages_are_near_their_end(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream(max_age=60_000_000_000, duplicate_window=1_000_000_000)
    await anybody.make_consumer()
    await anybody.publish(2)
    assert "will-lose-unread" not in rules_of(anybody.verdicts(await triage.look()))
    await anybody.make_stream("UPDATE", max_age=2_000_000_000, duplicate_window=1_000_000_000)

    # Some message is always near its end, however late we look.
    def publish() -> Awaitable[None]:
        return anybody.publish(1)

    verdict = await anybody.verdict(triage, "will-lose-unread", meanwhile=publish)
    assert evidence_of(verdict)["limit"] == "max age"
    assert float(evidence_of(verdict)["lost_in_seconds"]) <= 1
    verdict = await anybody.verdict(triage, "lost-unread", meanwhile=publish)
    assert verdict.severity == "critical"


async def test_unread_messages_are_pushed_out(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream(max_msgs=50)
    await anybody.make_consumer()
    await anybody.publish(50)
    await triage.look()
    verdict = await anybody.verdict(
        triage, "will-lose-unread", meanwhile=lambda: anybody.publish(10)
    )
    assert evidence_of(verdict)["limit"] == "max messages"


# What a stream refuses.


async def test_a_full_stream_refuses(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream(discard="new", max_msgs=5)
    await anybody.publish(4)
    assert "stream-full" not in rules_of(anybody.verdicts(await triage.look(), ""))
    await anybody.publish(1)
    verdict = await anybody.verdict(triage, "stream-full", consumer="")
    assert verdict.severity == "critical"
    refusal = await anybody.connection.request(f"{anybody.subject}.a", b"x")
    assert b"10077" in refusal.data


async def test_full_in_bytes(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream(discard="new", max_bytes=4096)
    while (
        b"10077" not in (await anybody.connection.request(f"{anybody.subject}.a", b"x" * 90)).data
    ):
        pass
    verdict = await anybody.verdict(triage, "stream-full", consumer="")
    assert evidence_of(verdict)["limit"] == "max bytes"


async def test_a_log_stream_with_discard_old(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream(max_msgs=5, metadata={"natsconsole.prefix": anybody.subject})
    verdict = await anybody.verdict(triage, "discard-old", consumer="")
    assert verdict.severity == "warning"
    await anybody.publish(7)
    verdict = await anybody.verdict(triage, "discard-old", consumer="")
    assert verdict.severity == "critical"
    assert verdict.command == f"nats stream edit {anybody.stream} --discard new"


# Thresholds of their own.


async def test_thresholds_in_metadata(anybody: Anybody, triage: LiveTriage) -> None:
    await anybody.make_stream(metadata={"io.nats.monitor.msgs-critical": "3"})
    await anybody.make_consumer(
        metadata={
            "io.nats.monitor.enabled": "true",
            "io.nats.monitor.unprocessed-critical": "2",
            "io.nats.monitor.last-ack-critical": "1h",
        }
    )
    await anybody.publish(2)
    verdict = await anybody.verdict(triage, "monitor-unprocessed-critical")
    assert evidence_of(verdict) == {"value": 2, "threshold": "2"}
    found = rules_of(anybody.verdicts(await triage.look()))
    assert "monitor-last-ack-critical" in found
    assert "monitor-msgs-critical" in rules_of(anybody.verdicts(await triage.look(), ""))
    await anybody.publish(2)
    assert "monitor-msgs-critical" not in rules_of(anybody.verdicts(await triage.look(), ""))


# Clocks.


async def test_a_clock_that_is_off(shared: Connection, anybody: Anybody) -> None:
    await anybody.make_stream()
    behind = LiveTriage(shared, clock=lambda: time.time() - 90)

    async def is_told() -> bool:  # by less where an answer was seconds under way
        return any(
            (one.rule, one.severity) == ("clock-skew", "critical") and "90 s ahead" in one.sentence
            for one in (await behind.look()).verdicts_of()
        )

    await until(is_told)
    behind.close()

    good = LiveTriage(shared)
    assert "clock-skew" not in rules_of((await good.look()).verdicts_of())
    good.close()
