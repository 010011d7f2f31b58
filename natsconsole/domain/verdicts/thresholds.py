"""Thresholds that streams and consumers carry in their metadata, as ``nats server check`` reads.

Keys begin with ``io.nats.monitor.``. ``enabled: false`` turns them off; without ``enabled`` they
count. A value that cannot be read is said, never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.streams import StreamState
from natsconsole.domain.verdicts.verdict import Evidence, Severity, Verdict
from natsconsole.domain.verdicts.words import nats, span

PREFIX = "io.nats.monitor."
_DURATION = re.compile(r"(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h|d|w|M|y|Y))+")
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w|M|y|Y)")
_UNITS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
    "d": 86400.0, "w": 7 * 86400.0, "M": 30 * 86400.0, "y": 365 * 86400.0, "Y": 365 * 86400.0,
}  # fmt: skip
_TRUE, _FALSE = {"1", "t", "true"}, {"0", "f", "false"}
_AGES = {"last-delivery-critical", "last-ack-critical", "peer-seen-critical", "seen-critical"}
_FLAGS = {"enabled", "pinned"}
_OF_CONSUMERS = {
    "outstanding-ack-critical", "waiting-critical", "unprocessed-critical", "redelivery-critical",
    "last-delivery-critical", "last-ack-critical", "pinned",
}  # fmt: skip
_OF_STREAMS = {
    "lag-critical", "seen-critical", "min-sources", "max-sources", "peer-expect",
    "peer-lag-critical", "peer-seen-critical", "msgs-warn", "msgs-critical", "subjects-warn",
    "subjects-critical",
}  # fmt: skip


def seconds_of(text: str) -> float | None:
    """Read a duration such as ``90s``, ``1h30m`` or ``2d``; None where it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def consumer_thresholds(consumer: ConsumerState) -> Iterator[Verdict]:
    """Judge a consumer by its own thresholds."""
    if not consumer.metadata or consumer.is_missing:
        return
    limits = _Limits(consumer.metadata, _OF_CONSUMERS, consumer.stream, consumer.name)
    yield from limits.unreadable()
    for key, value, what in (
        ("outstanding-ack-critical", consumer.unacked, "unacked"),
        ("waiting-critical", consumer.waiting_pulls, "waiting pulls"),
        ("unprocessed-critical", consumer.lag_messages, "unprocessed"),
        ("redelivery-critical", consumer.redelivered, "redelivered"),
    ):
        limit = limits.number(key)
        if limit and value >= limit:
            yield limits.broken(key, f"{value:,} {what}", value)
    for key, age, what in (
        ("last-delivery-critical", consumer.last_delivery_seconds, "delivery"),
        ("last-ack-critical", consumer.last_ack_seconds, "ack"),
    ):
        limit = limits.number(key)
        if limit and age is None:
            yield limits.broken(key, f"no {what} yet", "never")
        elif limit and age is not None and age >= limit:
            yield limits.broken(key, f"the last {what} was {span(age)} ago", round(age, 1))
    if limits.is_set("pinned") and not consumer.pinned_client:
        yield limits.broken("pinned", "no client is pinned", "none")


def stream_thresholds(stream: StreamState) -> Iterator[Verdict]:
    """Judge a stream by its own thresholds."""
    if not stream.metadata or stream.is_missing:
        return
    limits = _Limits(stream.metadata, _OF_STREAMS, stream.name)
    yield from limits.unreadable()
    # As `nats server check` has it: few messages are the trouble.
    yield from _two(limits, "msgs", stream.messages, is_bad=lambda value, limit: value <= limit)
    rises = limits.number("subjects-warn") < limits.number("subjects-critical")
    yield from _two(
        limits,
        "subjects",
        stream.subjects_count,
        is_bad=lambda value, limit: value >= limit if rises else value <= limit,
    )
    yield from _of_sources(limits, stream)
    yield from _of_peers(limits, stream)


def _two(
    limits: _Limits, what: str, value: int, *, is_bad: Callable[[int, float], bool]
) -> Iterator[Verdict]:
    levels: tuple[tuple[str, Severity], ...] = (("critical", "critical"), ("warn", "warning"))
    for level, severity in levels:
        key = f"{what}-{level}"
        limit = limits.number(key)
        if limit and is_bad(value, limit):
            name = "messages" if what == "msgs" else what
            yield limits.broken(key, f"{value:,} {name}", value, severity)
            return


