"""All rules together, whatever the figures are."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natsconsole.domain.streams import Discard
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.domain.verdicts.verdict import worst
from natsconsole.domain.verdicts.words import counted, nats, size, span
from tests.support.judging import (
    KEY,
    LOOP,
    POISON,
    QUIET,
    STREAM,
    of_stream_by,
    verdicts_by,
)

# All of them.


def test_the_worst_comes_first_and_is_told_by_its_subject() -> None:
    verdicts = verdicts_by(**LOOP, max_deliver=5)
    assert [one.severity for one in verdicts] == ["critical", "warning"]
    snapshot = TriageSnapshot(
        taken=1.0, verdicts=(*verdicts, *of_stream_by(is_missing=True).values()), streams=(STREAM,)
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


@settings(max_examples=150)
@given(_FIGURES, st.sampled_from(["old", "new"]), st.floats(0, 1e6))
def test_any_figures_give_whole_verdicts(
    figures: dict[str, Any], discard: Discard, max_age: float
) -> None:
    stream = replace(STREAM, discard=discard, max_age_seconds=max_age)
    for verdict in verdicts_by(stream, **figures):
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
        "2.0 kB",
        "3.2 GB",
        "5.5 TB",
    ]
    assert (counted(1, "delivery"), counted(2, "delivery")) == ("1 delivery", "2 deliveries")
    assert nats("stream", "get", "A;B", 3) == "nats stream get 'A;B' 3"
