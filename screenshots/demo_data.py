"""The pipeline that all pictures show: the same hosts, the same moment, the same numbers."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cache

from natsconsole.domain.lines import HostMarks, LogLine
from natsconsole.domain.receivers import PartitionStatus, ReceiverStatus, UnackedMessage
from natsconsole.domain.shippers import ShipperPulse, ShippersSeen
from natsconsole.domain.snapshots import (
    ConsumerTotals,
    Flow,
    HomeSnapshot,
    HostRow,
    Link,
)

NOW = 1_790_000_000.0 + 3 * 3600 - 0.4
"""The pictures' moment."""
TAKEN = NOW - 0.4
"""When the look that they show was begun."""
KINDS = (("web", 36), ("api", 22), ("db", 14), ("cache", 10), ("queue", 8), ("auth", 6))
SHAPES = {
    "web": (
        "GET /api/items 200 12ms",
        "GET /api/users/4711 200 9ms",
        "POST /login 302 31ms",
        "GET /healthz 200 1ms",
        "GET /static/app.js 304 0ms",
        "GET /search?q=größe 200 48ms",
        "PUT /api/cart/88 204 17ms",
        "GET /img/logo.svg 200 2ms",
        "WARN upstream api-03 slow: 1840ms",
        "ERROR 502 upstream closed early",
    ),
    "db": (
        "checkpoint complete: wrote 812 buffers (5.0%)",
        "duration: 214.3 ms  SELECT * FROM orders WHERE id = $1",
        "automatic vacuum of table shop.public.items",
        "connection authorized: user=shop database=shop",
        "could not receive data from client: Connection reset by peer",
    ),
}
OTHER = ("started task 8f21", "finished task 8f21 in 73 ms", "evicted 14 keys", "token renewed")
LINK = Link(
    state="live",
    address="127.0.0.1:4222",
    server_name="demo",
    server_version="2.15.1",
    rtt_seconds=0.0003,
    since=NOW - 3600,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What a fake gateway shows."""

    home: HomeSnapshot
    lines: dict[str, list[LogLine]]
    marks: dict[str, HostMarks]


def receiver(**fields: object) -> ReceiverStatus:
    """Return the pictures' receiver."""
    given: dict[str, object] = {
        "name": "receiver-1",
        "group": "archive",
        "stream": "LOGS",
        "subject": "natsconsole.receiver.receiver-1",
        "pid": 4711,
        "version": "0.1.0",
        "now": NOW,
        "started": NOW - 3600,
        "directory": "archive",
        "lab": True,
        "state": "running",
        "ack_wait_seconds": 10.0,
        "max_ack_pending": 400,
        "unacked": 36,
        "redelivered": 3,
        "written_lines": 1_204_118,
        "written_messages": 311_020,
        "disk_free_bytes": 12_100_000_000,
        "partitions": tuple(
            PartitionStatus(partition=number, state="running") for number in range(4)
        ),
    }
    return ReceiverStatus(**{**given, **fields})  # type: ignore[arg-type]


def host_names() -> list[str]:
    """Return the fleet's names."""
    return [f"{kind}-{number:02d}" for kind, most in KINDS for number in range(1, most + 1)]


def hosts(*, lag_factor: float = 1.0, seed: int = 7) -> tuple[HostRow, ...]:
    """Return the fleet, each with figures of its own."""
    chance = random.Random(seed)  # noqa: S311 - figures for pictures
    rows = []
    for place, name in enumerate(host_names()):
        rate = 260 * math.exp(-place / 22) * chance.uniform(0.8, 1.2)
        is_quiet = name in {"cache-04", "queue-07"}
        lag = 0 if is_quiet else round(chance.uniform(0, 5) * lag_factor)
        rows.append(
            HostRow(
                host=name,
                partition=str(place % 4),
                state="quiet" if is_quiet else "live",
                lines_per_second=0 if is_quiet else rate,
                lag_messages=lag,
                lag_seconds=chance.uniform(0.05, 0.4) * lag_factor if lag else 0.0,
                unacked=min(lag, round(chance.uniform(0, 3) * lag_factor)),
                last_seen=TAKEN - (412.0 if is_quiet else 0.2),
                messages=3_000,
                history=() if is_quiet else past_of(rate, place),
                shipper=ShipperPulse(machine=name, backlog_bytes=round(rate * 11)),
            )
        )
    return tuple(rows)


def flow(rate: float, seed: int) -> Flow:
    """Return a rate with a past that looks like one."""
    chance = random.Random(seed)  # noqa: S311
    past = tuple(
        rate * (0.62 + 0.34 * math.sin(step / 3.1 - 1) + chance.uniform(-0.08, 0.08))
        for step in range(59)
    )
    return Flow(per_second=rate, history=(*past, rate))


def past_of(rate: float, place: int) -> tuple[float, ...]:
    """Return a host's recent rates: each host has its own rhythm."""
    chance = random.Random(place)  # noqa: S311
    pace, phase = chance.uniform(0.5, 1.8), chance.uniform(0, 6)
    waves = (0.62 + 0.28 * math.sin(step * pace + phase) for step in range(9))
    return (*(rate * (wave + chance.uniform(-0.14, 0.14)) for wave in waves), rate * 0.8)


def lines_of(
    host: str, number: int = 120, *, last: int = 18_240, gap: float = 0.23
) -> list[LogLine]:
    """Return a host's newest lines."""
    chance = random.Random(host)  # noqa: S311
    shapes = SHAPES.get(host.partition("-")[0], OTHER)
    return [
        LogLine(
            sequence=last - 3 * (number - 1 - place),
            index=0,
            time=NOW - 0.1 - gap * (number - 1 - place) - chance.uniform(0, gap / 2),
            text=chance.choice(shapes),
        )
        for place in range(number)
    ]


def marks_of(
    host: str,
    lines: list[LogLine],
    *,
    stored: int = 1,
    unacked: int = 3,
    ack_wait: float = 10.0,
    again: int = 0,
    deliveries: int = 3,
    age: float = 0.3,
) -> HostMarks:
    """Return marks that leave so many lines stored only, and so many unacked."""
    delivered = lines[-1 - stored].sequence
    floor = lines[-1 - stored - unacked].sequence
    waiting = [line for line in lines if floor < line.sequence <= delivered]
    messages = {}
    for place, line in enumerate(waiting):
        since = (NOW - line.time) % ack_wait if age == 0 else age * (len(waiting) - place)
        messages[line.sequence] = UnackedMessage(
            sequence=line.sequence,
            host=host,
            partition=0,
            deliveries=deliveries if place < again else 1,
            age=since,
            remaining=ack_wait - since,
            written=True,
        )
    return HostMarks(delivered=delivered, ack_floor=floor, unacked=messages, read_at=NOW)


@cache
def pipeline() -> Pipeline:
    """Return a fleet that flows: the same for every picture."""
    rows = hosts()
    home = HomeSnapshot(
        taken=TAKEN,
        stream="LOGS",
        messages=1_204_118,
        bytes=812_000_000,
        inflow=flow(12_430, 1),
        outflow=flow(12_110, 2),
        lag_messages=sum(row.lag_messages or 0 for row in rows),
        lag_seconds=0.4,
        totals=ConsumerTotals(
            unprocessed=40, outstanding_acks=36, redelivered=0, max_ack_pending=400, consumers=4
        ),
        hosts=rows,
        hosts_total=len(rows),
        receivers=(receiver(),),
        shippers=ShippersSeen(alive=len(rows), hosts=len(rows), backlog_bytes=60_000),
    )
    lines = {name: lines_of(name) for name in host_names()}
    marks = {name: marks_of(name, some) for name, some in lines.items()}
    return Pipeline(home=home, lines=lines, marks=marks)
