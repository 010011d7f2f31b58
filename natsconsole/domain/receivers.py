"""What a receiver says of itself, and what may be asked of it.

These values travel as JSON between the receiver's micro service and the gateway: fields may be
added, none renamed. Times are seconds since the epoch by the receiver's clock, durations seconds.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SERVICE_NAME = "natsconsole-receiver"
"""The micro service's name: ``nats micro ls`` shows it."""

AckPolicy = Literal["explicit", "all", "none"]
ACK_POLICIES: tuple[AckPolicy, ...] = ("explicit", "all", "none")

Answer = Literal["ack", "double-ack", "nak", "nak-delay", "in-progress", "term", "withhold"]
ANSWERS: tuple[Answer, ...] = (
    "ack", "double-ack", "nak", "nak-delay", "in-progress", "term", "withhold",
)  # fmt: skip
SAFE_ANSWERS: frozenset[Answer] = frozenset({"ack", "double-ack"})
"""Answers that cost nothing; every other needs a receiver started with ``--lab``."""

Fault = Literal["none", "disk-full"]
FsyncMode = Literal["always", "interval", "never"]

ReceiverState = Literal["starting", "running", "switching", "held", "paused", "draining", "standby"]
PartitionState = Literal[
    "waiting", "taking-over", "running", "switching", "held", "paused", "elsewhere"
]


def control_subject(group: str, name: str) -> str:
    """Return where a receiver's control endpoints listen: ``<subject>.<verb>``."""
    return f"natsconsole.receiver.{group}.{name}"


class AnswerRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What messages are answered with, and which of them."""

    answer: Answer = "ack"
    delay_seconds: float = 5.0
    """Of nak-delay."""
    reason: str = ""
    """Of term: it stands in the server's advisory."""
    share: float = 1.0
    """Share of the messages it applies to, by stream sequence; the others are acknowledged."""
    hosts: str = "*"
    """Shell pattern of the hosts it applies to; the others are acknowledged."""


class LostRange(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a source file that never came, as the ranges around them prove."""

    log: str
    """The log's name at its host."""
    file: str
    """The source file's identity."""
    start: int
    end: int
    lines: int


class PartitionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One partition as its worker sees it. ``elsewhere``: it is another receiver's business."""

    partition: int
    state: PartitionState
    consumer: str = ""
    reason: str = ""
    """Why it is held or waiting, in plain words."""
    delivered: int = 0
    """Highest stream sequence delivered to this worker."""
    committed: int = 0
    """Highest stream sequence that is written, synced and in the ledger."""
    unacked: int = 0
    held_messages: int = 0
    owner: str = ""
    """The receiver that has it, where that is another."""


class ReceiverStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver's whole state. Every control request is answered with it."""

    name: str
    group: str
    stream: str
    subject: str
    """Where its control endpoints listen: ``<subject>.<verb>``."""
    pid: int
    version: str
    now: float
    started: float
    directory: str
    lab: bool
    """Whether answers other than ack, and faults, may be chosen."""
    state: ReceiverState
    reason: str = ""
    """Why it is held or switching, in plain words."""
    held_since: float | None = None
    ack_policy: AckPolicy = "explicit"
    answer: Answer = "ack"
    rule: AnswerRule = AnswerRule()
    """The answer with its delay, reason, share and hosts."""
    fault: Fault = "none"
    fsync: FsyncMode = "always"
    ack_wait_seconds: float = 30.0
    backoff_seconds: tuple[float, ...] = ()
    """Waits before a redelivery, where set instead of ack wait."""
    max_deliver: int = -1
    max_ack_pending: int = 0
    """Of all its partitions together."""
    unacked: int = 0
    unwritten: int = 0
    """Messages in memory whose lines are not in the files yet."""
    held_messages: int = 0
    redelivered: int = 0
    """Deliveries beyond a message's first, since the receiver started."""
    written_lines: int = 0
    written_messages: int = 0
    written_bytes: int = 0
    suppressed: int = 0
    """Repeats recognised and not written, in messages."""
    lost: int = 0
    """Lines that the sources' ranges prove missing."""
    doubled: int = 0
    """Lines that may stand at another machine too, because a receiver there was lost between
    write and acknowledgement; always 0 among receivers that share a directory."""
    out_of_order: int = 0
    """Lines written after later lines of the same log."""
    disk_free_bytes: int = 0
    parked_hosts: int = 0
    """Hosts whose lines wait in the stream because their file cannot be written."""
    quarantined: int = 0
    """Messages terminated because they can never be written; they are kept in quarantine."""
    alarms: tuple[str, ...] = ()
    """What the operator must hear of, in plain words."""
    members: tuple[str, ...] = ()
    """Receivers of the group that are up, this one included."""
    partitions: tuple[PartitionStatus, ...] = ()


class HostStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One host as the receiver knows it: marks are stream sequences."""

    host: str
    partition: int
    delivered: int
    written: int
    written_lines: int = 0
    written_messages: int = 0
    unacked: int = 0
    redelivered: int = 0
    """Of the unacked, those delivered more than once."""
    held: bool = False
    reason: str = ""
    """Why it is held or parked, in plain words."""
    parked_from: int = 0
    """Stream sequence from which on its lines wait in the stream; 0 while they do not."""
    acked: int = 0
    """Messages of it that were acknowledged, terminated ones included."""
    suppressed: int = 0
    doubled: int = 0
    lost: int = 0
    lost_ranges: tuple[LostRange, ...] = ()
    """The latest of them."""
    out_of_order: int = 0
    quarantined: int = 0
    last_written: float = 0.0


class UnackedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message delivered and not yet acknowledged."""

    sequence: int
    host: str
    partition: int
    deliveries: int
    age: float
    """Seconds since this delivery."""
    remaining: float
    """Seconds until the server delivers it again; below 0 when it is due."""
    written: bool
    """Whether its lines are already in the host's file."""


class HostsRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask for hosts: the named ones, or a page of all in name order."""

    hosts: tuple[str, ...] | None = None
    offset: int = 0
    limit: int = 1000


class HostsReply(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    hosts: tuple[HostStatus, ...]


class UnackedRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask for unacked messages in sequence order: of the named hosts, or of all."""

    hosts: tuple[str, ...] | None = None
    offset: int = 0
    limit: int = 1000


class UnackedReply(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    now: float
    messages: tuple[UnackedMessage, ...]


class PolicyRequest(msgspec.Struct, frozen=True, kw_only=True):
    ack_policy: AckPolicy


class AnswerRequest(AnswerRule, frozen=True, kw_only=True):
    """Choose the answer for every message from now on."""


class SettingsRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Edit the group's consumers while they run; None leaves a setting as it is."""

    ack_wait_seconds: float | None = None
    max_ack_pending: int | None = None
    max_deliver: int | None = None
    backoff_seconds: tuple[float, ...] | None = None
    """Empty ends it."""


class MessageRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Answer one message in flight."""

    sequence: int
    answer: Answer
    delay_seconds: float = 5.0
    reason: str = ""


class FaultRequest(msgspec.Struct, frozen=True, kw_only=True):
    fault: Fault
