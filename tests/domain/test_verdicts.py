"""The rules about one consumer or stream, by figures that make them speak and some that do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from natsconsole.domain.consumers import GivenUp, OldestMessage, Refused
from natsconsole.domain.streams import Limit
from natsconsole.domain.verdicts.judge import judge_stream
from tests.support.judging import (
    LOOP,
    POISON,
    STREAM,
    of_stream_by,
    only,
    said,
    verdicts_by,
)


def test_a_consumer_that_does_its_work_is_not_spoken_of() -> None:
    assert verdicts_by() == ()
    assert verdicts_by(lag_messages=3, lag_seconds=0.4, unacked=20, last_ack_seconds=0.1) == ()
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
    assert ("no-pull" in said(**figures)) is speaks


def test_waiting_long_is_critical() -> None:
    assert only("no-pull", waiting_pulls=0, lag_messages=5, lag_seconds=59.0).severity == "warning"
    assert only("no-pull", waiting_pulls=0, lag_messages=5, lag_seconds=61.0).severity == "critical"


FULL: dict[str, Any] = {"max_ack_pending": 10, "unacked": 10, "lag_messages": 5}


def test_a_full_window_says_what_fills_it() -> None:
    workers = only("max-ack-pending", **FULL, last_ack_seconds=None)
    assert "with workers" in workers.sentence
    assert workers.severity == "critical"
    gone = only("max-ack-pending", **FULL, waiting_pulls=0)
    assert "hang, or are gone" in gone.sentence
    late = only("max-ack-pending", **FULL, redelivered=8)
    assert "not finished within the ack wait of 30 s" in late.sentence
    assert "max-ack-pending" not in said(max_ack_pending=10, unacked=9)
    assert "max-ack-pending" not in said(max_ack_pending=-1, unacked=900)


def test_a_full_window_that_flows_is_less() -> None:
    assert only("max-ack-pending", **FULL, last_ack_seconds=0.1).severity == "warning"
    strict: dict[str, Any] = FULL | {"max_ack_pending": 1, "unacked": 1, "last_ack_seconds": 0.1}
    assert only("max-ack-pending", **strict).severity == "ok"


def test_refused_messages_fill_the_window() -> None:
    refused = Refused(naks=20, waiting=10, worst_sequence=3, worst_deliveries=2)
    verdict = only("nak-delayed", **FULL, refused=refused)
    assert "10 of 10 unacked is max ack pending" in verdict.sentence
    assert "max-ack-pending" not in said(**FULL, refused=refused)
    assert "nak-delayed" not in said(**FULL, refused=replace(refused, waiting=4))


def test_paused_says_until_when() -> None:
    verdict = only("paused", is_paused=True, paused_until=1300.0, lag_messages=7)
    assert "another 5 min" in verdict.sentence
    assert "7 messages wait" in verdict.sentence


def test_a_push_consumer_without_a_listener() -> None:
    push: dict[str, Any] = {
        "kind": "push",
        "is_bound": False,
        "deliver_subject": "out",
        "lag_messages": 2,
    }
    assert "push-unbound" in said(**push)
    assert "push-unbound" not in said(**push | {"is_bound": True})
    assert "push-unbound" not in said(**push | {"lag_messages": 0})


def test_an_idle_consumer_about_to_go() -> None:
    idle: dict[str, Any] = {
        "is_durable": False,
        "inactive_threshold_seconds": 900.0,
        "waiting_pulls": 0,
        "created_seconds": 3600.0,
    }
    assert only("ephemeral-going", **idle).severity == "ok"
    assert only("ephemeral-going", **idle, unacked=2).severity == "warning"
    assert "ephemeral-going" not in said(**idle | {"waiting_pulls": 1})
    assert "ephemeral-going" not in said(**idle | {"created_seconds": 10.0})
    assert "ephemeral-going" not in said(**idle | {"inactive_threshold_seconds": 0.0})


# Redelivery.


def test_a_redelivery_loop() -> None:
    assert "redelivery-loop" in said(**LOOP)
    assert "redelivery-loop" in said(**LOOP | {"redeliveries_at_floor": 0})  # one look is enough
    assert "redelivery-loop" not in said(**LOOP | {"last_ack_seconds": 0.5})
    assert "redelivery-loop" not in said(**LOOP | {"redelivered": 1})
    assert "redelivery-loop" not in said(**LOOP | {"last_delivery_seconds": 500.0})


def test_a_poison_message_is_named() -> None:
    verdict = only("poison-message", **POISON)
    assert "message 51 of orders.bad" in verdict.sentence
    assert dict(verdict.evidence)["deliveries"] == 7
    assert "poison-message" not in said(**POISON | {"redeliveries_at_floor": 1})
    assert "poison-message" not in said(**POISON | {"unacked": 0, "redelivered": 0})
    assert "poison-message" not in said(
        **POISON | {"unacked": 9, "redelivered": 8, "redeliveries_at_floor": 80}
    )


def test_a_nak_tells_which_message_is_poison() -> None:
    refused = Refused(naks=9, waiting=1, worst_sequence=77, worst_deliveries=9)
    verdict = only("poison-message", **POISON | {"refused": refused})
    assert dict(verdict.evidence)["stream_sequence"] == 77
    assert verdict.command == "nats stream get ORDERS 77"


def test_messages_given_up_are_named() -> None:
    given_up = tuple(GivenUp(sequence=n, deliveries=3, time="") for n in range(1, 8))
    verdict = only("max-deliveries", given_up=given_up, given_up_total=9, max_deliver=3)
    assert "9 messages reached max deliver and are given up: 3, 4, 5, 6, 7 and 4 more" in (
        verdict.sentence
    )


def test_a_finite_max_deliver_matters_where_nobody_keeps_what_is_given_up() -> None:
    assert only("max-deliver-finite", max_deliver=5).severity == "warning"
    assert only("max-deliver-finite", max_deliver=5, keeps=True).severity == "ok"
    assert "after 1 delivery" in only("max-deliver-finite", max_deliver=1).sentence
    assert "max-deliver-finite" not in said(max_deliver=-1)
    assert "max-deliver-finite" not in said(max_deliver=5, ack_policy="none")


def test_ack_all_is_for_one_worker() -> None:
    shared: dict[str, Any] = {"ack_policy": "all", "waiting_pulls": 2}
    assert "ack-all-shared" in said(**shared)
    assert "ack-all-shared" not in said(**shared | {"waiting_pulls": 1})
    assert "ack-all-shared" not in said(**shared | {"ack_policy": "explicit"})
    assert "ack-all-shared" not in said(**shared | {"priority_policy": "pinned_client"})
    assert "ack-all-shared" in said(ack_policy="all", kind="push", deliver_group="g")


# Lag.

BEHIND: dict[str, Any] = {"lag_messages": 1000, "lag_seconds": 30.0, "last_delivery_seconds": 0.1}


def test_growing_and_draining() -> None:
    growing = only("behind-growing", **BEHIND, lag_per_second=20.0)
    assert growing.severity == "warning"
    assert "growing by 20.0 a second" in growing.sentence
    assert only(
        "behind-growing", **BEHIND | {"lag_seconds": 400.0}, lag_per_second=20.0
    ).severity == ("critical")
    draining = only("behind-draining", **BEHIND, lag_per_second=-10.0)
    assert (draining.severity, dict(draining.evidence)["zero_in_seconds"]) == ("ok", 100)
    slow = only("behind-draining", **BEHIND | {"lag_messages": 90_000}, lag_per_second=-10.0)
    slower = only("behind-draining", **BEHIND | {"lag_messages": 9_000}, lag_per_second=-2.0)
    assert (slow.severity, slower.severity) == ("warning", "warning")


def test_a_little_behind_is_no_finding() -> None:
    assert said(**BEHIND | {"lag_seconds": 0.5}, lag_per_second=20.0) == set()
    assert said(**BEHIND, lag_per_second=0.0) == set()
    assert said(**BEHIND | {"lag_seconds": 61.0}, lag_per_second=0.0) == {"behind"}
    assert "behind" not in said(
        **BEHIND | {"lag_seconds": 61.0, "waiting_pulls": 0, "last_delivery_seconds": 90.0}
    )


def test_a_filter_that_can_never_match() -> None:
    nothing: dict[str, Any] = {"delivered_count": 0, "filters": ("order.>",)}
    assert "can never match" in only("no-match", **nothing).sentence
    assert "no-match" not in said(**nothing | {"lag_messages": 1})
    assert "no-match" not in said(**nothing | {"delivered_count": 9})


def test_a_filter_that_matches_nothing_stored() -> None:
    nothing: dict[str, Any] = {"delivered_count": 0, "filters": ("orders.eu",)}
    assert "none of the 100 messages stored" in only("no-match", **nothing).sentence
    assert "no-match" not in said(replace(STREAM, messages=0), **nothing)
    assert "no-match" not in said(**nothing, deliver_policy="new")
    parted = replace(STREAM, transform="orders.{{partition(3)}}.>")
    assert "no-match" not in said(parted, **nothing | {"filters": ("orders.2.>",)})
    assert "no-match" in said(parted, **nothing | {"filters": ("x.2.>",)})


def test_unread_messages_that_will_be_lost() -> None:
    aging = replace(STREAM, max_age_seconds=1000.0)
    left: dict[str, Any] = BEHIND | {"lag_seconds": 800.0}
    verdict = only("will-lose-unread", aging, **left)
    assert dict(verdict.evidence)["lost_in_seconds"] == 200
    assert verdict.severity == "warning"
    assert only("will-lose-unread", aging, **left | {"lag_seconds": 960.0}).severity == "critical"
    assert "will-lose-unread" not in said(aging, **left | {"lag_seconds": 500.0})
    assert "will-lose-unread" not in said(aging, **left, lag_per_second=-10.0)  # it is in time
    assert "will-lose-unread" in said(aging, **left, lag_per_second=-4.0)


def test_unread_messages_that_are_pushed_out() -> None:
    full = replace(
        STREAM,
        first_seq=1000,
        removed_per_second=10.0,
        max_bytes=100,
        limits=(Limit(name="max bytes", used=100, limit=100),),
    )
    oldest = OldestMessage(sequence=1600, subject="orders.a", time=900.0)
    verdict = only("will-lose-unread", full, **BEHIND, oldest=oldest)
    assert dict(verdict.evidence)["lost_in_seconds"] == 60
    assert verdict.command == "nats stream edit ORDERS --max-bytes 200"
    assert "will-lose-unread" not in said(replace(full, discard="new"), **BEHIND, oldest=oldest)


def test_what_was_lost_unread() -> None:
    assert only("lost-unread", lost_unread=1, deleted_unacked=2).severity == "critical"


# Streams.


def test_a_full_stream() -> None:
    full = (Limit(name="max messages", used=100, limit=100, seconds_left=0.0),)
    assert of_stream_by(discard="new", limits=full)["stream-full"].severity == "critical"
    assert "stream-full" not in of_stream_by(discard="old", limits=full)
    nearly = (Limit(name="max bytes", used=950, limit=1000, seconds_left=300.0),)
    assert (
        "full in 5 min"
        in of_stream_by(discard="new", bytes=950, limits=nearly)["stream-filling"].sentence
    )
    soon = (Limit(name="max bytes", used=10, limit=1000, seconds_left=300.0),)
    assert "stream-filling" in of_stream_by(discard="new", bytes=10, limits=soon)


def test_the_last_message_that_fits() -> None:
    limits = (Limit(name="max bytes", used=9_950, limit=10_000),)
    assert "stream-full" in of_stream_by(discard="new", bytes=9_950, messages=100, limits=limits)


def test_a_log_stream_that_drops() -> None:
    limits = (Limit(name="max bytes", used=10, limit=1000),)
    assert of_stream_by(limits=limits, subjects=("logs.>",))["discard-old"].severity == "warning"
    assert (
        of_stream_by(
            limits=(Limit(name="max bytes", used=999, limit=1000),),
            subjects=("logs.>",),
            first_seq=9,
        )["discard-old"].severity
        == "critical"
    )
    assert "discard-old" not in of_stream_by(limits=limits)
    assert "discard-old" not in of_stream_by(limits=limits, subjects=("logs.>",), discard="new")
    assert "discard-old" not in of_stream_by(subjects=("logs.>",))
