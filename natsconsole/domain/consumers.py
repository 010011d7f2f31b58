"""A consumer of anybody's, as one look found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from natsconsole.domain.streams import Replica

ConsumerAckPolicy = Literal["none", "all", "explicit", "flow_control"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestMessage:
    """The first message past the ack floor that the filter matches: what a consumer is stuck on."""

    sequence: int
    subject: str
    time: float
    """When it was stored, in seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """A message that reached max deliver: it is in the stream, and never delivered again."""

    sequence: int
    deliveries: int
    time: str
    """When it was given up, RFC 3339."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What nak advisories told since we watch."""

    naks: int = 0
    waiting: int = 0
    """Messages above the ack floor that were refused (nak) and not settled, as far as is known."""
    worst_sequence: int = 0
    """The one refused at the highest delivery, and at which; 0 for none."""
    worst_deliveries: int = 0
    is_sampled: bool = False
    """There were more naks than we listen to: the figures are at least so high."""


NOTHING_REFUSED = Refused()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerState:
    """One consumer. Ages are as of ``taken``."""

    stream: str
    name: str
    taken: float = 0.0
    """When these figures were read, by our clock, in seconds since the epoch."""
    created: str = ""
    """RFC 3339."""
    created_seconds: float = 0.0
    """Since then."""
    description: str = ""
    kind: Literal["pull", "push"] = "pull"
    is_durable: bool = True
    filters: tuple[str, ...] = ()
    """Empty is every subject."""
    deliver_policy: str = "all"
    ack_policy: ConsumerAckPolicy = "explicit"
    ack_wait_seconds: float = 30.0
    backoff_seconds: tuple[float, ...] = ()
    max_deliver: int = -1
    """-1 is without end."""
    max_ack_pending: int = -1
    """-1 is no limit."""
    max_waiting: int = 0
    inactive_threshold_seconds: float = 0.0
    """After so long without a client it is deleted; 0 is never."""
    metadata: Mapping[str, str] = field(default_factory=dict)

    is_missing: bool = False
    """The server knows it, and nobody could tell how it stands: all but the name is unknown."""

    lag_messages: int = 0
    """num_pending: stored, matched and not delivered yet."""
    lag_seconds: float | None = None
    """Age of the first message past the ack floor that the filter matches; 0 where there is none,
    None where it is not known (yet, or not permitted)."""
    oldest: OldestMessage | None = None
    """That message, where it was looked up."""
    unacked: int = 0
    """num_ack_pending: delivered and not acknowledged."""
    redelivered: int = 0
    """num_redelivered: messages now in a redelivered state. A gauge, not a counter."""
    redeliveries: int = 0
    """Deliveries beyond a message's first, counted since we watch: at least so many."""
    redeliveries_at_floor: int = 0
    """Those since the ack floor last moved."""
    waiting_pulls: int = 0
    delivered_seq: int = 0
    """Stream sequence last delivered for the first time."""
    delivered_count: int = 0
    """Deliveries ever, repeats included."""
    ack_floor_seq: int = 0
    """All at or below this stream sequence are settled: acknowledged, terminated or given up."""
    floor_seconds: float = 0.0
    """For how long we have seen the ack floor stand still."""
    last_delivery_seconds: float | None = None
    """Since the last delivery; None where there was none since its leader started."""
    last_ack_seconds: float | None = None

    priority_policy: str = ""
    """``pinned_client``, ``overflow`` or ``prioritized``; empty for none."""
    groups: tuple[str, ...] = ()
    pinned_client: str = ""
    """Id of the client that is served alone; empty for none."""
    is_paused: bool = False
    paused_until: float | None = None
    """In seconds since the epoch."""
    deliver_subject: str = ""
    """Of a push consumer."""
    deliver_group: str = ""
    is_bound: bool = True
    """Whether anybody listens to a push consumer's deliver subject."""

    cluster: str = ""
    replicas_wanted: int = 1
    leader: str = ""
    replicas: tuple[Replica, ...] = ()

    delivered_per_second: float = 0.0
    """Repeats included."""
    acked_per_second: float = 0.0
    """Stream sequences by which the ack floor moves up."""
    lag_per_second: float = 0.0
    """By which ``lag_messages`` grows; below 0 while it drains."""
    watched_seconds: float = 0.0
    """For how long these rates and counts have been watched; 0 at the first look."""
    history: tuple[int, ...] = ()
    """``lag_messages`` at each look, oldest first."""

    refused: Refused = NOTHING_REFUSED
    given_up: tuple[GivenUp, ...] = ()
    """The latest messages that reached max deliver."""
    given_up_total: int = 0
    deleted_unacked: int = 0
    """Messages delivered, not acknowledged, and then removed by the stream's limits."""
    lost_unread: int = 0
    """Messages seen unread that the stream removed since we watch: at least so many."""

    @property
    def is_pull(self) -> bool:
        return self.kind == "pull"

    @property
    def ack_floor_gap(self) -> int:
        """Stream sequences between the ack floor and what was last delivered."""
        return max(0, self.delivered_seq - self.ack_floor_seq)

    @property
    def is_full(self) -> bool:
        """Whether delivery has stopped because of what is unacked."""
        return 0 < self.max_ack_pending <= self.unacked

    @property
    def has_work(self) -> bool:
        """Whether anything waits or is unacked."""
        return self.lag_messages > 0 or self.unacked > 0

    @property
    def seconds_to_zero(self) -> float | None:
        """Until nothing waits, at today's rate; None while it does not drain."""
        if self.lag_messages == 0:
            return 0.0
        return self.lag_messages / -self.lag_per_second if self.lag_per_second < 0 else None
