"""What each consumer of a stream did with one message, as far as its figures tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.subjects import overlap


def fates_of(sequence: int, subject: str, consumers: Iterable[ConsumerState]) -> Iterator[str]:
    """Tell for each consumer what became of the message, the ones whose filter matches only."""
    for one in consumers:
        if one.filters and not any(overlap(filter_, subject) for filter_ in one.filters):
            continue
        yield f"{one.name}: {_fate(sequence, one)}"


def _fate(sequence: int, consumer: ConsumerState) -> str:
    given_up = next((one for one in consumer.given_up if one.sequence == sequence), None)
    if given_up is not None:
        return f"given up after {given_up.deliveries} deliveries: it is never delivered again"
    if sequence > consumer.delivered_seq:
        behind = " (paused)" if consumer.is_paused else ""
        return f"not delivered yet{behind}: {sequence - consumer.delivered_seq:,} sequences ahead"
    if consumer.ack_policy == "none":
        return "delivered; it wants no acks"
    if sequence <= consumer.ack_floor_seq:
        return "settled: acknowledged, terminated or given up; below its ack floor"
    if consumer.oldest is not None and consumer.oldest.sequence == sequence:
        refused = consumer.refused
        words = ""
        if refused.worst_sequence == sequence:
            words = f", refused (nak) at delivery {refused.worst_deliveries}"
        return f"delivered, not acknowledged{words}: the ack floor stands before it"
    return "delivered, above the ack floor: acknowledged out of order, or still in flight"
