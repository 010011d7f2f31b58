"""The rules, each with figures that make it speak and with some that must not."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natsconsole.domain.consumers import ConsumerState, GivenUp, OldestMessage, Refused
from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.domain.streams import Discard, Limit, Replica, SourceState, StreamState
from natsconsole.domain.triage import AccountFacts, PublishTrouble, ServerFacts, TriageSnapshot
from natsconsole.domain.verdicts.judge import judge_consumer, judge_stream
from natsconsole.domain.verdicts.receivers import of_receivers
from natsconsole.domain.verdicts.server import of_server
from natsconsole.domain.verdicts.thresholds import seconds_of
from natsconsole.domain.verdicts.verdict import Verdict, worst
from natsconsole.domain.verdicts.words import counted, nats, size, span

STREAM = StreamState(
    name="ORDERS", subjects=("orders.>",), messages=100, first_seq=1, last_seq=100, bytes=10_000
)
QUIET = ConsumerState(
    stream="ORDERS",
    name="worker",
    taken=1000.0,
    created_seconds=3600.0,
    max_ack_pending=1000,
    lag_seconds=0.0,
    waiting_pulls=1,
    delivered_count=50,
    delivered_seq=50,
    ack_floor_seq=50,
    last_delivery_seconds=600.0,
    last_ack_seconds=600.0,
    watched_seconds=60.0,
)


def _said(stream: StreamState = STREAM, *, keeps: bool = False, **figures: Any) -> set[str]:
    return {one.rule for one in _verdicts(stream, keeps=keeps, **figures)}


def _verdicts(
    stream: StreamState = STREAM, *, keeps: bool = False, **figures: Any
) -> tuple[Verdict, ...]:
    return judge_consumer(replace(QUIET, **figures), stream, keeps_advisories=keeps)


def _one(
    rule: str, stream: StreamState = STREAM, *, keeps: bool = False, **figures: Any
) -> Verdict:
    found = _verdicts(stream, keeps=keeps, **figures)
    return next(one for one in found if one.rule == rule)


def _of_stream(**figures: Any) -> dict[str, Verdict]:
    return {one.rule: one for one in judge_stream(replace(STREAM, **figures))}


def test_a_consumer_that_does_its_work_is_not_spoken_of() -> None:
    assert _verdicts() == ()
    assert _verdicts(lag_messages=3, lag_seconds=0.4, unacked=20, last_ack_seconds=0.1) == ()
    assert judge_stream(STREAM) == ()


# Delivery.


@pytest.mark.parametrize(
    ("figures", "speaks"),
    [
        ({"waiting_pulls": 0, "lag_messages": 5}, True),
        ({"waiting_pulls": 0, "lag_messages": 5, "last_delivery_seconds": None}, True),
        ({"waiting_pulls": 0, "lag_messages": 0}, False),
        ({"waiting_pulls": 2, "lag_messages": 5}, False),
        ({"waiting_pulls": 0, "lag_messages": 5, "last_delivery_seconds": 2.0}, False),
        ({"waiting_pulls": 0, "lag_messages": 5, "is_paused": True}, False),
        ({"waiting_pulls": 0, "lag_messages": 5, "max_ack_pending": 9, "unacked": 9}, False),
        ({"waiting_pulls": 0, "lag_messages": 5, "kind": "push", "is_bound": True}, False),
    ],
)
def test_nobody_pulls(figures: dict[str, Any], speaks: bool) -> None:
    assert ("no-pull" in _said(**figures)) is speaks


def test_waiting_long_is_critical() -> None:
    assert _one("no-pull", waiting_pulls=0, lag_messages=5, lag_seconds=59.0).severity == "warning"
    assert _one("no-pull", waiting_pulls=0, lag_messages=5, lag_seconds=61.0).severity == "critical"


FULL: dict[str, Any] = {"max_ack_pending": 10, "unacked": 10, "lag_messages": 5}


def test_a_full_window_says_what_fills_it() -> None:
    workers = _one("max-ack-pending", **FULL, last_ack_seconds=None)
    assert "with workers" in workers.sentence
    assert workers.severity == "critical"
    gone = _one("max-ack-pending", **FULL, waiting_pulls=0)
    assert "hang, or are gone" in gone.sentence
    late = _one("max-ack-pending", **FULL, redelivered=8)
    assert "not finished within the ack wait of 30 s" in late.sentence
    assert "max-ack-pending" not in _said(max_ack_pending=10, unacked=9)
    assert "max-ack-pending" not in _said(max_ack_pending=-1, unacked=900)


def test_a_full_window_that_flows_is_less() -> None:
    assert _one("max-ack-pending", **FULL, last_ack_seconds=0.1).severity == "warning"
    strict: dict[str, Any] = FULL | {"max_ack_pending": 1, "unacked": 1, "last_ack_seconds": 0.1}
    assert _one("max-ack-pending", **strict).severity == "ok"


def test_refused_messages_fill_the_window() -> None:
    refused = Refused(naks=20, waiting=10, worst_sequence=3, worst_deliveries=2)
    verdict = _one("nak-delayed", **FULL, refused=refused)
    assert "10 of 10 unacked is max ack pending" in verdict.sentence
    assert "max-ack-pending" not in _said(**FULL, refused=refused)
    assert "nak-delayed" not in _said(**FULL, refused=replace(refused, waiting=4))


def test_paused_says_until_when() -> None:
    verdict = _one("paused", is_paused=True, paused_until=1300.0, lag_messages=7)
    assert "another 5 min" in verdict.sentence
    assert "7 messages wait" in verdict.sentence


def test_a_push_consumer_without_a_listener() -> None:
    push: dict[str, Any] = {
        "kind": "push",
        "is_bound": False,
        "deliver_subject": "out",
        "lag_messages": 2,
    }
    assert "push-unbound" in _said(**push)
    assert "push-unbound" not in _said(**push | {"is_bound": True})
    assert "push-unbound" not in _said(**push | {"lag_messages": 0})


def test_an_idle_consumer_about_to_go() -> None:
    idle: dict[str, Any] = {
        "is_durable": False,
        "inactive_threshold_seconds": 900.0,
        "waiting_pulls": 0,
        "created_seconds": 3600.0,
    }
    assert _one("ephemeral-going", **idle).severity == "ok"
    assert _one("ephemeral-going", **idle, unacked=2).severity == "warning"
    assert "ephemeral-going" not in _said(**idle | {"waiting_pulls": 1})
    assert "ephemeral-going" not in _said(**idle | {"created_seconds": 10.0})
    assert "ephemeral-going" not in _said(**idle | {"inactive_threshold_seconds": 0.0})


# Redelivery.

LOOP: dict[str, Any] = {
    "unacked": 8,
    "redelivered": 8,
    "redeliveries": 40,
    "redeliveries_at_floor": 40,
    "last_delivery_seconds": 1.0,
    "floor_seconds": 60.0,
}


def test_a_redelivery_loop() -> None:
    assert "redelivery-loop" in _said(**LOOP)
    assert "redelivery-loop" in _said(**LOOP | {"redeliveries_at_floor": 0})  # one look is enough
    assert "redelivery-loop" not in _said(**LOOP | {"last_ack_seconds": 0.5})
    assert "redelivery-loop" not in _said(**LOOP | {"redelivered": 1})
    assert "redelivery-loop" not in _said(**LOOP | {"last_delivery_seconds": 500.0})


POISON: dict[str, Any] = {
    "unacked": 1,
    "redelivered": 1,
    "redeliveries_at_floor": 6,
    "last_delivery_seconds": 0.5,
    "last_ack_seconds": 0.2,
    "floor_seconds": 60.0,
    "oldest": OldestMessage(sequence=51, subject="orders.bad", time=900.0),
}


def test_a_poison_message_is_named() -> None:
    verdict = _one("poison-message", **POISON)
    assert "message 51 of orders.bad" in verdict.sentence
    assert dict(verdict.evidence)["deliveries"] == 7
    assert "poison-message" not in _said(**POISON | {"redeliveries_at_floor": 1})
    assert "poison-message" not in _said(**POISON | {"unacked": 0, "redelivered": 0})
    assert "poison-message" not in _said(
        **POISON | {"unacked": 9, "redelivered": 8, "redeliveries_at_floor": 80}
    )


def test_a_nak_tells_which_message_is_poison() -> None:
    refused = Refused(naks=9, waiting=1, worst_sequence=77, worst_deliveries=9)
    verdict = _one("poison-message", **POISON | {"refused": refused})
    assert dict(verdict.evidence)["stream_sequence"] == 77
    assert verdict.command == "nats stream get ORDERS 77"


def test_messages_given_up_are_named() -> None:
    given_up = tuple(GivenUp(sequence=n, deliveries=3, time="") for n in range(1, 8))
    verdict = _one("max-deliveries", given_up=given_up, given_up_total=9, max_deliver=3)
    assert "9 messages reached max deliver and are given up: 3, 4, 5, 6, 7 and 4 more" in (
        verdict.sentence
    )


def test_a_finite_max_deliver_matters_where_nobody_keeps_what_is_given_up() -> None:
    assert _one("max-deliver-finite", max_deliver=5).severity == "warning"
    assert _one("max-deliver-finite", max_deliver=5, keeps=True).severity == "ok"
    assert "after 1 delivery" in _one("max-deliver-finite", max_deliver=1).sentence
    assert "max-deliver-finite" not in _said(max_deliver=-1)
    assert "max-deliver-finite" not in _said(max_deliver=5, ack_policy="none")


def test_ack_all_is_for_one_worker() -> None:
    shared: dict[str, Any] = {"ack_policy": "all", "waiting_pulls": 2}
    assert "ack-all-shared" in _said(**shared)
    assert "ack-all-shared" not in _said(**shared | {"waiting_pulls": 1})
    assert "ack-all-shared" not in _said(**shared | {"ack_policy": "explicit"})
    assert "ack-all-shared" not in _said(**shared | {"priority_policy": "pinned_client"})
    assert "ack-all-shared" in _said(ack_policy="all", kind="push", deliver_group="g")


# Lag.

BEHIND: dict[str, Any] = {"lag_messages": 1000, "lag_seconds": 30.0, "last_delivery_seconds": 0.1}


def test_growing_and_draining() -> None:
    growing = _one("behind-growing", **BEHIND, lag_per_second=20.0)
    assert growing.severity == "warning"
    assert "growing by 20.0 a second" in growing.sentence
    assert _one(
        "behind-growing", **BEHIND | {"lag_seconds": 400.0}, lag_per_second=20.0
    ).severity == ("critical")
    draining = _one("behind-draining", **BEHIND, lag_per_second=-10.0)
    assert (draining.severity, dict(draining.evidence)["zero_in_seconds"]) == ("ok", 100)
    slow = _one("behind-draining", **BEHIND | {"lag_messages": 90_000}, lag_per_second=-10.0)
    slower = _one("behind-draining", **BEHIND | {"lag_messages": 9_000}, lag_per_second=-2.0)
    assert (slow.severity, slower.severity) == ("warning", "warning")


def test_a_little_behind_is_no_finding() -> None:
    assert _said(**BEHIND | {"lag_seconds": 0.5}, lag_per_second=20.0) == set()
    assert _said(**BEHIND, lag_per_second=0.0) == set()
    assert _said(**BEHIND | {"lag_seconds": 61.0}, lag_per_second=0.0) == {"behind"}
    assert "behind" not in _said(
        **BEHIND | {"lag_seconds": 61.0, "waiting_pulls": 0, "last_delivery_seconds": 90.0}
    )


def test_a_filter_that_can_never_match() -> None:
    nothing: dict[str, Any] = {"delivered_count": 0, "filters": ("order.>",)}
    assert "can never match" in _one("no-match", **nothing).sentence
    assert "no-match" not in _said(**nothing | {"lag_messages": 1})
    assert "no-match" not in _said(**nothing | {"delivered_count": 9})


def test_a_filter_that_matches_nothing_stored() -> None:
    nothing: dict[str, Any] = {"delivered_count": 0, "filters": ("orders.eu",)}
    assert "none of the 100 messages stored" in _one("no-match", **nothing).sentence
    assert "no-match" not in _said(replace(STREAM, messages=0), **nothing)
    assert "no-match" not in _said(**nothing, deliver_policy="new")
    parted = replace(STREAM, transform="orders.{{partition(3)}}.>")
    assert "no-match" not in _said(parted, **nothing | {"filters": ("orders.2.>",)})
    assert "no-match" in _said(parted, **nothing | {"filters": ("x.2.>",)})


def test_unread_messages_that_will_be_lost() -> None:
    aging = replace(STREAM, max_age_seconds=1000.0)
    left: dict[str, Any] = BEHIND | {"lag_seconds": 800.0}
    verdict = _one("will-lose-unread", aging, **left)
    assert dict(verdict.evidence)["lost_in_seconds"] == 200
    assert verdict.severity == "warning"
    assert _one("will-lose-unread", aging, **left | {"lag_seconds": 960.0}).severity == "critical"
    assert "will-lose-unread" not in _said(aging, **left | {"lag_seconds": 500.0})
    assert "will-lose-unread" not in _said(aging, **left, lag_per_second=-10.0)  # it is in time
    assert "will-lose-unread" in _said(aging, **left, lag_per_second=-4.0)


def test_unread_messages_that_are_pushed_out() -> None:
    full = replace(
        STREAM,
        first_seq=1000,
        removed_per_second=10.0,
        max_bytes=100,
        limits=(Limit(name="max bytes", used=100, limit=100),),
    )
    oldest = OldestMessage(sequence=1600, subject="orders.a", time=900.0)
    verdict = _one("will-lose-unread", full, **BEHIND, oldest=oldest)
    assert dict(verdict.evidence)["lost_in_seconds"] == 60
    assert verdict.command == "nats stream edit ORDERS --max-bytes 200"
    assert "will-lose-unread" not in _said(replace(full, discard="new"), **BEHIND, oldest=oldest)


def test_what_was_lost_unread() -> None:
    assert _one("lost-unread", lost_unread=1, deleted_unacked=2).severity == "critical"


# Streams.


def test_a_full_stream() -> None:
    full = (Limit(name="max messages", used=100, limit=100, seconds_left=0.0),)
    assert _of_stream(discard="new", limits=full)["stream-full"].severity == "critical"
    assert "stream-full" not in _of_stream(discard="old", limits=full)
    nearly = (Limit(name="max bytes", used=950, limit=1000, seconds_left=300.0),)
    assert (
        "full in 5 min"
        in _of_stream(discard="new", bytes=950, limits=nearly)["stream-filling"].sentence
    )
    soon = (Limit(name="max bytes", used=10, limit=1000, seconds_left=300.0),)
    assert "stream-filling" in _of_stream(discard="new", bytes=10, limits=soon)


def test_the_last_message_that_fits() -> None:
    limits = (Limit(name="max bytes", used=9_950, limit=10_000),)
    assert "stream-full" in _of_stream(discard="new", bytes=9_950, messages=100, limits=limits)


def test_a_log_stream_that_drops() -> None:
    limits = (Limit(name="max bytes", used=10, limit=1000),)
    assert _of_stream(limits=limits, subjects=("logs.>",))["discard-old"].severity == "warning"
    assert (
        _of_stream(
            limits=(Limit(name="max bytes", used=999, limit=1000),),
            subjects=("logs.>",),
            first_seq=9,
        )["discard-old"].severity
        == "critical"
    )
    assert "discard-old" not in _of_stream(limits=limits)
    assert "discard-old" not in _of_stream(limits=limits, subjects=("logs.>",), discard="new")
    assert "discard-old" not in _of_stream(subjects=("logs.>",))


# Clusters.


def _peers(*names: str, **of_last: Any) -> tuple[Replica, ...]:
    return (*(Replica(name=name) for name in names[:-1]), Replica(name=names[-1], **of_last))


def test_replicas() -> None:
    three: dict[str, Any] = {"replicas_wanted": 3, "leader": "n1"}
    assert _of_stream(**three, replicas=_peers("n2", "n3")) == {}
    gone = _of_stream(**three, replicas=_peers("n2", "n3", is_offline=True))["replica-behind"]
    assert "n3 is gone" in gone.sentence
    assert "the next that fails stops it" in gone.sentence
    silent = _peers("n2", "n3", is_current=False, seen_seconds=30.0)
    assert "n3 is gone" in _of_stream(**three, replicas=silent)["replica-behind"].sentence
    slow = _peers("n2", "n3", is_current=False, lag=5_000)
    assert (
        "5,000 operations behind" in _of_stream(**three, replicas=slow)["replica-behind"].sentence
    )
    lost = tuple(Replica(name=name, is_offline=True) for name in ("n2", "n3"))
    assert _of_stream(**three, replicas=lost)["no-quorum"].severity == "critical"
    assert "no-leader" in _of_stream(replicas_wanted=3, leader="", replicas=_peers("n2", "n3"))
    assert "no-leader" in _of_stream(is_missing=True)
    assert "offline" in _of_stream(is_missing=True, offline_reason="unsupported")
    assert "not placed" in _of_stream(**three, replicas=_peers("n2"))["replica-behind"].sentence


def test_replicas_of_a_consumer() -> None:
    lost = tuple(Replica(name=name, is_offline=True) for name in ("n2", "n3"))
    assert "no-quorum" in _said(replicas_wanted=3, leader="n1", replicas=lost)
    assert _said(is_missing=True, lag_messages=9) == {"no-leader"}


# Servers, accounts, receivers.


def test_clocks() -> None:
    def said(ahead: float | None) -> list[str]:
        server = ServerFacts(clock_ahead_seconds=ahead)
        return [one.severity for one in of_server(server, None, ())]

    assert [said(ahead) for ahead in (None, 0.5, -2.0, 90.0)] == [[], [], ["warning"], ["critical"]]


def test_account_limits() -> None:
    def said(**figures: Any) -> list[tuple[str, str]]:
        found = of_server(ServerFacts(), AccountFacts(**figures), ())
        return [(str(dict(one.evidence)["limit"]), one.severity) for one in found]

    assert said(storage=99) == []
    assert said(storage=90, max_storage=100) == [("storage", "warning")]
    assert said(storage=100, max_storage=100) == [("storage", "critical")]
    assert said(streams=10, max_streams=10) == [("streams", "warning")]


def test_publishes_without_answer() -> None:
    trouble = PublishTrouble(who="web1", kind="no-answer", sentence="no answer to logs.web1")
    (verdict,) = of_server(ServerFacts(), None, [trouble])
    assert (verdict.rule, verdict.severity) == ("storage-full", "critical")
    other = replace(trouble, kind="other")
    assert list(of_server(ServerFacts(), None, [other])) == []


def test_a_cluster_without_a_leader() -> None:
    (verdict,) = of_server(ServerFacts(has_leader=False), None, ())
    assert verdict.rule == "no-quorum"


def test_receivers() -> None:
    receiver = ReceiverStatus(
        name="r1", group="g", stream="LOGS", subject="", pid=1, version="", now=0.0, started=0.0,
        directory="", lab=False, state="held", reason="disk full", held_messages=3, lost=2,
        parked_hosts=1,
    )  # fmt: skip
    found = {one.rule for one in of_receivers("LOGS", [receiver], 0)}
    assert found == {"receiver-held", "receiver-lost", "receiver-parked"}
    assert [one.rule for one in of_receivers("LOGS", [], 5)] == ["no-receiver"]
    assert list(of_receivers("LOGS", [], 0)) == []


# Thresholds.

KEY = "io.nats.monitor."


@pytest.mark.parametrize(
    ("key", "value", "figures"),
    [
        ("outstanding-ack-critical", "5", {"unacked": 5}),
        ("waiting-critical", "3", {"waiting_pulls": 3}),
        ("unprocessed-critical", "7", {"lag_messages": 7}),
        ("redelivery-critical", "2", {"redelivered": 2}),
        ("last-delivery-critical", "10m", {"last_delivery_seconds": 600.0}),
        ("last-ack-critical", "1h", {"last_ack_seconds": None}),
        ("pinned", "true", {"pinned_client": ""}),
    ],
)
def test_thresholds_of_consumers(key: str, value: str, figures: dict[str, Any]) -> None:
    metadata = {f"{KEY}{key}": value}
    rule = f"monitor-{key}"
    assert rule in _said(metadata=metadata, **figures)
    assert rule not in _said(metadata=metadata | {f"{KEY}enabled": "false"}, **figures)
    assert (
        rule
        not in _said(metadata=metadata, pinned_client="x", last_ack_seconds=1.0, waiting_pulls=1)
        or key == "last-delivery-critical"
    )


@pytest.mark.parametrize(
    ("key", "value", "figures"),
    [
        ("msgs-critical", "100", {"messages": 100}),
        ("msgs-warn", "100", {"messages": 99}),
        ("subjects-critical", "5", {"subjects_count": 5}),
        ("min-sources", "2", {"sources": (SourceState(name="A"),)}),
        ("max-sources", "1", {"sources": (SourceState(name="A"), SourceState(name="B"))}),
        ("lag-critical", "10", {"sources": (SourceState(name="A", lag=10),)}),
        ("seen-critical", "1m", {"sources": (SourceState(name="A", seen_seconds=61.0),)}),
        ("peer-expect", "3", {"leader": "n1"}),
        ("peer-lag-critical", "5", {"replicas": (Replica(name="n2", lag=6),)}),
        ("peer-seen-critical", "5s", {"replicas": (Replica(name="n2", seen_seconds=6.0),)}),
    ],
)
def test_thresholds_of_streams(key: str, value: str, figures: dict[str, Any]) -> None:
    found = _of_stream(metadata={f"{KEY}{key}": value}, **figures)
    assert f"monitor-{key}" in found


def test_subjects_may_be_too_few() -> None:
    metadata = {f"{KEY}subjects-warn": "10", f"{KEY}subjects-critical": "5"}
    assert _of_stream(metadata=metadata, subjects_count=20) == {}
    assert "monitor-subjects-warn" in _of_stream(metadata=metadata, subjects_count=8)
    assert "monitor-subjects-critical" in _of_stream(metadata=metadata, subjects_count=5)


def test_a_threshold_that_cannot_be_read_is_said() -> None:
    verdict = _one("monitor-last-ack-critical", metadata={f"{KEY}last-ack-critical": "soon"})
    assert verdict.severity == "warning"
    assert "'soon', which cannot be read" in verdict.sentence


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("1h30m", 5400.0),
        ("1.5d", 129600.0),
        ("250ms", 0.25),
        ("", None),
        ("5", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


# All of them.


def test_the_worst_comes_first_and_is_told_by_its_subject() -> None:
    verdicts = _verdicts(**LOOP, max_deliver=5)
    assert [one.severity for one in verdicts] == ["critical", "warning"]
    snapshot = TriageSnapshot(
        taken=1.0, verdicts=(*verdicts, *_of_stream(is_missing=True).values()), streams=(STREAM,)
    )
    assert snapshot.verdicts_of("ORDERS", "worker") == verdicts
    assert [one.rule for one in snapshot.verdicts_of("ORDERS")] == ["no-leader"]
    assert snapshot.verdicts_of() == ()
    assert snapshot.worst == "critical"
    assert TriageSnapshot(streams_total=0).worst == "ok"
    assert TriageSnapshot(streams=(STREAM,), problem="x", problem_kind="no-answer").worst == (
        "unknown"
    )
    assert worst(()) == "ok"


_NUMBERS = st.integers(-1, 10**12)
_AGES = st.none() | st.floats(0, 1e9)
_FIGURES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["pull", "push"]),
        "is_durable": st.booleans(),
        "ack_policy": st.sampled_from(["none", "all", "explicit", "flow_control"]),
        "max_deliver": _NUMBERS,
        "max_ack_pending": _NUMBERS,
        "lag_messages": st.integers(0, 10**12),
        "lag_seconds": _AGES,
        "oldest": st.none() | st.just(POISON["oldest"]),
        "unacked": st.integers(0, 10**6),
        "redelivered": st.integers(0, 10**6),
        "redeliveries_at_floor": st.integers(0, 10**6),
        "waiting_pulls": st.integers(0, 10),
        "last_delivery_seconds": _AGES,
        "last_ack_seconds": _AGES,
        "lag_per_second": st.floats(-1e6, 1e6),
        "is_paused": st.booleans(),
        "is_bound": st.booleans(),
        "inactive_threshold_seconds": st.floats(0, 1e6),
        "given_up_total": st.integers(0, 5),
        "lost_unread": st.integers(0, 2),
        "filters": st.sampled_from([(), ("orders.a",), ("x\x1b[31m\n",)]),
        "name": st.sampled_from(["worker", "a b; rm -rf /", "$(x)", "`y`"]),
        "metadata": st.dictionaries(
            st.sampled_from([f"{KEY}last-ack-critical", f"{KEY}waiting-critical"]), st.text()
        ),
    }
)


@settings(max_examples=150, deadline=None)
@given(_FIGURES, st.sampled_from(["old", "new"]), st.floats(0, 1e6))
def test_any_figures_give_whole_verdicts(
    figures: dict[str, Any], discard: Discard, max_age: float
) -> None:
    stream = replace(STREAM, discard=discard, max_age_seconds=max_age)
    for verdict in _verdicts(stream, **figures):
        assert verdict.sentence
        assert verdict.stream == "ORDERS"
        assert verdict.consumer == figures["name"]
        assert "None" not in verdict.sentence
        assert " rm -rf" not in verdict.command or "'a b; rm -rf /'" in verdict.command
        assert "$(x)" not in verdict.command or "'$(x)'" in verdict.command


def test_states_are_frozen_values() -> None:
    for value in (QUIET, STREAM, TriageSnapshot()):
        with pytest.raises(AttributeError):
            setattr(value, fields(value)[0].name, 1)


def test_words() -> None:
    assert [span(s) for s in (0.04, 8.0, 14.2, 300, 7300, 400_000)] == [
        "0 s", "8 s", "14 s", "5 min", "2 h", "5 days",
    ]  # fmt: skip
    assert [size(n) for n in (9, 2048, 3 << 30, 5 << 40)] == [
        "9 B",
        "2.0 KiB",
        "3.0 GiB",
        "5.0 TiB",
    ]
    assert (counted(1, "delivery"), counted(2, "delivery")) == ("1 delivery", "2 deliveries")
    assert nats("stream", "get", "A;B", 3) == "nats stream get 'A;B' 3"
