"""What a group asks of its consumers, and which values can be used together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from natsconsole.domain.receivers import SettingsRequest

SHORTEST_WAIT = 0.001
LONGEST_WAIT = 7 * 86_400.0
"""Seconds that an ack wait, a wait of the back-off or a delay may take."""
MOST = 1_000_000_000
"""Highest number of deliveries and of messages in flight that may be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """What a group asks of its consumers; None leaves what is there, or the default."""

    ack_wait_seconds: float | None = None
    max_ack_pending: int | None = None
    max_deliver: int | None = None
    backoff_seconds: tuple[float, ...] | None = None
    """Waits before the first, second, ... redelivery instead of ack wait; the last repeats."""


UNCHANGED = ConsumerSettings()
DEFAULTS = ConsumerSettings(
    ack_wait_seconds=30.0, max_ack_pending=5000, max_deliver=-1, backoff_seconds=()
)


def why_unusable(request: SettingsRequest, now: ConsumerSettings) -> str:
    """Return why settings cannot be used beside those there are now, or nothing."""
    max_deliver = request.max_deliver if request.max_deliver is not None else now.max_deliver or -1
    waits = request.backoff_seconds if request.backoff_seconds is not None else now.backoff_seconds
    numbers = (request.max_deliver or 1, request.max_ack_pending or 1)
    seconds = (request.ack_wait_seconds or 1.0, *(waits or ()))
    if max_deliver == 0 or max_deliver < -1:
        return "max deliver is a number from 1 on, or -1 for no limit"
    for what, value, least, unit in (
        ("ack wait", request.ack_wait_seconds, SHORTEST_WAIT, " seconds"),
        (
            "a wait of the back-off",
            min(request.backoff_seconds or (1.0,)),
            SHORTEST_WAIT,
            " seconds",
        ),
        ("max ack pending", request.max_ack_pending, 1, ""),
    ):
        if value is not None and value < least:
            return f"{what} must be at least {least:g}{unit}"
    if max(seconds) > LONGEST_WAIT:
        return f"ack wait and the waits of the back-off are at most {LONGEST_WAIT:,.0f} seconds"
    if max(numbers) > MOST:
        return f"max deliver and max ack pending are at most {MOST:,}"
    if waits and 0 < max_deliver < len(waits):
        return (
            f"max deliver is {max_deliver}, less than the back-off's {len(waits)} waits: "
            "allow more deliveries or fewer waits"
        )
    return ""


def set_fields(settings: SettingsRequest | ConsumerSettings) -> dict[str, Any]:
    """Return what is not left as it is."""
    values = {field.name: getattr(settings, field.name) for field in fields(ConsumerSettings)}
    return {name: value for name, value in values.items() if value is not None}
