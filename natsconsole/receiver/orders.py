"""What the operator wants of every partition's worker."""

from __future__ import annotations

from dataclasses import dataclass

from natsconsole.domain.receivers import AckPolicy, AnswerRule
from natsconsole.receiver.consumer_settings import UNCHANGED, ConsumerSettings

ACKNOWLEDGE = AnswerRule()


@dataclass(slots=True)
class Orders:
    """What the operator wants of every worker. Changed while they run."""

    policy: AckPolicy
    rule: AnswerRule = ACKNOWLEDGE
    settings: ConsumerSettings = UNCHANGED
    paused: bool = False
    draining: bool = False
