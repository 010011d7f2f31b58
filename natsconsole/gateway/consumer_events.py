"""What advisories tell of consumers that their figures do not: refused, given up, deleted unread.

A storm of refusals (nak) would cost more to hear than it is worth: of those only so many are heard
in each look, and the figures say that they are at least so high.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from natsconsole.domain.advisories import DELETED, AdvisoryBody, read_body
from natsconsole.domain.consumers import NOTHING_REFUSED, GivenUp, Refused
from natsconsole.domain.streams import StreamState
from natsconsole.gateway.stored_lines import epoch_seconds
from natsconsole.gateway.stream_reader import StreamReader
from shipper.connection import Connection, Subscription
from shipper.connection_options import DEFAULT_EVENT_PREFIX

GIVEN_UP = "ADVISORY.CONSUMER.MAX_DELIVERIES"
TERMINATED = "ADVISORY.CONSUMER.MSG_TERMINATED"
REFUSED = "ADVISORY.CONSUMER.MSG_NAKED"
NAMED = 20
"""Messages given up that are named at most, the latest."""
HEARD = 2_000
"""Refusals heard in one look at most."""
REMEMBERED = 10_000
"""Refused messages remembered of one consumer."""
CONSUMERS = 10_000
"""Consumers of which anything is remembered: whoever may publish advisories may invent names."""
PAST = 500
"""Advisories of the past that are read at most."""


class EventsOfConsumer:
    """What was heard of one consumer."""

    __slots__ = ("_refused", "deleted_unacked", "given_up", "given_up_total", "naks", "revision")

    def __init__(self) -> None:
        self.revision = 0
        self.given_up: deque[GivenUp] = deque(maxlen=NAMED)
        self.given_up_total = 0
        self.deleted_unacked = 0
        self.naks = 0
        self._refused: dict[int, int] = {}

    def note_given_up(self, one: GivenUp) -> None:
        """Take note of a message that reached max deliver."""
        self.given_up.append(one)
        self.given_up_total += 1
        self._refused.pop(one.sequence, None)
        self.revision += 1

    def note_terminated(self, sequence: int, *, deleted: bool) -> None:
        """Take note of a message that was terminated, or removed by the stream's limits."""
        self.deleted_unacked += deleted
        self._refused.pop(sequence, None)
        self.revision += 1

    def note_refused(self, sequence: int, deliveries: int) -> None:
        """Take note of a nak."""
        self.naks += 1
        self.revision += 1
        if sequence in self._refused or len(self._refused) < REMEMBERED:
            self._refused[sequence] = max(deliveries, self._refused.get(sequence, 0))

    def refused(self, floor: int, *, is_sampled: bool = False) -> Refused:
        """Return what is refused and not settled, as far as the ack floor tells."""
        if not self.naks:
            return NOTHING_REFUSED
        self._refused = {
            sequence: times for sequence, times in self._refused.items() if sequence > floor
        }
        worst = max(self._refused, key=lambda one: self._refused[one], default=0)
        return Refused(
            naks=self.naks,
            waiting=len(self._refused),
            worst_sequence=worst,
            worst_deliveries=self._refused.get(worst, 0),
            is_sampled=is_sampled,
        )


_NOTHING = EventsOfConsumer()


