"""Figures that are judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from natsconsole.domain.consumers import ConsumerState, OldestMessage
from natsconsole.domain.streams import StreamState
from natsconsole.domain.verdicts.judge import judge_consumer, judge_stream
from natsconsole.domain.verdicts.verdict import Verdict

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


def said(stream: StreamState = STREAM, *, keeps: bool = False, **figures: Any) -> set[str]:
    return {one.rule for one in verdicts_by(stream, keeps=keeps, **figures)}


def verdicts_by(
    stream: StreamState = STREAM, *, keeps: bool = False, **figures: Any
) -> tuple[Verdict, ...]:
    return judge_consumer(replace(QUIET, **figures), stream, keeps_advisories=keeps)


def only(
    rule: str, stream: StreamState = STREAM, *, keeps: bool = False, **figures: Any
) -> Verdict:
    found = verdicts_by(stream, keeps=keeps, **figures)
    return next(one for one in found if one.rule == rule)


def of_stream_by(**figures: Any) -> dict[str, Verdict]:
    return {one.rule: one for one in judge_stream(replace(STREAM, **figures))}


LOOP: dict[str, Any] = {
    "unacked": 8,
    "redelivered": 8,
    "redeliveries": 40,
    "redeliveries_at_floor": 40,
    "last_delivery_seconds": 1.0,
    "floor_seconds": 60.0,
}
POISON: dict[str, Any] = {
    "unacked": 1,
    "redelivered": 1,
    "redeliveries_at_floor": 6,
    "last_delivery_seconds": 0.5,
    "last_ack_seconds": 0.2,
    "floor_seconds": 60.0,
    "oldest": OldestMessage(sequence=51, subject="orders.bad", time=900.0),
}
KEY = "io.nats.monitor."
