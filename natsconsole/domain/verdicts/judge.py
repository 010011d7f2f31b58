"""All rules, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterable

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.streams import StreamState
from natsconsole.domain.verdicts.cluster import of_consumer_replicas, of_stream_replicas
from natsconsole.domain.verdicts.delivery import of_delivery
from natsconsole.domain.verdicts.lag import of_lag
from natsconsole.domain.verdicts.redelivery import of_redelivery
from natsconsole.domain.verdicts.streams import of_stream
from natsconsole.domain.verdicts.thresholds import consumer_thresholds, stream_thresholds
from natsconsole.domain.verdicts.verdict import Verdict

_CAUSES = frozenset(
    {"no-pull", "push-unbound", "paused", "max-ack-pending", "nak-delayed", "redelivery-loop"}
)
"""What explains why nothing moves: then that alone is no finding."""


def judge_consumer(
    consumer: ConsumerState, stream: StreamState, *, keeps_advisories: bool = False
) -> tuple[Verdict, ...]:
    """Return what there is to say of a consumer, worst first."""
    found = [*of_consumer_replicas(consumer)]
    if not consumer.is_missing:
        found += of_delivery(consumer)
        found += of_redelivery(consumer, keeps_advisories=keeps_advisories)
        found += of_lag(consumer, stream)
        found += consumer_thresholds(consumer)
    if any(verdict.rule in _CAUSES for verdict in found):
        found = [verdict for verdict in found if verdict.rule != "behind"]
    return in_order(found)


def judge_stream(stream: StreamState) -> tuple[Verdict, ...]:
    """Return what there is to say of a stream, worst first."""
    found = [*of_stream_replicas(stream)]
    if not stream.is_missing:
        found += of_stream(stream)
        found += stream_thresholds(stream)
    return in_order(found)


def in_order(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Return them worst first, else as they came."""
    found = list(verdicts)
    if len(found) < 2:
        return tuple(found)
    return tuple(sorted(found, key=lambda verdict: -verdict.weight))
