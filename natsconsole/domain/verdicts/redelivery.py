"""What comes again and again, what is given up, and settings that lose messages silently."""

from __future__ import annotations

from collections.abc import Iterator

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.domain.verdicts.words import counted, messages, nats, span

ROUNDS = 3
"""Times that a message comes again before it is called a loop or poison."""
NAMED = 5
"""Messages that are named at most."""
FEW = 3
"""Redelivered messages up to which one is at fault, not the worker."""


def of_redelivery(consumer: ConsumerState, *, keeps_advisories: bool) -> Iterator[Verdict]:
    """Judge what comes again.

    ``keeps_advisories``: whether a stream keeps those that name messages given up.
    """
    poison = _poison(consumer)
    if poison is not None:
        yield poison
    elif _loops(consumer):
        yield _loop(consumer)
    if consumer.given_up_total:
        yield _given_up(consumer)
    if consumer.max_deliver > 0 and consumer.ack_policy != "none":
        yield _finite(consumer, keeps_advisories=keeps_advisories)
    if consumer.ack_policy == "all" and _seems_shared(consumer):
        yield _shared(consumer)


def _poison(consumer: ConsumerState) -> Verdict | None:
    if not consumer.unacked or not consumer.redelivered:
        return None
    refused = consumer.refused
    sequence, deliveries = 0, 0
    if refused.worst_deliveries > ROUNDS and refused.worst_sequence > consumer.ack_floor_seq:
        sequence, deliveries = refused.worst_sequence, refused.worst_deliveries
    elif consumer.oldest is not None and consumer.redelivered <= FEW:
        deliveries = 1 + consumer.redeliveries_at_floor // consumer.redelivered
        if deliveries > ROUNDS:
            sequence = consumer.oldest.sequence
    if not sequence or not _others_pass(consumer):
        return None
    oldest = consumer.oldest
    subject = oldest.subject if oldest is not None and oldest.sequence == sequence else ""
    of_subject = f" of {subject}" if subject else ""
    return Verdict(
        rule="poison-message",
        severity="critical",
        sentence=f"message {sequence:,}{of_subject} is poison: it was delivered at least "
        f"{deliveries} times and never acknowledged, while others are; the ack floor stays "
        "below it",
        evidence=(
            ("stream_sequence", sequence),
            ("deliveries", deliveries),
            *((("subject", subject),) if subject else ()),
            ("ack_floor", consumer.ack_floor_seq),
            ("unacked", consumer.unacked),
            ("redelivered", consumer.redelivered),
        ),
        remedy="look at it; mend the worker, or let the worker terminate (term) what it cannot do",
        command=nats("stream", "get", consumer.stream, sequence),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _others_pass(consumer: ConsumerState) -> bool:
    """Whether the worker finishes other messages, or has no others."""
    if consumer.redelivered == consumer.unacked <= FEW:
        return True
    age = consumer.last_ack_seconds
    return consumer.redelivered <= FEW and age is not None and age <= consumer.floor_seconds


def _loops(consumer: ConsumerState) -> bool:
    if consumer.redelivered < 2 or 2 * consumer.redelivered < consumer.unacked:
        return False
    again = 2 * max(1.0, consumer.ack_wait_seconds)
    ack, delivery = consumer.last_ack_seconds, consumer.last_delivery_seconds
    if delivery is None or delivery > again:
        return False
    if consumer.redeliveries_at_floor >= 2 * consumer.redelivered:
        return ack is None or ack > min(again, consumer.floor_seconds)
    return ack is None or ack > again


def _loop(consumer: ConsumerState) -> Verdict:
    ack = consumer.last_ack_seconds
    since = "none was ever acknowledged" if ack is None else f"the last ack was {span(ack)} ago"
    cause = (
        "the worker refuses them (nak)"
        if consumer.refused.naks
        else f"the worker does not acknowledge within the ack wait of "
        f"{span(consumer.ack_wait_seconds)}"
    )
    return Verdict(
        rule="redelivery-loop",
        severity="critical",
        sentence=f"the same {messages(consumer.redelivered)} are delivered again and again, and "
        f"{since}: {cause}",
        evidence=(
            ("redelivered", consumer.redelivered),
            ("redeliveries", consumer.redeliveries),
            ("unacked", consumer.unacked),
            ("ack_floor", consumer.ack_floor_seq),
            ("ack_wait_seconds", consumer.ack_wait_seconds),
            ("naks", consumer.refused.naks),
        ),
        remedy="read the worker's log for what fails; if the work takes longer than ack wait, "
        "raise it or let the worker say in progress",
        command=nats("consumer", "info", consumer.stream, consumer.name),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _given_up(consumer: ConsumerState) -> Verdict:
    named = consumer.given_up[-NAMED:]
    numbers = ", ".join(f"{one.sequence:,}" for one in named)
    more = consumer.given_up_total - len(named)
    rest = f" and {more:,} more" if more else ""
    first = named[0].sequence if named else consumer.ack_floor_seq
    return Verdict(
        rule="max-deliveries",
        severity="critical",
        sentence=f"{messages(consumer.given_up_total)} reached max deliver and "
        f"{'is' if consumer.given_up_total == 1 else 'are'} given up: {numbers}{rest}; "
        "still stored, never delivered again, and the ack floor moves past",
        evidence=(
            ("given_up", consumer.given_up_total),
            ("stream_sequences", numbers),
            ("deliveries", named[-1].deliveries if named else consumer.max_deliver),
            ("max_deliver", consumer.max_deliver),
        ),
        remedy="look at them, mend the worker, and publish them anew or reset the consumer to them",
        command=nats("stream", "get", consumer.stream, first),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _finite(consumer: ConsumerState, *, keeps_advisories: bool) -> Verdict:
    times = counted(consumer.max_deliver, "delivery")
    silence = (
        "the advisory that names it is kept in a stream"
        if keeps_advisories
        else "only an advisory names it, and no stream keeps those"
    )
    return Verdict(
        rule="max-deliver-finite",
        severity="ok" if keeps_advisories else "warning",
        sentence=f"after {times} a message is given up, done or not: the ack floor then passes "
        f"it; {silence}",
        evidence=(("max_deliver", consumer.max_deliver), ("redelivered", consumer.redelivered)),
        remedy="set max deliver to -1, or keep the advisories: `natsconsole setup --events`, or "
        "a stream on $JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
        command=nats("consumer", "edit", consumer.stream, consumer.name, "--max-deliver", -1),
        stream=consumer.stream,
        consumer=consumer.name,
    )


def _seems_shared(consumer: ConsumerState) -> bool:
    if consumer.priority_policy == "pinned_client":
        return False
    return consumer.waiting_pulls > 1 if consumer.is_pull else bool(consumer.deliver_group)


def _shared(consumer: ConsumerState) -> Verdict:
    who = (
        f"{consumer.waiting_pulls:,} pulls wait"
        if consumer.is_pull
        else f"its messages go round in group {consumer.deliver_group}"
    )
    return Verdict(
        rule="ack-all-shared",
        severity="warning",
        sentence=f"ack policy all, and {who}: where they are of several workers, each one's ack "
        "settles what the others have not done, and that is lost when they fail",
        evidence=(
            ("ack_policy", "all"),
            ("waiting_pulls", consumer.waiting_pulls),
            ("deliver_group", consumer.deliver_group),
        ),
        remedy="give it one worker (a pinned client), or make it anew with ack policy explicit",
        command=nats("consumer", "info", consumer.stream, consumer.name),
        stream=consumer.stream,
        consumer=consumer.name,
    )
