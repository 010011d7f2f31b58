"""The rules about clusters, servers, accounts and receivers, and thresholds in metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.domain.streams import Replica, SourceState
from natsconsole.domain.triage import AccountFacts, PublishTrouble, ServerFacts
from natsconsole.domain.verdicts.receivers import of_receivers
from natsconsole.domain.verdicts.server import of_server
from natsconsole.domain.verdicts.thresholds import seconds_of
from tests.support.judging import (
    KEY,
    of_stream_by,
    only,
    said,
)

# Clusters.


def _peers(*names: str, **of_last: Any) -> tuple[Replica, ...]:
    return (*(Replica(name=name) for name in names[:-1]), Replica(name=names[-1], **of_last))


def test_replicas() -> None:
    three: dict[str, Any] = {"replicas_wanted": 3, "leader": "n1"}
    assert of_stream_by(**three, replicas=_peers("n2", "n3")) == {}
    gone = of_stream_by(**three, replicas=_peers("n2", "n3", is_offline=True))["replica-behind"]
    assert "n3 is gone" in gone.sentence
    assert "the next that fails stops it" in gone.sentence
    silent = _peers("n2", "n3", is_current=False, seen_seconds=30.0)
    assert "n3 is gone" in of_stream_by(**three, replicas=silent)["replica-behind"].sentence
    slow = _peers("n2", "n3", is_current=False, lag=5_000)
    assert (
        "5,000 operations behind" in of_stream_by(**three, replicas=slow)["replica-behind"].sentence
    )
    lost = tuple(Replica(name=name, is_offline=True) for name in ("n2", "n3"))
    assert of_stream_by(**three, replicas=lost)["no-quorum"].severity == "critical"
    assert "no-leader" in of_stream_by(replicas_wanted=3, leader="", replicas=_peers("n2", "n3"))
    assert "no-leader" in of_stream_by(is_missing=True)
    assert "offline" in of_stream_by(is_missing=True, offline_reason="unsupported")
    assert "not placed" in of_stream_by(**three, replicas=_peers("n2"))["replica-behind"].sentence


def test_replicas_of_a_consumer() -> None:
    lost = tuple(Replica(name=name, is_offline=True) for name in ("n2", "n3"))
    assert "no-quorum" in said(replicas_wanted=3, leader="n1", replicas=lost)
    assert said(is_missing=True, lag_messages=9) == {"no-leader"}


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
    alarmed = msgspec.structs.replace(receiver, alarms=("the disk is slow", "x"))
    told = {one.rule: one.sentence for one in of_receivers("LOGS", [alarmed], 0)}
    assert told["receiver-alarm"] == "r1: x"
    assert [one.rule for one in of_receivers("LOGS", [], 5)] == ["no-receiver"]
    assert list(of_receivers("LOGS", [], 0)) == []


# Thresholds.


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
    assert rule in said(metadata=metadata, **figures)
    assert rule not in said(metadata=metadata | {f"{KEY}enabled": "false"}, **figures)
    assert (
        rule
        not in said(metadata=metadata, pinned_client="x", last_ack_seconds=1.0, waiting_pulls=1)
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
    found = of_stream_by(metadata={f"{KEY}{key}": value}, **figures)
    assert f"monitor-{key}" in found


def test_subjects_may_be_too_few() -> None:
    metadata = {f"{KEY}subjects-warn": "10", f"{KEY}subjects-critical": "5"}
    assert of_stream_by(metadata=metadata, subjects_count=20) == {}
    assert "monitor-subjects-warn" in of_stream_by(metadata=metadata, subjects_count=8)
    assert "monitor-subjects-critical" in of_stream_by(metadata=metadata, subjects_count=5)


def test_a_threshold_that_cannot_be_read_is_said() -> None:
    verdict = only("monitor-last-ack-critical", metadata={f"{KEY}last-ack-critical": "soon"})
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
