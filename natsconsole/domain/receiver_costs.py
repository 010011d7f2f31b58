"""What each choice for a receiver costs, in words: said before it is made and while it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from natsconsole.domain.receivers import (
    SAFE_ANSWERS,
    AckPolicy,
    Answer,
    AnswerRule,
    Fault,
    ReceiverStatus,
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a choice means."""

    sentence: str
    is_costly: bool = False
    """Whether lines, order or the flow suffer from it."""


_ANSWERS: dict[Answer, str] = {
    "ack": "sent once the lines are written and synced. It costs nothing",
    "double-ack": (
        "as ack, and the server confirms each. It costs a round trip a batch, and no line"
    ),
    "nak": (
        "each message is refused unwritten and comes again at once, over and over. Nothing is "
        "written meanwhile; nothing is lost"
    ),
    "nak-delay": (
        "each message is refused unwritten and comes again after {delay}. Lines that are not "
        "refused overtake it: the order in the file breaks"
    ),
    "in-progress": (
        "lines are written, and the server is told that work goes on: no countdown ends, nothing "
        "is acknowledged. At max ack pending delivery stops"
    ),
    "term": (
        "each message is given up for good and not written: it goes to quarantine. Those lines "
        "are missing in the file"
    ),
    "withhold": (
        "lines are written and no answer is sent: each message comes again{again}. At max ack "
        "pending delivery stops"
    ),
}


def cost_of_policy(policy: AckPolicy) -> Cost:
    """Return what an ack policy means."""
    match policy:
        case "explicit":
            return Cost(
                "explicit: each message is acknowledged by itself; what was not comes again. "
                "Nothing is lost"
            )
        case "all":
            return Cost(
                "all: one ack settles every message at or below it: few acks for many messages. "
                "Nothing is lost, because only one receiver reads a partition"
            )
        case "none":
            return Cost(
                "none: the server forgets a message once it is sent. What the receiver has not "
                "written when it dies is lost, and no one is told",
                is_costly=True,
            )


def cost_of_rule(rule: AnswerRule, ack_wait: float = 0.0) -> Cost:
    """Return what an answer means, and to which messages."""
    again = f" after {ack_wait:g} s" if ack_wait else ""
    words = _ANSWERS[rule.answer].format(delay=f"{rule.delay_seconds:g} s", again=again)
    return Cost(f"{rule.answer}: {words}{_which(rule)}", is_costly=rule.answer not in SAFE_ANSWERS)


def _which(rule: AnswerRule) -> str:
    parts = []
    if rule.share < 1:
        parts.append(f"{rule.share * 100:g} % of the messages")
    if rule.hosts != "*":
        parts.append(f"hosts {rule.hosts}")
    return f". Only {' of '.join(parts)}; the others are acknowledged" if parts else ""


def cost_of_max_deliver(number: int) -> Cost:
    """Return what a limit of deliveries means."""
    if number < 1:
        return Cost("no limit: a message comes again until it is acknowledged. Nothing is given up")
    return Cost(
        f"after {number} deliveries the server gives a message up, written or not, and the ack "
        "floor moves past it; only an advisory tells",
        is_costly=True,
    )


def cost_of_ack_wait(seconds: float) -> Cost:
    """Return what the time to acknowledge means."""
    return Cost(
        f"a message that has no answer after {seconds:g} s is delivered again. A receiver at work "
        "says in progress in time, so a short wait doubles nothing"
    )


def cost_of_max_ack_pending(number: int) -> Cost:
    """Return what the limit of messages in flight means."""
    return Cost(
        f"at {number:,} messages in flight in a partition the server delivers nothing more until "
        "some are acknowledged"
    )


def cost_of_backoff(waits: tuple[float, ...]) -> Cost:
    """Return what waits before a redelivery mean."""
    if not waits:
        return Cost("none: ack wait is the time before each redelivery")
    listed = ", ".join(f"{wait:g} s" for wait in waits)
    return Cost(f"waits before each redelivery instead of ack wait: {listed}; the last repeats")


def cost_of_fault(fault: Fault) -> Cost:
    """Return what a fault means."""
    if fault == "none":
        return Cost("the disk is as it is")
    return Cost(
        "disk full: what was half written is taken back, the receiver holds what it has and pulls "
        "no more. Nothing is lost, nothing moves",
        is_costly=True,
    )


def costs_now(status: ReceiverStatus) -> tuple[Cost, ...]:
    """Return what the choices that hold now cost, the dearest first."""
    return tuple(_costs(status))


def _costs(status: ReceiverStatus) -> Iterator[Cost]:
    for cost in (
        cost_of_policy(status.ack_policy),
        cost_of_rule(status.rule, status.ack_wait_seconds),
        cost_of_max_deliver(status.max_deliver),
        cost_of_fault(status.fault),
    ):
        if cost.is_costly:
            yield cost
