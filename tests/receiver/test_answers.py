"""Every answer with every ack policy: what the server makes of it, and what is on disk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from natsconsole.domain.receivers import (
    ANSWERS,
    SAFE_ANSWERS,
    AnswerRule,
    UnackedRequest,
    control_subject,
)
from natsconsole.receiver.answers import applies, nak_after, split, term
from natsconsole.receiver.control import Control
from natsconsole.receiver.delivery import Delivery
from shipper.connection import Connection
from shipper.headers import fields_of
from tests.support.lab import LONG, SHORT, Lab, lab, lines_of
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source
from tests.support.waiting import until

POLICIES = pytest.mark.parametrize("policy", ["explicit", "all"])
BEFORE, COUNT = 3, 5
"""Lines acknowledged first, and lines that get the answer: sequences 4 to 8."""
ALL = BEFORE + COUNT
TARGETS = list(range(BEFORE + 1, ALL + 1))


async def publish_under(found: Lab, source: Source, answer: str, **changes: Any) -> AnswerRule:
    """Publish lines that are acknowledged, and then lines that get the answer."""
    await source.publish_lines(BEFORE)
    await found.until_settled(BEFORE)
    rule = found.choose(answer, **changes)
    await source.publish_lines(COUNT)
    return rule


# All messages.


@POLICIES
@pytest.mark.parametrize("answer", ["ack", "double-ack"])
async def test_ack_settles_what_is_written(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str, answer: str
) -> None:
    async with lab(
        nats_server, connection, tmp_path / "out", ack_policy=policy, lab=False
    ) as found:
        source = Source(connection, "web1")
        await publish_under(found, source, answer)
        await found.until_settled(ALL)

        assert found.content(source) == source.content
        assert (await found.consumer()).num_redelivered == 0
        await until(lambda: found.receiver.status("").unacked == 0)
        host = found.host("web1")
        assert (host.acked, host.written_messages, host.suppressed) == (ALL, ALL, 0)
        assert found.advised("") == []


@POLICIES
async def test_nak_comes_again_at_once_and_is_not_written(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        source = Source(connection, "web1")
        began = time.monotonic()
        await publish_under(found, source, "nak")
        await found.until_redelivered(COUNT)
        assert time.monotonic() - began < LONG / 2, "long before ack wait"

        info = await found.until_pending(COUNT, redelivered=COUNT)
        assert (info.ack_floor.stream_seq, info.num_redelivered) == (BEFORE, COUNT)
        await until(lambda: len(found.advised("nak")) == COUNT)
        assert [one["stream_seq"] for one in found.advised("nak")] == TARGETS
        assert found.content(source) == lines_of(source, range(1, BEFORE + 1))
        host = found.host("web1")
        assert (host.written, host.acked, host.unacked) == (BEFORE, BEFORE, COUNT)

        found.choose("ack")
        await found.until_settled(ALL)
        assert found.content(source) == source.content, "rewound, in order"
        host = found.host("web1")
        assert (host.acked, host.lost, host.out_of_order, host.suppressed) == (ALL, 0, 0, 0)


@POLICIES
async def test_nak_with_delay_comes_again_after_the_delay(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    delay = 0.7
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        source = Source(connection, "web1")
        began = time.monotonic()
        await publish_under(found, source, "nak-delay", delay_seconds=delay)
        await until(lambda: len(found.advised("nak")) == COUNT)

        def wait_for_the_delay() -> bool:
            unacked = found.receiver.unacked(UnackedRequest()).messages
            assert [one.sequence for one in unacked] == TARGETS
            assert not any(one.written for one in unacked)
            return all(one.remaining <= delay for one in unacked)

        await until(wait_for_the_delay)
        await found.until_redelivered(COUNT)
        assert delay <= time.monotonic() - began < LONG / 2
        info = await found.until_pending(COUNT)
        assert info.ack_floor.stream_seq == BEFORE
        assert found.content(source) == lines_of(source, range(1, BEFORE + 1))

        found.choose("ack")
        await found.until_settled(ALL)
        assert found.content(source) == source.content
        assert found.host("web1").out_of_order == 0


@POLICIES
async def test_in_progress_is_written_and_never_comes_again(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(
        nats_server, connection, tmp_path / "out", ack_policy=policy, ack_wait=SHORT
    ) as found:
        source = Source(connection, "web1")
        await publish_under(found, source, "in-progress")
        await found.until_lines(ALL)
        began = time.monotonic()
        await until(lambda: time.monotonic() - began > 1.5 * SHORT, why="ack wait is over")
        info = await found.until_pending(COUNT)
        assert (info.ack_floor.stream_seq, info.num_redelivered) == (BEFORE, 0)
        assert found.unacked() == TARGETS
        assert found.content(source) == source.content
        assert found.host("web1").acked == BEFORE

        found.choose("withhold")
        await found.until_redelivered(COUNT)
        found.choose("ack")
        await found.until_settled(ALL)
        assert found.content(source) == source.content, "once"
        assert found.host("web1").acked == ALL


@POLICIES
async def test_term_gives_up_with_the_reason_and_keeps_the_message(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        source = Source(connection, "web1")
        await publish_under(found, source, "term", reason="not\nof this world")
        await found.until_settled(ALL)
        await until(lambda: len(found.advised("terminated")) == COUNT)

        for advisory, sequence in zip(found.advised("terminated"), TARGETS, strict=True):
            assert advisory["stream_seq"] == sequence
            assert advisory["reason"] == "not of this world"
        assert found.content(source) == lines_of(source, range(1, BEFORE + 1))
        kept = found.quarantined()
        assert [one["sequence"] for one in kept] == TARGETS
        assert b"".join(one["payload"] for one in kept) == lines_of(source, TARGETS)
        assert {one["host"] for one in kept} == {"web1"}

        found.choose("ack")
        await source.publish_lines(1)
        await found.until_settled(ALL + 1)
        host = found.host("web1")
        assert (host.quarantined, host.lost, host.acked) == (COUNT, COUNT, ALL + 1)
        (gap,) = host.lost_ranges
        assert source.content[gap.start : gap.end] == lines_of(source, TARGETS)
        assert found.account(source).lost == COUNT


@POLICIES
async def test_withheld_comes_again_after_ack_wait_and_is_written_once(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(
        nats_server, connection, tmp_path / "out", ack_policy=policy, ack_wait=SHORT
    ) as found:
        source = Source(connection, "web1")
        began = time.monotonic()
        await publish_under(found, source, "withhold")
        await found.until_lines(ALL)
        assert found.content(source) == source.content
        assert found.unacked() == TARGETS
        await found.until_redelivered(COUNT)
        assert time.monotonic() - began >= SHORT
        info = await found.until_pending(COUNT, redelivered=COUNT)
        assert (info.ack_floor.stream_seq, info.num_redelivered) == (BEFORE, COUNT)
        await until(lambda: found.host("web1").suppressed >= COUNT, why="repeats are recognised")

        found.choose("ack")
        await found.until_settled(ALL)
        await until(lambda: found.receiver.status("").unacked == 0)
        assert found.content(source) == source.content
        host = found.host("web1")
        assert (host.acked, host.written_messages) == (ALL, ALL)


async def test_policy_none_ignores_every_answer(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy="none") as found:
        source = Source(connection, "web1")
        for turn, answer in enumerate((*ANSWERS, "ack"), start=1):
            found.choose(answer, delay_seconds=0.1)
            await source.publish_lines(COUNT)
            await found.until_lines(COUNT * turn)
            await found.until_settled(COUNT * turn)
            assert found.content(source) == source.content

        status = found.receiver.status("")
        assert (status.unacked, status.redelivered, status.quarantined) == (0, 0, 0)
        assert (status.lost, status.out_of_order, found.advised("")) == (0, 0, [])


# A share of them.

MANY = 19


def chosen(rule: AnswerRule) -> list[int]:
    found = [number for number in range(1, MANY + 1) if applies(rule, delivery(number))]
    assert 3 < len(found) < MANY - 3
    assert found[-1] != MANY, "an acknowledged one comes behind"
    return found


def delivery(sequence: int, host: str = "web1") -> Delivery:
    return Delivery(sequence, sequence, 1, "", host, None, b"", received=0.0)


@POLICIES
async def test_a_share_is_withheld(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        source = Source(connection, "web1")
        rule = found.choose("withhold", share=0.4)
        withheld = chosen(rule)
        await source.publish_lines(MANY)
        await found.until_lines(MANY)
        if policy == "explicit":
            await found.until_pending(len(withheld))
            assert found.unacked() == withheld
        else:
            # The last is not chosen, and its ack settles all that was withheld below it.
            await found.until_settled(MANY)
            await until(lambda: found.unacked() == [])
        assert found.content(source) == source.content
        found.choose("ack")
        await found.until_settled(MANY)


async def test_policy_all_never_acknowledges_what_is_withheld_above(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy="all") as found:
        web, db = Source(connection, "web1"), Source(connection, "db1")
        found.choose("withhold", hosts="db*")
        await web.publish_lines(3)
        await db.publish_lines(3)
        await found.until_lines(6)
        info = await found.until_pending(3)
        assert info.ack_floor.stream_seq == 3
        assert found.unacked() == [4, 5, 6]
        await web.publish_lines(1)
        await found.until_settled(7)
        assert found.unacked() == []


@POLICIES
async def test_a_share_is_refused_and_the_rest_is_written(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        source = Source(connection, "web1")
        rule = found.choose("nak", share=0.4)
        refused = chosen(rule)
        others = [number for number in range(1, MANY + 1) if number not in refused]
        await source.publish_lines(MANY)
        await found.until_lines(len(others))
        await found.until_redelivered(len(refused))

        assert found.content(source) == lines_of(source, others)
        # With policy all no ack goes past a refused one.
        floor = refused[0] - 1
        info = await found.until_pending(len(refused) if policy == "explicit" else MANY - floor)
        assert info.ack_floor.stream_seq == floor
        between = [number for number in refused if number > others[0]]
        assert found.host("web1").lost == len(between)

        found.choose("ack")
        await found.until_settled(MANY)
        account, host = found.account(source), found.host("web1")
        assert (account.lost, account.doubled, account.foreign) == (0, 0, 0)
        assert (host.lost, host.lost_ranges, host.doubled) == (0, (), 0)
        assert account.out_of_order == host.out_of_order == len(refused)


@POLICIES
async def test_a_share_is_terminated_and_the_rest_is_written(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        source = Source(connection, "web1")
        rule = found.choose("term", share=0.4, reason="a share")
        given_up = chosen(rule)
        others = [number for number in range(1, MANY + 1) if number not in given_up]
        await source.publish_lines(MANY)
        await found.until_settled(MANY)

        assert found.content(source) == lines_of(source, others)
        assert [one["sequence"] for one in found.quarantined()] == given_up
        account, host = found.account(source), found.host("web1")
        between = [number for number in given_up if number > others[0]]
        assert (account.lost, host.lost) == (len(given_up), len(between))
        assert (host.quarantined, host.acked, host.suppressed) == (len(given_up), MANY, 0)
        missing = b"".join(source.content[gap.start : gap.end] for gap in host.lost_ranges)
        assert missing == lines_of(source, between)


@POLICIES
async def test_a_share_is_acknowledged_twice(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(
        nats_server, connection, tmp_path / "out", ack_policy=policy, lab=False
    ) as found:
        source = Source(connection, "web1")
        found.choose("double-ack", share=0.5)
        await source.publish_lines(MANY)
        await found.until_settled(MANY)
        await until(lambda: found.unacked() == [])


# Hosts by pattern.


@POLICIES
@pytest.mark.parametrize("answer", ["nak", "term"])
async def test_hosts_by_pattern(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str, answer: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        web, db = Source(connection, "web1.example.net"), Source(connection, "db1.example.net")
        found.choose(answer, hosts="db*.net")
        for _ in range(3):
            await web.publish_lines(1)
            await db.publish_lines(1)
        await found.until_lines(3)
        assert (found.content(web), found.content(db)) == (web.content, b"")

        if answer == "term":
            await found.until_settled(6)
        found.choose("ack")
        await found.until_settled(6)
        assert found.content(web) == web.content
        assert found.content(db) == (db.content if answer == "nak" else b"")
        assert found.host(web.host).out_of_order == found.host(db.host).out_of_order == 0


# A rewind under a rule, and what needs the lab.


async def test_a_rewind_while_lines_are_refused_doubles_none(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    """Written ones that come again behind a refused one are refused too, and stay written."""
    async with lab(nats_server, connection, tmp_path / "out") as found:
        source = Source(connection, "web1")
        found.choose("nak", share=0.4)
        await source.publish_lines(MANY)
        await found.until_redelivered(3)
        found.choose("nak")
        await found.until_redelivered(MANY)
        found.choose("ack")
        await found.until_settled(MANY)

        account = found.account(source)
        assert (account.lost, account.doubled) == (0, 0)
        assert found.host("web1").lost == 0


async def test_needs_the_lab(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", lab=False) as found:
        await Control(found.receiver).serve_on(connection)
        subject = f"{control_subject('archive', 'receiver-1')}.answer"
        for answer in ANSWERS:
            reply = await connection.request(subject, f'{{"answer": "{answer}"}}'.encode())
            fields = fields_of(reply.headers) if reply.headers else {}
            if answer in SAFE_ANSWERS:
                assert fields == {}
                continue
            assert fields["Nats-Service-Error-Code"] == "403"
            assert f"answer {answer}" in fields["Nats-Service-Error"]
            assert "--lab" in fields["Nats-Service-Error"]
        assert found.receiver.status("").answer == "double-ack"


# The rule itself.


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.99])
def test_a_share_is_spread_evenly_and_decided_once(share: float) -> None:
    rule = AnswerRule(answer="nak", share=share)
    window = [applies(rule, delivery(number)) for number in range(5_000, 15_000)]

    assert abs(sum(window) / len(window) - share) < 0.02
    assert window == [applies(rule, delivery(number)) for number in range(5_000, 15_000)]
    parts = [sum(window[start : start + 1000]) / 1000 for start in range(0, 10_000, 1000)]
    assert all(abs(part - share) < 0.05 for part in parts)


def test_everything_and_hosts_by_shell_pattern() -> None:
    deliveries = [delivery(1, "web1"), delivery(2, "WEB2"), delivery(3, "db1")]

    assert split(AnswerRule(answer="nak"), deliveries) == (deliveries, [])
    picked, others = split(AnswerRule(answer="nak", hosts="web[0-9]"), deliveries)
    assert ([one.host for one in picked], len(others)) == (["web1"], 2)


def test_answers_on_the_wire() -> None:
    assert nak_after(1.5) == b'-NAK {"delay":1500000000}'
    assert term("") == b"+TERM"
    assert term("two\r\nlines\there") == b"+TERM two lines here"
