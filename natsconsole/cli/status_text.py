"""``natsconsole status`` for people: what is wrong first, then the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.status import Status
from natsconsole.domain.streams import StreamState
from natsconsole.domain.terminal_text import visible
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.domain.verdicts.words import counted, size, span

ROWS = 40
"""Rows of one table at most; those in trouble come first."""
WIDEST = 40


def status_lines(status: Status) -> Iterator[str]:
    """Return the whole text, safe for a terminal, line by line."""
    yield from (visible(line) for line in _lines(status))


def _lines(status: Status) -> Iterator[str]:
    triage = status.triage
    server = triage.server
    rtt = "" if server.rtt_seconds is None else f" · rtt {server.rtt_seconds * 1000:.1f} ms"
    yield f"{triage.worst.upper()} · {server.address} · nats {server.version}{rtt}"
    known = [
        counted(total, noun)
        for total, noun in (
            (triage.streams_total, "stream"), (triage.consumers_total, "consumer"),
        )
        if total is not None
    ]  # fmt: skip
    if known:
        yield "  " + " · ".join(known)
    if triage.problem:
        yield f"  {triage.problem}"
    for line in triage.not_permitted:
        yield f"  {line}"
    for verdict in triage.verdicts:
        yield ""
        yield from _verdict(verdict)
    if triage.streams:
        yield ""
        yield from _streams(status)
    if triage.consumers:
        yield ""
        yield from _consumers(status)
    for found in status.pipelines:
        yield from _pipeline_rows(status, found.stream)


def _verdict(verdict: Verdict) -> Iterator[str]:
    about = " > ".join(name for name in (verdict.stream, verdict.consumer) if name) or "server"
    yield f"{verdict.severity:8}  {about}: {verdict.sentence}  [{verdict.rule}]"
    if verdict.evidence:
        yield "          " + " · ".join(f"{name} {value}" for name, value in verdict.evidence)
    if verdict.remedy:
        yield f"          what to do: {verdict.remedy}"
    if verdict.command:
        yield f"          $ {verdict.command}"


def _streams(status: Status) -> Iterator[str]:
    triage = status.triage
    rows = sorted(triage.streams, key=lambda one: -_trouble(triage.verdicts_of(one.name)))
    yield from _table(
        ("STREAM", "messages", "size", "in/s", "consumers", "nearest limit"),
        [_stream_row(one) for one in rows],
        triage.streams_total,
    )


def _stream_row(stream: StreamState) -> tuple[str, ...]:
    if stream.is_missing:
        return (stream.name, "?", "?", "?", "?", "no answer")
    limit = stream.nearest_limit
    told = ""
    if limit is not None:
        left = "" if limit.seconds_left is None else f", in {span(limit.seconds_left)}"
        told = f"{limit.name} {limit.share:.0%}{left}"
    known = "" if stream.knows_consumers else " not known"
    return (
        stream.name,
        f"{stream.messages:,}",
        size(stream.bytes),
        f"{stream.messages_per_second:,.1f}",
        f"{stream.consumers_count:,}{known}",
        told,
    )


def _consumers(status: Status) -> Iterator[str]:
    triage = status.triage
    rows = sorted(
        triage.consumers, key=lambda one: -_trouble(triage.verdicts_of(one.stream, one.name))
    )
    yield from _table(
        ("CONSUMER", "lag", "age", "unacked", "redelivered", "waiting", "last ack"),
        [_consumer_row(one) for one in rows],
        triage.consumers_total,
    )


def _consumer_row(consumer: ConsumerState) -> tuple[str, ...]:
    name = f"{consumer.stream} > {consumer.name}"
    if consumer.is_missing:
        return (name, "?", "?", "?", "?", "?", "no answer")
    limit = f"/{consumer.max_ack_pending:,}" if consumer.max_ack_pending > 0 else ""
    return (
        name,
        f"{consumer.lag_messages:,}",
        "?" if consumer.lag_seconds is None else span(consumer.lag_seconds),
        f"{consumer.unacked:,}{limit}",
        f"{consumer.redelivered:,}",
        f"{consumer.waiting_pulls:,}" if consumer.is_pull else "push",
        "never" if consumer.last_ack_seconds is None else f"{span(consumer.last_ack_seconds)} ago",
    )


def _pipeline_rows(status: Status, stream: str) -> Iterator[str]:
    (found,) = [one for one in status.pipelines if one.stream == stream]
    if found.hosts:
        yield ""
        behind = sorted(found.hosts, key=lambda one: -one.lag_seconds)
        yield from _table(
            (f"HOST of {stream}", "lag", "age", "last seen"),
            [
                (
                    one.host,
                    "?" if one.lag_messages is None else f"{one.lag_messages:,}",
                    span(one.lag_seconds),
                    "?"
                    if (unseen := one.unseen_seconds(found.taken)) is None
                    else f"{span(unseen)} ago",
                )
                for one in behind
            ],
            found.hosts_total,
            has_more=found.has_more_hosts,
        )
    if found.receivers:
        yield ""
        yield from _table(
            (f"RECEIVER of {stream}", "state", "policy", "answer", "unacked", "written", "lost",
             "doubled"),
            [
                (
                    one.name, one.state, one.ack_policy, one.answer, f"{one.unacked:,}",
                    f"{one.written_lines:,}", f"{one.lost:,}", f"{one.doubled:,}",
                )
                for one in found.receivers
            ],
            len(found.receivers),
        )  # fmt: skip


def _trouble(verdicts: Sequence[Verdict]) -> int:
    return max((one.weight for one in verdicts), default=-1)


def _table(
    titles: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    total: int | None,
    *,
    has_more: bool = False,
) -> Iterator[str]:
    shown = [tuple(_short(cell) for cell in row) for row in rows[:ROWS]]
    widths = [max(map(len, column)) for column in zip(titles, *shown, strict=True)]
    for row in (titles, *shown):
        first, *others = (
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join((first, *others)).rstrip()
    every = max(len(rows), total or 0)
    if has_more or every > len(shown):
        least = "at least " if has_more else ""
        yield f"{len(shown):,} of {least}{every:,}; --json has all that could be read"


def _short(cell: str) -> str:
    cell = visible(cell, 4 * WIDEST)
    return cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…"
