"""How far behind a consumer is, where that leads, and what it never gets."""

from __future__ import annotations

from collections.abc import Iterator

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.streams import StreamState
from natsconsole.domain.subjects import as_filter, overlap
from natsconsole.domain.verdicts.verdict import Evidence, Severity, Verdict
from natsconsole.domain.verdicts.words import HOUR, messages, nats, span

BEHIND = 3.0
"""Seconds from which on a lag is worth a word."""
FAR_BEHIND = 300.0
STANDING = 60.0
SLOWEST = 0.005
"""Share of itself by which a lag changes in a minute where it counts as growing or draining."""
NEAR_LOSS = 0.25
"""Share of max age that is left when unread messages are near their end."""
LAST_CHANCE = 0.05
EVICTION_SOON = 6 * HOUR


def of_lag(consumer: ConsumerState, stream: StreamState) -> Iterator[Verdict]:
    """Judge how far behind it is."""
    if consumer.lost_unread or consumer.deleted_unacked:
        yield _lost(consumer)
    if _matches_nothing(consumer, stream):
        yield _no_match(consumer, stream)
    if consumer.has_work:
        yield from _loss_ahead(consumer, stream)
    if consumer.lag_messages and not consumer.is_paused:
        yield from _behind(consumer)


def _behind(consumer: ConsumerState) -> Iterator[Verdict]:
    lag = consumer.lag_seconds
    if lag is not None and lag < BEHIND:
        return
    change = consumer.lag_per_second
    matters = abs(change) * 60 >= max(1.0, SLOWEST * consumer.lag_messages)
    age = "" if lag is None else f", the oldest {span(lag)} old"
    waiting = f"{messages(consumer.lag_messages)} behind{age}"
    if matters and change > 0:
        yield _about(
            consumer,
            rule="behind-growing",
            severity="critical" if lag is not None and lag >= FAR_BEHIND else "warning",
            sentence=f"{waiting}, and growing by {change:,.1f} a second: its workers do "
            f"{consumer.delivered_per_second:,.1f} a second, which is less than comes",
            remedy="add workers, or find what slows them",
        )
    elif matters and change < 0:
        left = consumer.seconds_to_zero or 0.0
        yield _about(
            consumer,
            rule="behind-draining",
            severity="warning" if left > HOUR else "ok",
            sentence=f"{waiting}, and draining by {-change:,.1f} a second: nothing waits any "
            f"more in about {span(left)} at this rate",
            remedy="wait, or add workers to be there sooner" if left > HOUR else "",
        )
    elif lag is not None and lag >= STANDING and consumer.watched_seconds:
        yield _about(
            consumer,
            rule="behind",
            severity="critical" if lag >= FAR_BEHIND else "warning",
            sentence=f"{waiting}, neither growing nor draining",
            remedy="see what its workers do",
        )


