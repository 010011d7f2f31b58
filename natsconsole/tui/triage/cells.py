"""What the tables of streams and consumers say of one row. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.streams import Limit, Replica, StreamState
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.tui.drawing import Ink
from natsconsole.tui.format import count, duration, scaled, size, tally
from natsconsole.tui.triage.table import Cell, Column, TableOrder

LIMIT_SOON = 3600.0
"""Seconds to a limit below which it is a warning."""
UNKNOWN: Cell = ("?", "muted")
WEIGHT_SIGNS: tuple[tuple[str, Ink], ...] = (("✓", "calm"), ("△", "warn"), ("▲", "bad"))


@dataclass(frozen=True, slots=True, eq=False)
class StreamRow:
    """A stream and what is wrong with it; its consumers' troubles weigh, too."""

    stream: StreamState
    verdicts: tuple[Verdict, ...] = ()
    of_consumers: tuple[Verdict, ...] = ()

    @property
    def worst(self) -> Verdict | None:
        """The worst that is said of it, or of its consumers."""
        found = sorted((*self.verdicts, *self.of_consumers), key=lambda one: -one.weight)
        return found[0] if found else None


@dataclass(frozen=True, slots=True, eq=False)
class ConsumerRow:
    """A consumer and what is wrong with it."""

    consumer: ConsumerState
    verdicts: tuple[Verdict, ...] = ()

    @property
    def worst(self) -> Verdict | None:
        """The worst that is said of it."""
        return max(self.verdicts, key=lambda one: one.weight, default=None)


def stream_rows(snapshot: TriageSnapshot) -> list[StreamRow]:
    """Return a row a stream."""
    of_consumers: dict[str, tuple[Verdict, ...]] = {}
    for verdict in snapshot.verdicts:
        if verdict.consumer and verdict.weight:
            of_consumers[verdict.stream] = (*of_consumers.get(verdict.stream, ()), verdict)
    return [
        StreamRow(one, snapshot.verdicts_of(one.name), of_consumers.get(one.name, ()))
        for one in snapshot.streams
    ]


def consumer_rows(snapshot: TriageSnapshot) -> list[ConsumerRow]:
    """Return a row a consumer."""
    return [
        ConsumerRow(one, snapshot.verdicts_of(one.stream, one.name)) for one in snapshot.consumers
    ]


def sign_of(worst: Verdict | None, *, is_idle: bool) -> tuple[str, Ink]:
    """Return the sign before a row: ▲ critical, △ warning, ✓ well, · idle."""
    if worst is not None and worst.weight:
        return WEIGHT_SIGNS[worst.weight]
    return ("·", "faint") if is_idle else WEIGHT_SIGNS[0]


def verdict_ink(verdict: Verdict) -> Ink:
    """Return the ink of a verdict's sentence."""
    return ("muted", "warn", "bad")[verdict.weight]


# Cells


def _number(value: float, ink: Ink = "plain") -> Cell:
    return (count(value), ink) if value else ("0", "faint")


def _rate(value: float) -> Cell:
    return (scaled(value), "plain") if value else ("·", "faint")


def _age(seconds: float | None) -> Cell:
    return ("never", "faint") if seconds is None else (duration(seconds), "muted")


def lag_cell(consumer: ConsumerState) -> Cell:
    """Return the messages that wait, ▴ where they grow."""
    grows = consumer.lag_per_second > 0.5
    text, ink = _number(consumer.lag_messages, "warn" if grows else "plain")
    return (f"{text}▴" if grows and consumer.lag_messages else f"{text} ", ink)


def lag_seconds_cell(consumer: ConsumerState) -> Cell:
    """Return the age of what is not settled; a question mark where it is not known."""
    if consumer.lag_seconds is None:
        return UNKNOWN if consumer.has_work else ("·", "faint")
    if not consumer.lag_seconds:
        return ("·", "faint")
    return (duration(consumer.lag_seconds), "warn" if consumer.lag_seconds > 60 else "plain")


def unacked_cell(consumer: ConsumerState) -> Cell:
    """Return unacked of max ack pending."""
    if consumer.ack_policy == "none":
        return ("no acks", "faint")
    most = "∞" if consumer.max_ack_pending < 0 else tally(consumer.max_ack_pending)
    ink: Ink = "bad" if consumer.is_full else "plain" if consumer.unacked else "faint"
    return (f"{tally(consumer.unacked)}/{most}", ink)


def redelivered_cell(consumer: ConsumerState) -> Cell:
    """Return how many messages are now in a redelivered state."""
    return (tally(consumer.redelivered), "warn") if consumer.redelivered else ("0", "faint")


def counted_cell(consumer: ConsumerState) -> Cell:
    """Return the redeliveries counted since we watch."""
    return (f"+{tally(consumer.redeliveries)}", "warn") if consumer.redeliveries else ("·", "faint")


