"""What a message is answered with: the rule, and the bytes on the wire.

The effect of each in the server is JetStream's own: see ADR-15 and the acknowledgement page of the
NATS documentation.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import msgspec

from natsconsole.domain.receivers import AnswerRule
from natsconsole.receiver.delivery import Delivery

ACK = b"+ACK"
NAK = b"-NAK"
IN_PROGRESS = b"+WPI"
TERM = b"+TERM"

_MIX = 2654435761
"""Knuth's multiplier: spreads neighbouring sequences over the whole range."""


def applies(rule: AnswerRule, delivery: Delivery) -> bool:
    """Whether a message is one of those the rule is for: the same each time it is delivered."""
    if rule.hosts != "*" and not fnmatch.fnmatchcase(delivery.host, rule.hosts):
        return False
    return (delivery.sequence * _MIX & 0xFFFFFFFF) / 0x100000000 < rule.share


def split(
    rule: AnswerRule, deliveries: Sequence[Delivery]
) -> tuple[list[Delivery], list[Delivery]]:
    """Return the messages the rule is for, and the others."""
    chosen = [delivery for delivery in deliveries if applies(rule, delivery)]
    others = [delivery for delivery in deliveries if not applies(rule, delivery)]
    return chosen, others


def nak_after(seconds: float) -> bytes:
    """Return the refusal that asks for the message again after so many seconds."""
    return NAK + b" " + msgspec.json.encode({"delay": int(seconds * 1e9)})


def term(reason: str) -> bytes:
    """Return the refusal for good; the reason stands in the server's advisory."""
    line = " ".join(reason.split())
    return TERM + b" " + line.encode() if line else TERM
