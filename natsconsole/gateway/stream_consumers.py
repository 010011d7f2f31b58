"""The consumers of one stream: which of them reads a subject, and what they come to together.

Those of a receiver group of ours share the stream out among them. Anybody else's are taken as
independent: each reads for itself what its filters match.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from natsconsole.domain.snapshots import ConsumerTotals
from natsconsole.domain.subjects import overlap
from natsconsole.gateway.jetstream import ConsumerInfo
from natsconsole.gateway.log_stream import GROUP_KEY

_REMEMBERED = 100_000
"""Subjects whose consumers are remembered."""


class StreamConsumers:
    """What one look found, and which consumers read which subject, from look to look."""

    def __init__(self) -> None:
        self.chosen: tuple[ConsumerInfo, ...] = ()
        """Those of our receivers, if there are any; else all."""
        self._by_name: dict[str, ConsumerInfo] = {}
        self._filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
        self._by_prefix: dict[str, list[tuple[str, str]]] = {}
        """Filters and who has them, by the tokens before a filter's first wildcard."""
        self._readers: dict[str, tuple[str, ...]] = {}
        """Names, by subject."""

    def take(self, found: Sequence[ConsumerInfo], ours: Iterable[str] = ()) -> None:
        """Take what a look found; ``ours``: names that our receivers tell."""
        names = frozenset(ours)
        mine = tuple(one for one in found if one.name in names or GROUP_KEY in one.metadata)
        self.chosen = mine or tuple(found)
        self._by_name = {one.name: one for one in self.chosen}
        filters = tuple((one.name, filters_of(one)) for one in self.chosen)
        if filters != self._filters:
            self._filters = filters
            self._readers.clear()
            self._by_prefix.clear()
            for name, some in filters:
                for each in some:
                    self._by_prefix.setdefault(_prefix(each), []).append((each, name))

    def reader_of(self, subject: str) -> ConsumerInfo | None:
        """Return the consumer that reads a subject, or a filter; of several the one most behind."""
        names = self._readers.get(subject)
        if names is None:
            if len(self._readers) >= _REMEMBERED:
                self._readers.clear()
            names = self._readers[subject] = tuple(sorted(self._names(subject)))
        return min((self._by_name[name] for name in names), key=_place, default=None)

    def _names(self, subject: str) -> set[str]:
        tokens = subject.split(".")
        if {"*", ">"} & set(tokens):
            candidates = [(each, name) for name, some in self._filters for each in some]
        else:
            prefixes = (".".join(tokens[:length]) for length in range(len(tokens) + 1))
            candidates = [pair for prefix in prefixes for pair in self._by_prefix.get(prefix, ())]
        return {name for each, name in candidates if overlap(each, subject)}

    @property
    def totals(self) -> ConsumerTotals:
        """Their figures together.

        What is unprocessed is summed over a group of ours only: independent consumers each count
        the same messages. Without a limit in any of them there is none for all.
        """
        limits = [int(one.config.get("max_ack_pending", 0)) for one in self.chosen]
        by_reader: Counter[str] = Counter()
        for one in self.chosen:
            by_reader[one.metadata.get(GROUP_KEY) or f"> {one.name}"] += one.num_pending
        return ConsumerTotals(
            unprocessed=max(by_reader.values(), default=0),
            outstanding_acks=sum(one.num_ack_pending for one in self.chosen),
            redelivered=sum(one.num_redelivered for one in self.chosen),
            max_ack_pending=sum(limits) if all(limit > 0 for limit in limits) else 0,
            waiting_pulls=sum(one.num_waiting for one in self.chosen),
            consumers=len(self.chosen),
        )


def filters_of(consumer: ConsumerInfo) -> tuple[str, ...]:
    """Return the filters of a consumer; ``>`` where it reads everything."""
    many = consumer.config.get("filter_subjects") or ()
    one = consumer.config.get("filter_subject") or ""
    return tuple(map(str, many)) or (str(one) or ">",)


def has_nothing_left(consumer: ConsumerInfo) -> bool:
    """Whether all it reads is delivered and acknowledged."""
    return not consumer.num_pending and not consumer.num_ack_pending


def _prefix(filter_: str) -> str:
    tokens = filter_.split(".")
    first = next((at for at, token in enumerate(tokens) if token in ("*", ">")), len(tokens))
    return ".".join(tokens[:first])


def _place(consumer: ConsumerInfo) -> tuple[bool, int]:
    return has_nothing_left(consumer), consumer.ack_floor.stream_seq
