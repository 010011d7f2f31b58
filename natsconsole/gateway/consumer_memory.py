"""What is remembered of a consumer from look to look, and what the screen is told of it."""

from __future__ import annotations

from collections import deque
from typing import cast

from natsconsole.domain.consumers import ConsumerAckPolicy, ConsumerState, OldestMessage, Refused
from natsconsole.domain.rates import Trend
from natsconsole.domain.streams import StreamState
from natsconsole.domain.verdicts.judge import judge_consumer
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.gateway.account_api import ClusterFacts, ListedConsumer
from natsconsole.gateway.consumer_events import ConsumerEvents, EventsOfConsumer
from natsconsole.gateway.jetstream import StoredMessage
from natsconsole.gateway.stored_lines import epoch_seconds
from natsconsole.gateway.stream_memory import SECOND, StreamMemory, moment_of, replicas_of

HISTORY = 60
MOST_FILTERS = 8
"""Filters up to which the oldest message is looked for: each takes a request."""


class ConsumerMemory:
    """One consumer, over all looks."""

    __slots__ = (
        "_delivered",
        "_floor",
        "_floor_since",
        "_history",
        "_judged",
        "_lag",
        "_listed",
        "_looked_up_at",
        "_lost",
        "_oldest",
        "_redeliveries",
        "_redeliveries_at_floor",
        "_stream_last",
        "_taken",
        "_watched_since",
        "looked_up",
        "name",
        "state",
        "stream",
        "verdicts",
    )

    def __init__(self, stream: str, name: str) -> None:
        self.stream = stream
        self.name = name
        self.state = ConsumerState(stream=stream, name=name)
        self.verdicts: tuple[Verdict, ...] = ()
        self.looked_up = 0.0
        """When its oldest message was last looked for, by our clock; 0 before."""
        self._start_over(0.0)

    def _start_over(self, now: float) -> None:
        self._listed: ListedConsumer | None = None
        self._taken = now
        self._watched_since = now
        self._delivered = Trend()
        self._floor = Trend()
        self._lag = Trend()
        self._history: deque[int] = deque(maxlen=HISTORY)
        self._floor_since = now
        self._redeliveries = 0
        self._redeliveries_at_floor = 0
        self._stream_last = 0
        self._judged: tuple[int, int] | None = None
        self._oldest: OldestMessage | None = None
        self._looked_up_at = -1
        self._lost = 0

    # What comes in.

    def note(self, listed: ListedConsumer, stream: StreamState, now: float) -> None:
        """Take in how it stands now."""
        before = self._listed
        if before is None or before.created != listed.created:
            self._start_over(now)
            before = None
        floor = listed.ack_floor.stream_seq
        if before is not None:
            again = _redelivered_since(before, listed, stream.last_seq - self._stream_last)
            self._redeliveries += again
            if floor != before.ack_floor.stream_seq:
                self._floor_since = now
                self._redeliveries_at_floor = 0
            else:
                self._redeliveries_at_floor += again
        self._listed = listed
        self._taken = now
        self._stream_last = stream.last_seq
        self._delivered.note(now, listed.delivered.consumer_seq)
        self._floor.note(now, floor)
        self._lag.note(now, listed.num_pending)
        self._history.append(listed.num_pending)
        self._note_loss(floor, stream)
        self._judged = None

    def note_absence(self, now: float) -> None:
        """Take note that the server knows it, but nobody could tell how it stands."""
        self._start_over(now)
        self._taken = now
        self.state = ConsumerState(stream=self.stream, name=self.name, taken=now, is_missing=True)

    def _note_loss(self, floor: int, stream: StreamState) -> None:
        oldest = self._oldest
        if oldest is None:
            return
        if floor >= oldest.sequence:
            self._oldest = None
        elif stream.first_seq > oldest.sequence:
            self._lost += 1
            self._oldest = None

    def is_another(self, listed: ListedConsumer) -> bool:
        """Whether this is not the consumer that was here before under the same name."""
        return self._listed is not None and self._listed.created != listed.created

    @property
    def born(self) -> float:
        """When it was made, in seconds since the epoch; 0 where that is not known."""
        return (moment_of(self._listed.created) or 0.0) if self._listed else 0.0

    @property
    def needs_look_up(self) -> bool:
        """Whether the oldest message is to be looked for: something waits, and the floor moved."""
        listed = self._listed
        if listed is None or len(self.filters) > MOST_FILTERS:
            return False
        if not listed.num_pending and not listed.num_ack_pending:
            return False
        return self._looked_up_at != listed.ack_floor.stream_seq or self._oldest is None

    @property
    def floor(self) -> int:
        return self._listed.ack_floor.stream_seq if self._listed else 0

    @property
    def filters(self) -> tuple[str, ...]:
        """Its subject filters; one empty one for every subject."""
        if self._listed is None:
            return ("",)
        config = self._listed.config
        return config.filter_subjects or (config.filter_subject,)

    def note_oldest(self, found: StoredMessage | None, floor: int, now: float) -> None:
        """Take the first message past a floor that the filters match; None where there is none."""
        self.looked_up = now
        self._looked_up_at = floor
        self._oldest = (
            OldestMessage(
                sequence=found.sequence, subject=found.subject, time=epoch_seconds(found.time)
            )
            if found
            else None
        )
        self._judged = None

    # What is told.

    def judge(
        self, memory: StreamMemory, events: ConsumerEvents, *, keeps_advisories: bool
    ) -> None:
        """Bring ``state`` and ``verdicts`` up to date; costs nothing where nothing changed."""
        of_mine = events.of(self.stream, self.name)
        revisions = (memory.revision, of_mine.revision)
        if revisions == self._judged:
            return
        self._judged = revisions
        if self._listed is not None:
            refused = of_mine.refused(self.floor, is_sampled=events.is_sampled)
            self.state = self._told(self._listed, of_mine, refused, memory.state)
        self.verdicts = judge_consumer(self.state, memory.state, keeps_advisories=keeps_advisories)

    def _told(
        self,
        listed: ListedConsumer,
        events: EventsOfConsumer,
        refused: Refused,
        stream: StreamState,
    ) -> ConsumerState:
        config = listed.config
        # 0 is the stream's own number for a durable one.
        wanted = config.num_replicas or (stream.replicas_wanted if config.durable_name else 1)
        floor = listed.ack_floor.stream_seq
        served = moment_of(listed.ts) or self._taken
        cluster = listed.cluster or ClusterFacts()
        pins = (group.pinned_client_id for group in listed.priority_groups or ())
        left = listed.pause_remaining / SECOND
        return ConsumerState(
            stream=self.stream,
            name=self.name,
            taken=self._taken,
            created="" if listed.created is None else listed.created.isoformat(),
            created_seconds=_age(moment_of(listed.created), served) or 0.0,
            description=config.description,
            kind="push" if config.deliver_subject else "pull",
            is_durable=bool(config.durable_name),
            filters=tuple(one for one in self.filters if one),
            deliver_policy=config.deliver_policy,
            ack_policy=cast(ConsumerAckPolicy, config.ack_policy),
            ack_wait_seconds=config.ack_wait / SECOND,
            backoff_seconds=tuple(wait / SECOND for wait in config.backoff or ()),
            max_deliver=config.max_deliver,
            max_ack_pending=config.max_ack_pending,
            max_waiting=config.max_waiting,
            inactive_threshold_seconds=config.inactive_threshold / SECOND,
            metadata=config.metadata or {},
            lag_messages=listed.num_pending,
            lag_seconds=self._lag_seconds(listed, served),
            oldest=self._oldest,
            unacked=listed.num_ack_pending,
            redelivered=listed.num_redelivered,
            redeliveries=self._redeliveries,
            redeliveries_at_floor=self._redeliveries_at_floor,
            waiting_pulls=listed.num_waiting,
            delivered_seq=listed.delivered.stream_seq,
            delivered_count=listed.delivered.consumer_seq,
            ack_floor_seq=floor,
            floor_seconds=max(0.0, self._taken - self._floor_since),
            last_delivery_seconds=_age(moment_of(listed.delivered.last_active), served),
            last_ack_seconds=_age(moment_of(listed.ack_floor.last_active), served),
            priority_policy=config.priority_policy,
            groups=config.priority_groups or (),
            pinned_client=next((pin for pin in pins if pin), ""),
            is_paused=listed.paused,
            paused_until=self._taken + left if listed.paused else None,
            deliver_subject=config.deliver_subject,
            deliver_group=config.deliver_group,
            is_bound=listed.push_bound if config.deliver_subject else True,
            cluster=cluster.name,
            replicas_wanted=max(wanted, 1 + len(cluster.replicas or ())),
            leader=cluster.leader,
            replicas=replicas_of(cluster),
            delivered_per_second=max(0.0, self._delivered.rate),
            acked_per_second=max(0.0, self._floor.rate),
            lag_per_second=self._lag.rate,
            watched_seconds=max(0.0, self._taken - self._watched_since),
            history=tuple(self._history),
            refused=refused,
            given_up=tuple(events.given_up),
            given_up_total=events.given_up_total,
            deleted_unacked=events.deleted_unacked,
            lost_unread=self._lost,
        )

    def _lag_seconds(self, listed: ListedConsumer, served: float) -> float | None:
        if not listed.num_pending and not listed.num_ack_pending:
            return 0.0
        if self._oldest is None:
            return 0.0 if self._looked_up_at == listed.ack_floor.stream_seq else None
        # Where the floor moved since, the message is done and the age an upper bound.
        return max(0.0, served - self._oldest.time)


def _redelivered_since(before: ListedConsumer, now: ListedConsumer, stored: int) -> int:
    """Return how many deliveries between two looks were repeats: at least so many.

    First deliveries are at most the sequences passed, and at most what waited and came meanwhile.
    """
    deliveries = now.delivered.consumer_seq - before.delivered.consumer_seq
    passed = now.delivered.stream_seq - before.delivered.stream_seq
    if deliveries <= 0 or passed < 0:  # reset, or made anew
        return 0
    first = min(passed, max(0, before.num_pending - now.num_pending + max(0, stored)))
    return max(0, deliveries - first)


def _age(then: float | None, now: float) -> float | None:
    return None if then is None else max(0.0, now - then)
