"""Why a consumer is served nothing: nobody asks, too much is unacked, it is paused, it will go."""

from __future__ import annotations

from collections.abc import Iterator

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.verdicts.verdict import Severity, Verdict
from natsconsole.domain.verdicts.words import messages, nats, span

NO_PULL_AFTER = 10.0
"""Seconds without a delivery after which a consumer without a waiting pull is not served."""
LONG_AGO = 60.0
"""Seconds from which on what waits is critical."""
FLOWING = 5.0
"""Seconds within which a delivery or an acknowledgement means that work goes on."""
SHARE_OF_THRESHOLD = 0.5
"""Of its inactive threshold that a consumer has idled when it is about to go."""


def of_delivery(consumer: ConsumerState) -> Iterator[Verdict]:
    """Judge how a consumer is served."""
    if consumer.is_paused:
        yield _paused(consumer)
    elif consumer.is_full:
        yield _full(consumer)
    elif consumer.lag_messages:
        yield from _unserved(consumer)
    if _is_about_to_go(consumer):
        yield _going(consumer)


def _paused(consumer: ConsumerState) -> Verdict:
    left = (consumer.paused_until or consumer.taken) - consumer.taken
    waiting = messages(consumer.lag_messages)
    return Verdict(
        rule="paused",
        severity="warning",
        sentence=f"paused for another {span(left)}: {waiting} wait, nothing is delivered until "
        "then; nothing is lost unless the stream's limits remove it",
        evidence=(
            ("paused_for_seconds", round(left, 1)),
            ("lag_messages", consumer.lag_messages),
        ),
        remedy="resume it, or wait",
        command=nats("consumer", "resume", consumer.stream, consumer.name),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _full(consumer: ConsumerState) -> Verdict:
    refused = min(consumer.refused.waiting, consumer.unacked)
    evidence = (
        ("unacked", consumer.unacked),
        ("max_ack_pending", consumer.max_ack_pending),
        ("redelivered", consumer.redelivered),
        ("lag_messages", consumer.lag_messages),
        ("waiting_pulls", consumer.waiting_pulls),
    )
    limit = f"{consumer.unacked:,} unacked is max ack pending"
    name, stream = consumer.name, consumer.stream
    if 2 * refused >= consumer.unacked:
        many = "" if consumer.refused.is_sampled else f"{refused:,} of "
        return Verdict(
            rule="nak-delayed",
            severity=_weight_of_full(consumer),
            sentence=f"messages that were refused (nak) and wait for their delay fill the window: "
            f"{many}{limit}, so nothing new is delivered until a delay ends",
            evidence=(
                *evidence, ("refused_waiting", refused), ("naks", consumer.refused.naks),
            ),
            remedy="find why the worker refuses them; shorten the delay, or raise max ack pending",
            command=nats(
                "consumer", "edit", stream, name, "--max-pending", 2 * consumer.max_ack_pending
            ),
            stream=stream,
            consumer=name,
        )  # fmt: skip
    return Verdict(
        rule="max-ack-pending",
        severity=_weight_of_full(consumer),
        sentence=f"{limit}: nothing new is delivered until some are acknowledged; "
        f"{_what_fills(consumer)}",
        evidence=evidence,
        remedy="see that workers acknowledge what they have done, within ack wait; add workers, "
        "or raise max ack pending if they only need more at once",
        command=nats("consumer", "info", stream, name),
        stream=stream,
        consumer=name,
    )


def _what_fills(consumer: ConsumerState) -> str:
    wait = span(consumer.ack_wait_seconds)
    if 2 * consumer.redelivered >= consumer.unacked:
        return (
            f"{consumer.redelivered:,} of them were delivered before: they are not finished "
            f"within the ack wait of {wait}, or fail each time"
        )
    if consumer.is_pull and consumer.waiting_pulls == 0 and not _flows(consumer):
        return "all were delivered to workers that ask for no more: they hang, or are gone"
    return f"they are with workers, which have {wait} for each"


def _weight_of_full(consumer: ConsumerState) -> Severity:
    if _is_recent(consumer.last_ack_seconds, max(FLOWING, consumer.ack_wait_seconds / 2)):
        # Strict order is made with small windows: full is how they look while they work.
        return "ok" if consumer.max_ack_pending <= 1 or not consumer.lag_messages else "warning"
    just_now = _is_recent(consumer.last_delivery_seconds, FLOWING) and not consumer.redelivered
    return "warning" if just_now else "critical"


def _unserved(consumer: ConsumerState) -> Iterator[Verdict]:
    waiting = messages(consumer.lag_messages)
    name, stream = consumer.name, consumer.stream
    if not consumer.is_pull:
        if not consumer.is_bound:
            yield Verdict(
                rule="push-unbound",
                severity=_weight_of_wait(consumer),
                sentence=f"nobody listens on its deliver subject {consumer.deliver_subject!r}: "
                f"{waiting} wait",
                evidence=(
                    ("lag_messages", consumer.lag_messages),
                    ("deliver_subject", consumer.deliver_subject),
                    ("deliver_group", consumer.deliver_group),
                ),
                remedy="start the program that subscribes to it"
                + (f" in group {consumer.deliver_group}" if consumer.deliver_group else ""),
                command=nats("consumer", "info", stream, name),
                stream=stream,
                consumer=name,
            )
        return
    if consumer.waiting_pulls or _is_recent(consumer.last_delivery_seconds, NO_PULL_AFTER):
        return
    since = consumer.last_delivery_seconds
    ever = (
        "nothing was ever delivered"
        if since is None
        else f"the last delivery was {span(since)} ago"
    )
    yield Verdict(
        rule="no-pull",
        severity=_weight_of_wait(consumer),
        sentence=f"nobody pulls: {waiting} wait and no worker asks for any; {ever}",
        evidence=(
            ("lag_messages", consumer.lag_messages),
            ("waiting_pulls", 0),
            ("unacked", consumer.unacked),
            *_seconds("last_delivery_seconds", since),
            *_seconds("lag_seconds", consumer.lag_seconds),
        ),
        remedy="start its workers, or see why they hang; if nobody needs it, delete it",
        command=nats("consumer", "info", stream, name),
        stream=stream,
        consumer=name,
    )


def _weight_of_wait(consumer: ConsumerState) -> Severity:
    waited = consumer.lag_seconds or consumer.last_delivery_seconds or 0.0
    return "critical" if waited >= LONG_AGO else "warning"


def _is_about_to_go(consumer: ConsumerState) -> bool:
    threshold = consumer.inactive_threshold_seconds
    if threshold <= 0 or consumer.is_paused:
        return False
    if consumer.waiting_pulls if consumer.is_pull else consumer.is_bound:
        return False
    return _idle(consumer) >= SHARE_OF_THRESHOLD * threshold


def _going(consumer: ConsumerState) -> Verdict:
    left = max(0.0, consumer.inactive_threshold_seconds - _idle(consumer))
    what = "it" if consumer.is_durable else "this ephemeral consumer"
    undone = messages(consumer.lag_messages + consumer.unacked)
    cost = f"; with it goes its place before {undone} not done" if consumer.has_work else ""
    return Verdict(
        rule="ephemeral-going",
        severity="warning" if consumer.has_work else "ok",
        sentence=f"nobody uses it: the server deletes {what} in {span(left)} at the earliest{cost}",
        evidence=(
            ("inactive_threshold_seconds", consumer.inactive_threshold_seconds),
            ("idle_seconds", round(_idle(consumer), 1)),
            ("lag_messages", consumer.lag_messages),
            ("unacked", consumer.unacked),
        ),
        remedy="start its client; a consumer that must outlive its client is made durable, "
        "without an inactive threshold",
        command=nats("consumer", "info", consumer.stream, consumer.name),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _idle(consumer: ConsumerState) -> float:
    ages = (consumer.last_delivery_seconds, consumer.last_ack_seconds, consumer.created_seconds)
    return min(age for age in ages if age is not None)


def _flows(consumer: ConsumerState) -> bool:
    return _is_recent(consumer.last_delivery_seconds, FLOWING) or _is_recent(
        consumer.last_ack_seconds, FLOWING
    )


def _is_recent(age: float | None, within: float) -> bool:
    return age is not None and age <= within


def _seconds(name: str, value: float | None) -> tuple[tuple[str, float], ...]:
    return () if value is None else ((name, round(value, 1)),)
