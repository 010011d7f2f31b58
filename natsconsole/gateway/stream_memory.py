"""What is remembered of a stream from look to look, and what the screen is told of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from natsconsole.domain.rates import Trend
from natsconsole.domain.streams import Discard, Limit, Replica, Retention, SourceState, StreamState
from natsconsole.domain.verdicts.judge import judge_stream
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.gateway.account_api import ClusterFacts, ListedStream, Upstream

SECOND = 10**9
HISTORY = 60
_NEVER_SEEN = -1


class StreamMemory:
    """One stream, over all looks."""

    __slots__ = (
        "_bytes",
        "_first",
        "_history",
        "_is_moving",
        "_knows_consumers",
        "_last",
        "_listed",
        "consumers_read",
        "is_unanswered",
        "name",
        "revision",
        "state",
        "verdicts",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = StreamState(name=name)
        self.verdicts: tuple[Verdict, ...] = ()
        self.consumers_read = 0.0
        """When its consumers were last asked for, by our clock; 0 before."""
        self.is_unanswered = False
        """Whether nobody answered then."""
        self.revision = 0
        """Changes whenever anything but ages did."""
        self._knows_consumers = False
        self._listed: ListedStream | None = None
        self._is_moving = False
        self._last = Trend()
        self._first = Trend()
        self._bytes = Trend()
        self._history: deque[float] = deque(maxlen=HISTORY)

    @property
    def consumers_count(self) -> int:
        return self.state.consumers_count

    def note(self, listed: ListedStream, now: float) -> None:
        """Take in how it stands now."""
        before = self._listed
        if before is not None and before.created != listed.created:
            self._start_over()
            before = None
        changed = before is None or (before.state, before.config, before.cluster) != (
            listed.state, listed.config, listed.cluster,
        )  # fmt: skip
        if changed or self._is_moving:
            self.revision += 1
        self._is_moving = changed
        self._listed = listed
        self._last.note(now, listed.state.last_seq)
        self._first.note(now, listed.state.first_seq)
        self._bytes.note(now, listed.state.bytes)
        self._history.append(self._last.rate)
        self.state = self._told(listed, now)
        self.verdicts = judge_stream(self.state)

    def note_absence(self, now: float, *, offline_reason: str = "") -> None:
        """Take note that the server knows it, but nobody could tell how it stands."""
        told = self.state
        self._start_over()
        self.state = StreamState(
            name=self.name,
            taken=now,
            replicas_wanted=max(1, told.replicas_wanted),
            knows_consumers=False,
            is_missing=True,
            offline_reason=offline_reason,
        )
        self.verdicts = judge_stream(self.state)

    def note_consumers(self, now: float, *, known: bool) -> None:
        """Take note that its consumers were read, or may not be."""
        self.consumers_read = now
        self.is_unanswered = False
        if self._knows_consumers != known:
            self._knows_consumers = known
            if self._listed is not None:
                self.state = self._told(self._listed, self.state.taken)

    def note_silence(self, now: float) -> None:
        """Take note that nobody could tell its consumers."""
        self.consumers_read = now
        self.is_unanswered = True

    def _start_over(self) -> None:
        self._listed = None
        self._last, self._first, self._bytes = Trend(), Trend(), Trend()
        self._history.clear()
        self._knows_consumers = False
        self.consumers_read = 0.0
        self.revision += 1

    def _told(self, listed: ListedStream, now: float) -> StreamState:
        config, state = listed.config, listed.state
        cluster = listed.cluster or ClusterFacts()
        upstream = (listed.mirror,) if listed.mirror else listed.sources or ()
        return StreamState(
            name=self.name,
            taken=now,
            created=listed.created,
            description=config.description,
            subjects=config.subjects or (),
            transform=config.subject_transform.dest if config.subject_transform else "",
            transforms=config.subject_transform.src if config.subject_transform else "",
            is_mirror=bool(upstream),
            sources=tuple(_source(one) for one in upstream),
            retention=cast(Retention, config.retention),
            storage=cast(Any, config.storage),
            discard=cast(Discard, config.discard),
            allow_direct=config.allow_direct,
            is_sealed=config.sealed,
            max_messages=config.max_msgs,
            max_bytes=config.max_bytes,
            max_messages_per_subject=config.max_msgs_per_subject,
            max_message_bytes=config.max_msg_size,
            max_age_seconds=config.max_age / SECOND,
            duplicate_window_seconds=config.duplicate_window / SECOND,
            metadata=config.metadata or {},
            messages=state.messages,
            bytes=state.bytes,
            first_seq=state.first_seq,
            last_seq=state.last_seq,
            first_time=moment_of(state.first_ts),
            last_time=moment_of(state.last_ts),
            deleted=state.num_deleted,
            subjects_count=state.num_subjects,
            consumers_count=state.consumer_count,
            knows_consumers=self._knows_consumers or state.consumer_count == 0,
            cluster=cluster.name,
            replicas_wanted=config.num_replicas,
            leader=cluster.leader,
            replicas=replicas_of(cluster),
            messages_per_second=max(0.0, self._last.rate),
            bytes_per_second=self._bytes.rate,
            removed_per_second=max(0.0, self._first.rate),
            history=tuple(self._history),
            limits=tuple(sorted(self._limits(listed), key=_nearness)),
        )

    def _limits(self, listed: ListedStream) -> Iterator[Limit]:
        config, state = listed.config, listed.state
        kept = self._last.rate - self._first.rate
        for name, used, limit, rate in (
            ("max bytes", state.bytes, config.max_bytes, self._bytes.rate),
            ("max messages", state.messages, config.max_msgs, kept),
        ):
            if limit > 0:
                left = max(0, limit - used)
                seconds = 0.0 if not left else left / rate if rate > 0 else None
                yield Limit(name=cast(Any, name), used=used, limit=limit, seconds_left=seconds)
        first, now = moment_of(state.first_ts), moment_of(listed.ts)
        if config.max_age > 0 and state.messages and first and now:
            limit_seconds = config.max_age / SECOND
            age = max(0.0, now - first)
            yield Limit(
                name="max age",
                used=age,
                limit=limit_seconds,
                seconds_left=max(0.0, limit_seconds - age),
            )


def _nearness(limit: Limit) -> tuple[bool, float, float]:
    """Sort limits that refuse or drop before age, which every message comes to."""
    left = limit.seconds_left
    return (limit.name == "max age", -limit.share if left is None else 0.0, left or 0.0)


def _source(one: Upstream) -> SourceState:
    return SourceState(
        name=one.name,
        lag=one.lag,
        seen_seconds=None if one.active == _NEVER_SEEN else one.active / SECOND,
        error=one.error.description if one.error else "",
    )


def replicas_of(cluster: ClusterFacts) -> tuple[Replica, ...]:
    """Return a leader's peers."""
    return tuple(
        Replica(
            name=peer.name,
            is_current=peer.current,
            is_offline=peer.offline,
            lag=peer.lag,
            seen_seconds=peer.active / SECOND,
        )
        for peer in cluster.replicas or ()
    )


def moment_of(time: datetime | None) -> float | None:
    """Return seconds since the epoch; None for no time, which the server writes as year 1."""
    return None if time is None or time.year < 1970 else time.timestamp()
