"""What the pictures of streams and consumers show: a shop's account at three in the morning."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from natsconsole.domain.consumers import ConsumerState, GivenUp, OldestMessage, Refused
from natsconsole.domain.contexts import Context, ContextSettings
from natsconsole.domain.messages import StreamMessage
from natsconsole.domain.streams import Limit, Replica, StreamState
from natsconsole.domain.triage import AccountFacts, ServerFacts, TriageSnapshot
from natsconsole.domain.verdicts.verdict import Verdict
from screenshots.demo_data import NOW

PEERS = ("n2", "n3")
POISON = 88_214
PAYLOAD = (
    b'{"order":"A-20917","customer":4711,"items":[{"sku":"LAMP-7","count":2},'
    b'{"sku":"CABLE-1","count":0}],"total":"59.80","currency":"EUR"}'
)


def _replicas(**of: Replica) -> tuple[Replica, ...]:
    return tuple(of.get(name, Replica(name=name)) for name in PEERS)


def streams() -> tuple[StreamState, ...]:
    """Return the streams, by name."""
    chance = random.Random(5)  # noqa: S311
    common: dict[str, Any] = {"taken": NOW, "cluster": "shop", "replicas_wanted": 3, "leader": "n1",
              "allow_direct": True, "created": "2026-03-02T08:11:40Z",
              "duplicate_window_seconds": 120.0}  # fmt: skip
    wave = tuple(120 + 40 * chance.random() for _ in range(40))
    return (
        StreamState(
            name="AUDIT", subjects=("audit.>",), messages=48_201_117, bytes=21_400_000_000,
            first_seq=1, last_seq=48_201_117, first_time=NOW - 86_400 * 92, last_time=NOW - 4,
            subjects_count=31, consumers_count=1, messages_per_second=6.2, bytes_per_second=2_700,
            limits=(Limit(name="max bytes", used=21.4e9, limit=25e9, seconds_left=1_333_000.0),),
            replicas=_replicas(), **common,
        ),
        StreamState(
            name="INVOICES", subjects=("invoices.>",), messages=9_120, bytes=14_000_000,
            first_seq=80_101, last_seq=89_220, first_time=NOW - 86_400 * 6.9, last_time=NOW - 12,
            subjects_count=2_204, consumers_count=2, messages_per_second=0.4,
            bytes_per_second=610, max_age_seconds=604_800.0, discard="old",
            limits=(Limit(name="max age", used=596_000.0, limit=604_800.0, seconds_left=8_600.0),),
            replicas=_replicas(n3=Replica(name="n3", is_current=False, lag=1_204)), **common,
        ),
        StreamState(
            name="ORDERS", subjects=("orders.*.*",), messages=1_204_331, bytes=812_000_000,
            first_seq=1_004_201, last_seq=2_208_531, first_time=NOW - 86_400 * 3,
            last_time=NOW - 0.01, subjects_count=48, consumers_count=5, retention="limits",
            discard="new", messages_per_second=142.6, bytes_per_second=96_000,
            removed_per_second=120.0, max_bytes=1_000_000_000, history=wave,
            metadata={"io.nats.monitor.msgs-warn": "2000000"},
            limits=(Limit(name="max bytes", used=812e6, limit=1e9, seconds_left=1_958.0),
                    Limit(name="max age", used=259_200.0, limit=604_800.0)),
            replicas=_replicas(n3=Replica(name="n3", is_offline=True, is_current=False,
                                          seen_seconds=212.0)), **common,
        ),
        StreamState(
            name="SESSIONS", subjects=("$KV.sessions.>",), storage="memory", messages=18_022,
            bytes=4_100_000, first_seq=910, last_seq=2_011_004, first_time=NOW - 3_600,
            last_time=NOW - 0.2, subjects_count=18_022, consumers_count=0, knows_consumers=False,
            messages_per_second=31.0, removed_per_second=30.0,
            limits=(Limit(name="max age", used=3_500.0, limit=3_600.0),),
            replicas=_replicas(), **common,
        ),
    )  # fmt: skip


def consumers() -> tuple[ConsumerState, ...]:
    """Return the consumers, by stream and name."""
    common: dict[str, Any] = {"taken": NOW, "cluster": "shop", "replicas_wanted": 3, "leader": "n2",
              "replicas": _replicas(), "watched_seconds": 1_312.0, "max_waiting": 512,
              "max_ack_pending": 1_000, "created": "2026-03-02T08:12:02Z"}  # fmt: skip
    return (
        ConsumerState(
            stream="AUDIT", name="siem", lag_messages=18, lag_seconds=2.1, unacked=40,
            waiting_pulls=4, delivered_seq=48_201_099, ack_floor_seq=48_201_059,
            last_delivery_seconds=0.3, last_ack_seconds=0.4, delivered_per_second=6.0,
            acked_per_second=6.0, **common,
        ),
        ConsumerState(
            stream="INVOICES", name="archive", lag_messages=9_007, lag_seconds=595_000.0,
            delivered_seq=80_213, ack_floor_seq=80_213, last_delivery_seconds=510_000.0,
            last_ack_seconds=510_000.0, lag_per_second=0.4, **common,
        ),
        ConsumerState(
            stream="INVOICES", name="mail", lag_messages=0, unacked=1, redelivered=1,
            redeliveries=312, redeliveries_at_floor=312, waiting_pulls=1, lag_seconds=18_400.0,
            oldest=OldestMessage(sequence=POISON, subject="invoices.de.4711", time=NOW - 18_400),
            delivered_seq=89_220, ack_floor_seq=POISON - 1, last_delivery_seconds=1.8,
            last_ack_seconds=12.0, delivered_per_second=0.6, acked_per_second=0.0,
            refused=Refused(naks=312, waiting=1, worst_sequence=POISON, worst_deliveries=9_203),
            filters=("invoices.de.>",), **common,
        ),
        ConsumerState(
            stream="ORDERS", name="billing", lag_messages=48_120, lag_seconds=338.0,
            unacked=1_000, redelivered=212, redeliveries=4_108, redeliveries_at_floor=640,
            waiting_pulls=0, delivered_seq=2_160_411, ack_floor_seq=2_159_018,
            last_delivery_seconds=31.0, last_ack_seconds=338.0, lag_per_second=142.0,
            oldest=OldestMessage(sequence=2_159_019, subject="orders.eu.new", time=NOW - 338),
            history=tuple(range(0, 48_120, 1_203)), given_up_total=2, max_deliver=20,
            given_up=(GivenUp(sequence=2_151_207, deliveries=20, time="2026-09-21T14:01:11Z"),
                      GivenUp(sequence=2_150_934, deliveries=20, time="2026-09-21T13:58:40Z")),
            description="charges cards", **common,
        ),
        ConsumerState(
            stream="ORDERS", name="fraud", kind="push", deliver_subject="fraud.in", is_bound=False,
            lag_messages=1_204_331, lag_seconds=259_100.0, lag_per_second=142.0, **common,
        ),
        ConsumerState(
            stream="ORDERS", name="reports", lag_messages=210_400, lag_seconds=1_480.0,
            unacked=512, waiting_pulls=2, delivered_seq=1_998_131, ack_floor_seq=1_997_619,
            last_delivery_seconds=0.0, last_ack_seconds=0.1, delivered_per_second=912.0,
            acked_per_second=905.0, lag_per_second=-770.0,
            history=tuple(range(410_400, 210_400, -5_000)), **common,
        ),
        ConsumerState(
            stream="ORDERS", name="search-index", is_paused=True, paused_until=NOW + 840,
            lag_messages=8_400, lag_seconds=61.0, waiting_pulls=1, delivered_seq=2_200_131,
            ack_floor_seq=2_200_131, last_delivery_seconds=61.0, last_ack_seconds=60.0,
            lag_per_second=142.0, **common,
        ),
        ConsumerState(
            stream="ORDERS", name="shipping", lag_messages=3, lag_seconds=0.2, unacked=12,
            waiting_pulls=8, delivered_seq=2_208_528, ack_floor_seq=2_208_510,
            last_delivery_seconds=0.0, last_ack_seconds=0.0, delivered_per_second=142.0,
            acked_per_second=142.0, priority_policy="pinned_client", groups=("ship",),
            pinned_client="NhT4aF2", **common,
        ),
    )  # fmt: skip


def verdicts() -> tuple[Verdict, ...]:
    """Return what is wrong, worst first."""
    return (
        Verdict(
            rule="max-ack-pending", severity="critical", stream="ORDERS", consumer="billing",
            sentence="1,000 unacked is max ack pending: nothing new is delivered until some are "
            "acknowledged; all were delivered to workers that ask for no more: they hang, or are "
            "gone",
            evidence=(("unacked", 1_000), ("max_ack_pending", 1_000), ("redelivered", 212),
                      ("lag_messages", 48_120), ("waiting_pulls", 0)),
            remedy="see that workers acknowledge what they have done, within ack wait; add "
            "workers, or raise max ack pending if they only need more at once",
            command="nats consumer info ORDERS billing",
        ),
        Verdict(
            rule="will-lose", severity="critical", stream="INVOICES", consumer="archive",
            sentence="unread messages are removed in 2 h: the oldest reaches max age, and nobody "
            "has read it",
            evidence=(("lag_messages", 9_007), ("left_seconds", 8_600.0)),
            remedy="read them, or raise max age",
            command="nats stream edit INVOICES --max-age 14d",
        ),
        Verdict(
            rule="push-unbound", severity="critical", stream="ORDERS", consumer="fraud",
            sentence="nobody listens on its deliver subject 'fraud.in': 1,204,331 messages wait",
            remedy="start the program that subscribes to it",
            command="nats consumer info ORDERS fraud",
        ),
        Verdict(
            rule="poison", severity="critical", stream="INVOICES", consumer="mail",
            sentence=f"message {POISON:,} on invoices.de.4711 was delivered 9,203 times and is "
            "refused each time: everything behind it is acknowledged, the ack floor stands",
            evidence=(("sequence", POISON), ("deliveries", 9_203), ("floor_seconds", 18_400.0)),
            remedy="look at it; then mend the worker, or delete the message",
            command=f"nats stream get INVOICES {POISON}",
        ),
        Verdict(
            rule="replica-behind", severity="warning", stream="ORDERS",
            sentence="replica n3 is offline for 212 s: one more and nothing is stored",
            command="nats stream info ORDERS", remedy="bring n3 back",
        ),
        Verdict(
            rule="paused", severity="warning", stream="ORDERS", consumer="search-index",
            sentence="paused for another 14 min: 8,400 messages wait, nothing is delivered until "
            "then; nothing is lost unless the stream's limits remove it",
            command="nats consumer resume ORDERS search-index", remedy="resume it, or wait",
        ),
        Verdict(
            rule="draining", severity="ok", stream="ORDERS", consumer="reports",
            sentence="behind by 210,400 messages and draining: none left in 5 min",
        ),
    )  # fmt: skip


def shop() -> TriageSnapshot:
    """Return the whole look."""
    return TriageSnapshot(
        taken=NOW,
        seconds=0.0121,
        requests=9,
        watched_seconds=1_312.0,
        server=ServerFacts(name="n1", version="2.15.1", address="127.0.0.1:4222"),
        account=AccountFacts(
            storage=22_240_000_000, max_storage=50_000_000_000, memory=4_100_000,
            max_memory=256_000_000, streams=4, consumers=8, max_streams=-1, max_consumers=100,
        ),
        streams=streams(),
        consumers=consumers(),
        streams_total=4,
        consumers_total=8,
        verdicts=verdicts(),
    )  # fmt: skip


def restricted() -> TriageSnapshot:
    """Return what a login sees that may know little."""
    first, *_ = streams()
    return replace(
        shop(),
        account=None,
        streams=(replace(first, knows_consumers=False),),
        consumers=(),
        consumers_total=None,
        streams_total=None,
        verdicts=(),
        not_permitted=(
            "not permitted: to list streams; it needs to publish to $JS.API.STREAM.LIST",
            (
                "not permitted: to list the consumers of AUDIT; it needs to publish to "
                "$JS.API.CONSUMER.LIST.AUDIT"
            ),
        ),
    )


def poison() -> dict[int, StreamMessage]:
    """Return the message that is refused, and its neighbours."""
    return {
        sequence: StreamMessage(
            sequence=sequence,
            subject="invoices.de.4711",
            host="",
            time=NOW - 18_400 + step,
            headers=(
                ("Nats-Msg-Id", f"inv-{sequence}"),
                ("Traceparent", "00-4bf92f35-00f067aa-01"),
            ),
            payload=PAYLOAD,
        )
        for step, sequence in enumerate((POISON - 40, POISON, POISON + 66))
    }


CONTEXTS = (
    Context(name="dev", description="this laptop", address="127.0.0.1:4222", is_selected=True),
    Context(
        name="shop-prod", description="the shop, Frankfurt", address="nats.shop.example:4222",
        login="credentials", settings=ContextSettings(production=True, colour="red"),
    ),
    Context(
        name="shop-staging", description="the shop, before it is the shop",
        address="nats.staging.example:4222", login="credentials",
        settings=ContextSettings(read_only=True, colour="yellow"),
    ),
    Context(
        name="edge-berlin", description="a leaf node in a basement", address="10.7.0.4:4222",
        login="user 'ops'", domain="berlin",
    ),
    Context(name="old", problem="the credentials file ~/.nats/old.creds does not exist"),
)  # fmt: skip
