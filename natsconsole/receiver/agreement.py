"""What a group has agreed on: its ack policy and its consumers' settings.

It lies in the group's bucket, where every receiver sees it within a second. Without a bucket the
group's youngest consumer tells.
"""

from __future__ import annotations

import msgspec

from natsconsole.domain.receivers import AckPolicy
from natsconsole.receiver.consumer_settings import UNCHANGED, ConsumerSettings


class Agreement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Policy and settings of a group. A setting that is None has never been changed."""

    ack_policy: AckPolicy = "explicit"
    ack_wait_seconds: float | None = None
    max_ack_pending: int | None = None
    max_deliver: int | None = None
    backoff_seconds: tuple[float, ...] | None = None

    @classmethod
    def of(cls, policy: AckPolicy, settings: ConsumerSettings = UNCHANGED) -> Agreement:
        """Return the agreement on a policy and settings."""
        return cls(
            ack_policy=policy,
            ack_wait_seconds=settings.ack_wait_seconds,
            max_ack_pending=settings.max_ack_pending,
            max_deliver=settings.max_deliver,
            backoff_seconds=settings.backoff_seconds,
        )

    @property
    def settings(self) -> ConsumerSettings:
        """The settings alone."""
        return ConsumerSettings(
            ack_wait_seconds=self.ack_wait_seconds,
            max_ack_pending=self.max_ack_pending,
            max_deliver=self.max_deliver,
            backoff_seconds=self.backoff_seconds,
        )

    def encode(self) -> bytes:
        """Return it as it lies in the bucket."""
        return msgspec.json.encode(self)


def read_agreement(value: bytes) -> Agreement | None:
    """Read what lies in the bucket; None where there is nothing, or nothing of ours."""
    try:
        return msgspec.json.decode(value, type=Agreement)
    except msgspec.MsgspecError:
        return None