def _of_sources(limits: _Limits, stream: StreamState) -> Iterator[Verdict]:
    count = 0 if stream.is_mirror_only else len(stream.sources)
    least, most = limits.number("min-sources"), limits.number("max-sources")
    if least and count < least:
        yield limits.broken("min-sources", f"{count} sources", count)
    if most and count > most:
        yield limits.broken("max-sources", f"{count} sources", count)
    lag, seen = limits.number("lag-critical"), limits.number("seen-critical")
    for source in stream.sources:
        if lag and source.lag >= lag:
            yield limits.broken(
                "lag-critical", f"source {source.name} is {source.lag:,} behind", source.lag
            )
        if seen and (source.seen_seconds is None or source.seen_seconds >= seen):
            ago = "never" if source.seen_seconds is None else f"{span(source.seen_seconds)} ago"
            yield limits.broken("seen-critical", f"source {source.name} was seen {ago}", ago)


def _of_peers(limits: _Limits, stream: StreamState) -> Iterator[Verdict]:
    peers = len(stream.replicas) + bool(stream.leader)
    wanted = limits.number("peer-expect")
    if wanted and peers != wanted:
        yield limits.broken("peer-expect", f"{peers} peers", peers)
    lag, seen = limits.number("peer-lag-critical"), limits.number("peer-seen-critical")
    for peer in stream.replicas:
        if lag and peer.lag > lag:
            yield limits.broken(
                "peer-lag-critical", f"{peer.name} is {peer.lag:,} behind", peer.lag
            )
        if seen and peer.seen_seconds > seen:
            ago = round(peer.seen_seconds, 1)
            yield limits.broken("peer-seen-critical", f"{peer.name} was seen {span(ago)} ago", ago)


class _Limits:
    """The thresholds of one stream or consumer."""

    def __init__(
        self, metadata: Mapping[str, str], known: set[str], stream: str, consumer: str = ""
    ) -> None:
        self._texts: dict[str, str] = {}
        self._stream = stream
        self._consumer = consumer
        if metadata.get(f"{PREFIX}enabled", "").lower() not in _FALSE:
            self._texts = {
                key.removeprefix(PREFIX): text
                for key, text in metadata.items()
                if key.startswith(PREFIX) and key.removeprefix(PREFIX) in known
            }

    def number(self, key: str) -> float:
        """Return a threshold, in seconds where it is an age; 0 where there is none."""
        text = self._texts.get(key)
        return 0 if text is None else (_read(key, text) or 0)

    def is_set(self, key: str) -> bool:
        return self._texts.get(key, "").lower() in _TRUE

    def unreadable(self) -> Iterator[Verdict]:
        """Say which cannot be read."""
        for key, text in self._texts.items():
            is_flag = key in _FLAGS and text.lower() in _TRUE | _FALSE
            if not is_flag and _read(key, text) is None:
                yield self._verdict(
                    key,
                    "warning",
                    f"its metadata sets {PREFIX}{key} to {text!r}, which cannot be read",
                )

    def broken(
        self, key: str, what: str, value: float | str, severity: Severity = "critical"
    ) -> Verdict:
        """Say that a threshold is passed."""
        limit = self._texts[key]
        return self._verdict(
            key,
            severity,
            f"{what}: its metadata sets {key} to {limit}",
            (("value", value), ("threshold", limit)),
        )

    def _verdict(
        self, key: str, severity: Severity, sentence: str, evidence: Evidence = ()
    ) -> Verdict:
        info = ("consumer", "info", self._stream, self._consumer)
        return Verdict(
            rule=f"monitor-{key}",
            severity=severity,
            sentence=sentence,
            evidence=evidence,
            remedy=f"mend the cause, or change {PREFIX}{key} in its metadata",
            command=nats(*info) if self._consumer else nats("stream", "info", self._stream),
            stream=self._stream,
            consumer=self._consumer,
        )


def _read(key: str, text: str) -> float | None:
    if key in _AGES:
        return seconds_of(text)
    return float(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