def _about(
    consumer: ConsumerState, *, rule: str, severity: Severity, sentence: str, remedy: str
) -> Verdict:
    zero = consumer.seconds_to_zero
    return Verdict(
        rule=rule,
        severity=severity,
        sentence=sentence,
        evidence=(
            ("lag_messages", consumer.lag_messages),
            *_lag_seconds(consumer),
            ("lag_per_second", round(consumer.lag_per_second, 2)),
            ("delivered_per_second", round(consumer.delivered_per_second, 2)),
            *((("zero_in_seconds", round(zero)),) if zero is not None else ()),
        ),
        remedy=remedy,
        command=nats("consumer", "graph", consumer.stream, consumer.name),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _loss_ahead(consumer: ConsumerState, stream: StreamState) -> Iterator[Verdict]:
    left, why = _seconds_to_loss(consumer, stream)
    if left is None:
        return
    zero = consumer.seconds_to_zero
    if consumer.lag_messages and zero is not None and zero < left:
        return
    undone = messages(consumer.lag_messages + consumer.unacked)
    aged = stream.max_age_seconds
    is_near = left < HOUR if why != "max age" else left < max(LAST_CHANCE * aged, 60.0)
    yield Verdict(
        rule="will-lose-unread",
        severity="critical" if is_near else "warning",
        sentence=f"the stream removes the oldest of {undone} not done in {span(left)} ({why}), "
        "and others after it: what is not read until then is lost to this consumer",
        evidence=(
            ("lost_in_seconds", round(left)),
            ("limit", why),
            *_lag_seconds(consumer),
            ("lag_messages", consumer.lag_messages),
            ("unacked", consumer.unacked),
            ("max_age_seconds", aged),
            ("removed_per_second", round(stream.removed_per_second, 2)),
        ),
        remedy="raise the stream's limit now, then mend the consumer",
        command=nats("stream", "edit", stream.name, *_raised(stream, why)),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _seconds_to_loss(consumer: ConsumerState, stream: StreamState) -> tuple[float | None, str]:
    aged = stream.max_age_seconds
    if aged > 0 and consumer.lag_seconds:
        left = aged - consumer.lag_seconds
        if left <= NEAR_LOSS * aged:
            return max(0.0, left), "max age"
    oldest = consumer.oldest
    if stream.discard == "old" and stream.removed_per_second > 0 and oldest is not None:
        for limit in stream.limits:
            if limit.name != "max age" and limit.share >= 0.98:
                left = max(0, oldest.sequence - stream.first_seq) / stream.removed_per_second
                if left <= EVICTION_SOON:
                    return left, limit.name
    return None, ""


def _raised(stream: StreamState, why: str) -> tuple[str, ...]:
    if why == "max age":
        return "--max-age", f"{2 * stream.max_age_seconds:.0f}s"
    if why == "max messages":
        return "--max-msgs", str(2 * stream.max_messages)
    return "--max-bytes", str(2 * stream.max_bytes)


def _lost(consumer: ConsumerState) -> Verdict:
    number = consumer.lost_unread + consumer.deleted_unacked
    return Verdict(
        rule="lost-unread",
        severity="critical",
        sentence=f"the stream's limits removed at least {messages(number)} that this consumer had "
        "not done: it will never get them",
        evidence=(
            ("lost_unread", consumer.lost_unread),
            ("deleted_unacked", consumer.deleted_unacked),
        ),
        remedy="raise the stream's limits; get the messages from their source again",
        command=nats("stream", "info", consumer.stream),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _matches_nothing(consumer: ConsumerState, stream: StreamState) -> bool:
    if not consumer.filters or consumer.has_work or consumer.delivered_count:
        return False
    if _can_never_match(consumer, stream):
        return True
    # Of partitions some are empty while hosts are few: that is how they are.
    is_partition = "{{partition" in stream.transform
    return bool(stream.messages) and consumer.deliver_policy == "all" and not is_partition


def _can_never_match(consumer: ConsumerState, stream: StreamState) -> bool:
    if stream.is_mirror:
        return False
    stored = (*stream.subjects, *([as_filter(stream.transform)] if stream.transform else []))
    return not any(overlap(wanted, taken) for wanted in consumer.filters for taken in stored)


def _no_match(consumer: ConsumerState, stream: StreamState) -> Verdict:
    filters = ", ".join(consumer.filters)
    takes = ", ".join(stream.subjects[:3])
    never = _can_never_match(consumer, stream)
    why = (
        f"the stream takes {takes}, which it can never match"
        if never
        else f"none of the {messages(stream.messages)} stored is of that subject"
    )
    evidence: Evidence = (
        ("filter", filters),
        ("stream_subjects", takes),
        ("stored_messages", stream.messages),
        ("stored_subjects", stream.subjects_count),
    )
    return Verdict(
        rule="no-match",
        severity="warning",
        sentence=f"its filter {filters} matches nothing: {why}",
        evidence=evidence,
        remedy="compare the filter with the subjects that are stored, and correct it",
        command=nats("stream", "subjects", stream.name),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _lag_seconds(consumer: ConsumerState) -> Evidence:
    if consumer.lag_seconds is None:
        return ()
    return (("lag_seconds", round(consumer.lag_seconds, 1)),)
