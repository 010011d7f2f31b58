from dataclasses import replace

import pytest

from natsconsole.domain.alerts import Alert, alerts, of_stream
from natsconsole.domain.receivers import AnswerRule, PartitionStatus, ReceiverStatus
from natsconsole.domain.snapshots import ConsumerTotals, HomeSnapshot, HostRow, Link
from natsconsole.domain.verdicts.verdict import Severity, Verdict
from screenshots.demo_data import LINK, NOW, pipeline, receiver
from tests.support.fake_gateway import with_receivers

HOME = pipeline().home


def first(home: HomeSnapshot, link: Link = LINK, gone: ReceiverStatus | None = None) -> Alert:
    return alerts(home, link, NOW, gone)[0]


def test_a_pipeline_that_flows_has_one_calm_sentence() -> None:
    assert [alert.severity for alert in alerts(HOME, LINK, NOW)] == ["calm"]


def test_a_lost_connection_comes_before_everything() -> None:
    link = replace(LINK, state="lost", since=NOW - 14, error="reset")
    alert = first(with_receivers(HOME, receiver(answer="nak")), link)
    assert alert.severity == "critical"
    assert alert.sentence.startswith("no connection for 14 s (reset)")


@pytest.mark.parametrize(
    ("fields", "severity", "words"),
    [
        ({"answer": "nak"}, "critical", "not written"),
        ({"answer": "withhold"}, "critical", "comes again after 10 s; at 400 unacked"),
        (
            {"answer": "term", "rule": AnswerRule(answer="term", hosts="web-*")},
            "critical",
            "given up for good and not written: it goes to quarantine",
        ),
        ({"ack_policy": "none"}, "critical", "is lost"),
        ({"max_deliver": 5}, "critical", "max deliver 5"),
        ({"state": "paused"}, "warning", "is paused"),
        ({"state": "switching", "reason": "policy all"}, "notice", "is switching: policy all"),
        ({"lost": 3}, "critical", "3 lines are lost"),
    ],
)
def test_a_receiver_says_what_its_state_costs(
    fields: dict[str, object], severity: str, words: str
) -> None:
    alert = first(with_receivers(HOME, receiver(**fields)))
    assert alert.severity == severity
    assert words in alert.sentence


def test_a_full_disk_names_partition_messages_and_time() -> None:
    held = receiver(
        state="held",
        reason="disk full",
        held_since=NOW - 4,
        held_messages=212,
        partitions=(
            PartitionStatus(partition=0, state="running"),
            PartitionStatus(partition=3, state="held"),
        ),
    )
    expected = (
        "receiver-1 p3: disk full, holding 212 messages for 4 s; nothing lost, resumes by itself"
    )
    assert expected == first(with_receivers(HOME, held)).sentence


def test_the_cause_of_a_hold_comes_first_and_its_details_last() -> None:
    reason = "partition 0: no space left on device: web-01/access.log"
    sentence = first(with_receivers(HOME, receiver(state="held", reason=reason))).sentence
    assert sentence.startswith("receiver-1: disk full, holding")
    assert sentence.endswith(f"({reason})")


def test_a_receiver_that_was_there_is_missed_by_name() -> None:
    home = replace(with_receivers(HOME), lag_messages=1)
    assert first(home, gone=receiver()).sentence == (
        "receiver-1 is gone: 1 message waits in the stream, nothing is lost"
    )
    assert first(home, gone=receiver(ack_policy="none")).sentence.endswith(
        "in the stream, under ack policy none what it had not written is lost"
    )
    assert first(home).severity == "warning"
    assert "no receiver answers" in first(home).sentence


def test_a_stream_of_somebody_else_misses_no_receiver() -> None:
    home = replace(with_receivers(HOME), lag_messages=7, is_log_stream=False)
    assert [one.severity for one in alerts(home, LINK, NOW)] == ["calm"]
    assert first(home, gone=receiver()).severity == "critical"


def test_at_max_ack_pending_delivery_has_stopped() -> None:
    home = replace(HOME, totals=ConsumerTotals(outstanding_acks=400, max_ack_pending=400))
    assert "delivers nothing more" in first(home).sentence


def full(consumer: str, severity: Severity = "critical") -> Verdict:
    return Verdict(
        rule="max-ack-pending", severity=severity, sentence="the window is full",
        stream="LOGS", consumer=consumer,
    )  # fmt: skip


PARTS = (
    PartitionStatus(partition=0, state="running", consumer="p0"),
    PartitionStatus(partition=1, state="running", consumer="p1"),
)
ONE_IS_FULL = replace(
    with_receivers(HOME, receiver(partitions=PARTS)),
    totals=ConsumerTotals(outstanding_acks=200, max_ack_pending=400),
)


def sentences(home: HomeSnapshot, *verdicts: Verdict) -> list[str]:
    return [one.sentence for one in alerts(home, LINK, NOW, verdicts=verdicts)]


