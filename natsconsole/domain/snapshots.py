"""What one look at the pipeline found. The screen is a function of these values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.domain.shippers import NO_SHIPPERS, ShipperPulse, ShippersSeen

HostState = Literal["live", "quiet", "silent", "held", "paused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The connection, as it is now."""

    state: Literal["connecting", "live", "lost"] = "connecting"
    address: str = ""
    """Host and port, never with credentials."""
    server_name: str = ""
    server_version: str = ""
    rtt_seconds: float | None = None
    since: float = 0.0
    """When the state began, in seconds since the epoch."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A rate and its recent past, oldest first."""

    per_second: float = 0.0
    history: tuple[float, ...] = ()
    is_estimate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    """One host, as the table shows it."""

    host: str
    partition: str = ""
    state: HostState = "live"
    lines_per_second: float = 0.0
    lag_messages: int | None = 0
    """None where it is behind, and the stream does not tell by how many (no direct get)."""
    lag_seconds: float = 0.0
    """Age of the oldest message that is stored and not written; 0 where there is none."""
    unacked: int = 0
    redelivered: int = 0
    last_seen: float | None = None
    """When the stream stored the host's last message, in seconds since the epoch."""
    messages: int = 0
    history: tuple[float, ...] = ()
    """The rate's recent past, oldest first; empty where nothing came."""
    shipper: ShipperPulse | None = None
    """How its shipper is, where one was heard."""

    def unseen_seconds(self, now: float) -> float | None:
        """Return for how long the stream has stored nothing of the host; None if it never did."""
        return None if self.last_seen is None else max(0.0, now - self.last_seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerTotals:
    """JetStream's own figures, summed over the consumers of the stream."""

    unprocessed: int = 0
    """num_pending."""
    outstanding_acks: int = 0
    """num_ack_pending."""
    redelivered: int = 0
    """num_redelivered: messages now in a redelivered state, not a counter."""
    max_ack_pending: int = 0
    waiting_pulls: int = 0
    consumers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSnapshot:
    """Everything the Home screen shows but the log lines."""

    taken: float = 0.0
    """By the console's clock, in seconds since the epoch."""
    stream: str = ""
    created: str = ""
    """When the stream was made: tells one that was made anew, whose sequences begin again."""
    messages: int = 0
    bytes: int = 0
    inflow: Flow = Flow()
    """Lines stored per second."""
    outflow: Flow = Flow()
    """Lines written per second, by all receivers."""
    lag_messages: int = 0
    lag_seconds: float = 0.0
    totals: ConsumerTotals = ConsumerTotals()
    hosts: tuple[HostRow, ...] = ()
    hosts_total: int = 0
    """How many there are: at least so many where ``has_more_hosts``."""
    has_more_hosts: bool = False
    """Whether the server told of a part of the stream's subjects only."""
    receivers: tuple[ReceiverStatus, ...] = ()
    shippers: ShippersSeen = NO_SHIPPERS
    is_log_stream: bool = True
    """Whether the stream was set up for receivers of ours."""
    is_lab: bool = False
    """Whether the stream was made for the ack lab."""
    problem: str = ""
    """Why the look is incomplete, in one line; empty when it is not."""
    knows_receivers: bool = True
    """False where receivers could not be asked: then none was seen, and some may be there."""

    @property
    def hosts_lag(self) -> int:
        """What all hosts are behind, in messages: at least so many."""
        return sum(1 if row.lag_messages is None else row.lag_messages for row in self.hosts)

    @property
    def receiver(self) -> ReceiverStatus | None:
        """The receiver the keys act on: the first by name."""
        return self.receivers[0] if self.receivers else None


EMPTY_HOME = HomeSnapshot()