def pulls_cell(consumer: ConsumerState) -> Cell:
    """Return the waiting pulls; of a push consumer, whether anybody listens."""
    if not consumer.is_pull:
        return ("bound", "muted") if consumer.is_bound else ("push!", "bad")
    if consumer.waiting_pulls:
        return (tally(consumer.waiting_pulls), "plain")
    return ("0", "warn" if consumer.lag_messages else "faint")


def mode_cell(consumer: ConsumerState) -> Cell:
    """Return who is served alone, or that it is paused."""
    if consumer.is_paused:
        left = (consumer.paused_until or consumer.taken) - consumer.taken
        return (f"‖ {duration(left)}", "warn")
    if consumer.pinned_client:
        return (f"⇄ {consumer.pinned_client}", "muted")
    return ("", "muted")


def leader_cell(leader: str, wanted: int, replicas: tuple[Replica, ...], cluster: str) -> Cell:
    """Return the leader, and how many of the wanted replicas are current."""
    if not cluster and wanted <= 1:
        return ("", "faint")
    healthy = sum(one.is_current and not one.is_offline for one in replicas) + bool(leader)
    ink: Ink = "bad" if not leader else "warn" if healthy < wanted else "muted"
    return (f"{healthy}/{wanted} {leader or 'no leader'}", ink)


def why_cell(worst: Verdict | None, *, names_consumer: bool = False) -> Cell:
    """Return the worst that is said, in plain words."""
    if worst is None:
        return ("", "muted")
    about = f"{worst.consumer}: " if names_consumer and worst.consumer else ""
    return (f"{about}{worst.sentence}", verdict_ink(worst))


def limit_words(limit: Limit) -> str:
    """Return how full a limit is and when it is reached."""
    words = f"{limit.name.removeprefix('max ')} {limit.share * 100:.0f}%"
    if limit.seconds_left is not None and limit.name != "max age":
        words += f" in {duration(limit.seconds_left)}" if limit.seconds_left else " reached"
    return words


def limit_cell(stream: StreamState) -> Cell:
    """Return the nearest limit."""
    limit = stream.nearest_limit
    if limit is None:
        return ("no limit", "warn" if stream.retention == "limits" else "faint")
    is_near = (
        limit.name != "max age"
        and limit.seconds_left is not None
        and limit.seconds_left < LIMIT_SOON
    )
    return (limit_words(limit), "warn" if is_near or limit.share >= 0.9 else "muted")


def _consumers_cell(stream: StreamState) -> Cell:
    if stream.is_missing:
        return UNKNOWN
    if not stream.knows_consumers:
        return (f"{stream.consumers_count}?", "muted")
    return _number(stream.consumers_count)


def _quiet(stream: StreamState) -> float | None:
    return None if stream.last_time is None else max(0.0, stream.taken - stream.last_time)


_STREAM_COLUMNS: tuple[Column[StreamRow], ...] = (
    Column(name="stream", width=18, widest=32, is_number=False, largest_first=False,
           draw=lambda row: (row.stream.name, "plain"), sort=lambda row: row.stream.name),
    Column(name="messages", width=9, draw=lambda row: _number(row.stream.messages),
           sort=lambda row: row.stream.messages),
    Column(name="bytes", width=8,
           draw=lambda row: (size(row.stream.bytes), "plain" if row.stream.bytes else "faint"),
           sort=lambda row: row.stream.bytes),
    Column(name="in/s", width=6, draw=lambda row: _rate(row.stream.messages_per_second),
           sort=lambda row: row.stream.messages_per_second),
    Column(name="out/s", width=6, room=150, draw=lambda row: _rate(row.stream.removed_per_second),
           sort=lambda row: row.stream.removed_per_second),
    Column(name="last", width=5, room=100, draw=lambda row: _age(_quiet(row.stream)),
           sort=lambda row: _quiet(row.stream) or 0.0),
    Column(name="cons", width=5, draw=lambda row: _consumers_cell(row.stream),
           sort=lambda row: row.stream.consumers_count),
    Column(name="subjects", width=8, room=126, draw=lambda row: _number(row.stream.subjects_count),
           sort=lambda row: row.stream.subjects_count),
    Column(name="keeps", width=13, room=170, is_number=False,
           draw=lambda row: (f"{row.stream.retention} {row.stream.discard}", "muted"),
           sort=lambda row: (row.stream.retention, row.stream.discard)),
    Column(name="nearest limit", width=16, room=100, is_number=False,
           draw=lambda row: limit_cell(row.stream),
           sort=lambda row: row.stream.nearest_limit.share if row.stream.nearest_limit else 0.0),
    Column(name="replicas", width=16, room=150, is_number=False,
           draw=lambda row: leader_cell(row.stream.leader, row.stream.replicas_wanted,
                                        row.stream.replicas, row.stream.cluster),
           sort=lambda row: row.stream.leader),
    Column(name="what is wrong", width=0, is_number=False,
           draw=lambda row: why_cell(row.worst, names_consumer=True),
           sort=lambda row: row.worst.weight if row.worst else -1),
)  # fmt: skip