class ConsumerEvents:
    """Listens to the advisories of every consumer of the account."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._prefix = connection.options.event_prefix
        self._by_consumer: dict[tuple[str, str], EventsOfConsumer] = {}
        self._subscriptions: list[Subscription] = []
        self._refusals: Subscription | None = None
        self._heard = 0
        self._past_ids: set[str] = set()
        self.is_sampled = False
        """Whether there were more refusals than are heard."""

    async def listen(self) -> None:
        """Listen; called before each look, which gives leave to hear more refusals."""
        self._heard = 0
        if not self._subscriptions:
            for what, take in ((GIVEN_UP, self._take_given_up), (TERMINATED, self._take_end)):
                self._subscriptions.append(
                    await self._connection.subscribe(f"{self._prefix}.{what}.>", take)
                )
        if self._refusals is None:
            self._refusals = await self._connection.subscribe(
                f"{self._prefix}.{REFUSED}.>", self._take_refusal
            )

    def close(self) -> None:
        """Listen no more."""
        for one in (*self._subscriptions, *([self._refusals] if self._refusals else [])):
            one.cancel()
        self._subscriptions.clear()
        self._refusals = None

    @property
    def denied(self) -> tuple[str, ...]:
        """What this login may not hear, and what is not known for that, one line each."""
        wanted = (
            (f"{self._prefix}.{GIVEN_UP}.>", "which messages reached max deliver is not known"),
            (f"{self._prefix}.{TERMINATED}.>", "what limits removed unacknowledged is not known"),
            (f"{self._prefix}.{REFUSED}.>", "which messages are refused (nak) is not known"),
        )
        return tuple(
            f"not permitted: to hear {subject}, so {cost}"
            for subject, cost in wanted
            if subject in self._connection.denied
        )

    async def read_past(
        self, reader: StreamReader, state: StreamState, born: Mapping[tuple[str, str], float]
    ) -> None:
        """Read the messages given up from a stream that keeps advisories.

        ``born``: when each consumer was made, in seconds since the epoch: what was given up
        before that was given up by another of the same name.

        Raises:
            ApiError, ConnectionProblem: the stream cannot be read.
        """
        found = await reader.before(
            f"{DEFAULT_EVENT_PREFIX}.{GIVEN_UP}.>", state.last_seq + 1, PAST, first=state.first_seq
        )
        for one in found:
            event = _read(one.payload)
            if event is None:
                continue
            birth = born.get((event.stream, event.consumer))
            if birth is not None and epoch_seconds(event.timestamp) >= birth:
                self._take_given_up(one.subject, "", b"", one.payload)

    def of(self, stream: str, consumer: str) -> EventsOfConsumer:
        """Return what was heard of one consumer."""
        return self._by_consumer.get((stream, consumer), _NOTHING)

    def forget(self, stream: str, consumer: str) -> None:
        """Forget a consumer that is gone."""
        self._by_consumer.pop((stream, consumer), None)

    def _take_given_up(self, _subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        if found := self._new(payload):
            event, known = found
            known.note_given_up(
                GivenUp(
                    sequence=event.stream_seq, deliveries=event.deliveries, time=event.timestamp
                )
            )

    def _take_end(self, _subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        if found := self._new(payload):
            event, known = found
            known.note_terminated(event.stream_seq, deleted=event.reason == DELETED)

    def _new(self, payload: bytes) -> tuple[AdvisoryBody, EventsOfConsumer] | None:
        """Return an event that was not taken yet, and what is known of its consumer."""
        event = _read(payload)
        if event is None or event.id in self._past_ids:
            return None
        known = self._known(event)
        if known is None:
            return None
        if event.id and len(self._past_ids) < REMEMBERED:
            self._past_ids.add(event.id)
        return event, known

    def _take_refusal(self, _subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        self._heard += 1
        if self._heard > HEARD:
            self.is_sampled = True
            if self._refusals is not None:
                self._refusals.cancel()
                self._refusals = None
            return
        event = _read(payload)
        known = None if event is None else self._known(event)
        if event is not None and known is not None:
            known.note_refused(event.stream_seq, event.deliveries)

    def _known(self, event: AdvisoryBody) -> EventsOfConsumer | None:
        key = (event.stream, event.consumer)
        found = self._by_consumer.get(key)
        if found is None and len(self._by_consumer) < CONSUMERS:
            found = self._by_consumer[key] = EventsOfConsumer()
        return found


def _read(payload: bytes) -> AdvisoryBody | None:
    event = read_body(payload)
    if event is None:
        return None
    return event if event.stream and event.consumer and event.stream_seq > 0 else None