def test_one_stuck_partition_is_told_while_its_receiver_answers() -> None:
    assert sentences(ONE_IS_FULL, full("p1")) == ["p1: the window is full"]


def test_a_paused_consumer_is_told_while_its_receiver_answers() -> None:
    verdict = Verdict(
        rule="paused", severity="warning", sentence="paused for 1 h", stream="LOGS", consumer="p1"
    )
    assert sentences(ONE_IS_FULL, verdict) == ["p1: paused for 1 h"]


def test_a_window_that_is_full_while_it_flows_is_no_alert() -> None:
    assert "full" not in sentences(ONE_IS_FULL, full("p1", "warning"))[0]


def test_a_full_window_is_told_once() -> None:
    everything = replace(
        ONE_IS_FULL, totals=ConsumerTotals(outstanding_acks=400, max_ack_pending=400)
    )
    (found,) = alerts(everything, LINK, NOW, verdicts=(full("p0"), full("p1")))
    assert (found.rule, found.severity) == ("max-ack-pending", "critical")
    held = PartitionStatus(partition=1, state="held", consumer="p1")
    (sentence,) = sentences(
        with_receivers(ONE_IS_FULL, receiver(state="held", partitions=(PARTS[0], held))), full("p1")
    )
    assert sentence.startswith("receiver-1 p1: held")


def test_somebody_else_s_full_window_is_told_beside_ours() -> None:
    assert sentences(ONE_IS_FULL, full("theirs")) == ["theirs: the window is full"]


def test_a_finite_max_deliver_is_told_once() -> None:
    verdict = Verdict(
        rule="max-deliver-finite", severity="warning", sentence="finite", stream="LOGS",
        consumer="p0",
    )  # fmt: skip
    home = with_receivers(HOME, receiver(max_deliver=5, partitions=PARTS))
    assert [one.rule for one in alerts(home, LINK, NOW, verdicts=(verdict,))] == [
        "max-deliver receiver-1"
    ]


def test_alarms_and_parked_hosts_are_alerts() -> None:
    told = ("the stream was made anew: 7 lines", "the stream was made anew: 9 lines", "disk slow")
    home = with_receivers(HOME, receiver(parked_hosts=1, alarms=told))
    found = alerts(home, LINK, NOW)
    assert [one.severity for one in found] == ["warning"] * 4
    assert found[0].sentence.startswith("receiver-1: the files of 1 host cannot be written")
    assert [one.sentence for one in found[1:]] == [f"receiver-1: {sentence}" for sentence in told]
    told = ("the stream was made anew: 8 lines", *told[1:])
    later = alerts(with_receivers(HOME, receiver(parked_hosts=1, alarms=told)), LINK, NOW)
    assert [one.rule for one in later] == [one.rule for one in found], "no bell for a new figure"


def test_the_first_look_is_announced() -> None:
    assert "first look" in first(HomeSnapshot()).sentence
    assert "connecting to" in first(HomeSnapshot(), Link(address="x:1")).sentence


def test_an_incomplete_look_says_why() -> None:
    alert = first(replace(HOME, problem="no answer from the stream"))
    assert alert.sentence == "this look is incomplete: no answer from the stream"


def test_silent_hosts_are_counted_and_the_latest_named() -> None:
    rows = tuple(
        HostRow(host=f"web-{number}", state="silent", last_seen=NOW - number * 100.0)
        for number in range(9, 4, -1)
    )
    (found,) = alerts(replace(HOME, hosts=rows), LINK, NOW)

    assert found.severity == "warning"
    assert found.sentence == (
        "5 hosts are silent: web-5 (8 min), web-6 (10 min), web-7 (12 min) and 2 more; "
        "look whether their shipper runs"
    )


def test_no_two_alerts_share_a_rule() -> None:
    receivers = tuple(
        receiver(name=name, answer="nak", ack_policy="none", max_deliver=3, lost=4, state="held")
        for name in ("r1", "r2")
    )
    found = alerts(with_receivers(HOME, *receivers), replace(LINK, state="lost"), NOW)
    assert len({one.rule for one in found}) == len(found)


def test_verdicts_of_the_stream_and_the_server_are_alerts_too() -> None:
    verdicts = (
        Verdict(rule="stream-full", severity="critical", sentence="it is full", stream="LOGS"),
        Verdict(rule="no-pull", severity="warning", sentence="nobody pulls", stream="LOGS",
                consumer="other"),
        Verdict(rule="draining", severity="ok", sentence="it drains", stream="LOGS"),
        Verdict(rule="paused", severity="warning", sentence="paused", stream="ORDERS"),
        Verdict(rule="clock-skew", severity="warning", sentence="clocks differ"),
    )  # fmt: skip
    found = alerts(HomeSnapshot(), Link(state="live"), 0.0, None, of_stream(verdicts, "LOGS"))
    assert [one.sentence for one in found] == [
        "LOGS: it is full",
        "other: nobody pulls",
        "clocks differ",
    ]