_CONSUMER_COLUMNS: tuple[Column[ConsumerRow], ...] = (
    Column(name="consumer", width=18, widest=36, is_number=False, largest_first=False,
           draw=lambda row: (row.consumer.name, "plain"), sort=lambda row: row.consumer.name),
    Column(name="stream", width=12, widest=24, room=96, is_number=False,
           largest_first=False,
           draw=lambda row: (row.consumer.stream, "muted"), sort=lambda row: row.consumer.stream),
    Column(name="lag", width=8, draw=lambda row: lag_cell(row.consumer),
           sort=lambda row: row.consumer.lag_messages),
    Column(name="age", width=5, draw=lambda row: lag_seconds_cell(row.consumer),
           sort=lambda row: row.consumer.lag_seconds or 0.0),
    Column(name="out/s", width=6, room=150,
           draw=lambda row: _rate(row.consumer.delivered_per_second),
           sort=lambda row: row.consumer.delivered_per_second),
    Column(name="ack/s", width=6, room=112, draw=lambda row: _rate(row.consumer.acked_per_second),
           sort=lambda row: row.consumer.acked_per_second),
    Column(name="unacked", width=9, draw=lambda row: unacked_cell(row.consumer),
           sort=lambda row: row.consumer.unacked),
    Column(name="↻now", width=5, room=112, draw=lambda row: redelivered_cell(row.consumer),
           sort=lambda row: row.consumer.redelivered),
    Column(name="↻seen", width=6, room=150, draw=lambda row: counted_cell(row.consumer),
           sort=lambda row: row.consumer.redeliveries),
    Column(name="pulls", width=6, room=112, draw=lambda row: pulls_cell(row.consumer),
           sort=lambda row: row.consumer.waiting_pulls),
    Column(name="sent", width=5, room=132,
           draw=lambda row: _age(row.consumer.last_delivery_seconds),
           sort=lambda row: row.consumer.last_delivery_seconds or 0.0),
    Column(name="acked", width=5, room=132, draw=lambda row: _age(row.consumer.last_ack_seconds),
           sort=lambda row: row.consumer.last_ack_seconds or 0.0),
    Column(name="gap", width=6, room=150, draw=lambda row: _number(row.consumer.ack_floor_gap),
           sort=lambda row: row.consumer.ack_floor_gap),
    Column(name="pin/pause", width=10, room=170, is_number=False,
           draw=lambda row: mode_cell(row.consumer),
           sort=lambda row: (row.consumer.is_paused, row.consumer.pinned_client)),
    Column(name="replicas", width=14, room=190, is_number=False,
           draw=lambda row: leader_cell(row.consumer.leader, row.consumer.replicas_wanted,
                                        row.consumer.replicas, row.consumer.cluster),
           sort=lambda row: row.consumer.leader),
    Column(name="what is wrong", width=0, is_number=False,
           draw=lambda row: why_cell(row.worst),
           sort=lambda row: row.worst.weight if row.worst else -1),
)  # fmt: skip


def _unless_missing_stream(column: Column[StreamRow]) -> Column[StreamRow]:
    draw = column.draw
    return replace(column, draw=lambda row: UNKNOWN if row.stream.is_missing else draw(row))


def _unless_missing_consumer(column: Column[ConsumerRow]) -> Column[ConsumerRow]:
    draw = column.draw
    return replace(column, draw=lambda row: UNKNOWN if row.consumer.is_missing else draw(row))


TOLD = frozenset({"stream", "consumer", "cons", "what is wrong"})
"""Columns that are known also of what nobody could tell of."""
STREAM_COLUMNS = tuple(
    one if one.name in TOLD else _unless_missing_stream(one) for one in _STREAM_COLUMNS
)
CONSUMER_COLUMNS = tuple(
    one if one.name in TOLD else _unless_missing_consumer(one) for one in _CONSUMER_COLUMNS
)


def _words(*parts: str) -> str:
    return " ".join(parts).casefold()


STREAM_ORDER: TableOrder[StreamRow] = TableOrder(
    columns=STREAM_COLUMNS,
    trouble=lambda row: (row.worst.weight if row.worst else 0, row.stream.messages_per_second),
    words_of=lambda row: _words(
        row.stream.name,
        *row.stream.subjects,
        row.stream.leader,
        *(one.rule for one in (*row.verdicts, *row.of_consumers)),
    ),
    identity=lambda row: row.stream.name,
)
CONSUMER_ORDER: TableOrder[ConsumerRow] = TableOrder(
    columns=CONSUMER_COLUMNS,
    trouble=lambda row: (
        row.worst.weight if row.worst else 0,
        row.consumer.lag_seconds or 0.0,
        row.consumer.lag_messages,
    ),
    words_of=lambda row: _words(
        row.consumer.name,
        row.consumer.stream,
        *row.consumer.filters,
        row.consumer.leader,
        *(one.rule for one in row.verdicts),
    ),
    identity=lambda row: (row.consumer.stream, row.consumer.name),
)
