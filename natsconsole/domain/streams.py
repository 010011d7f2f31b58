"""A stream of anybody's, as one look found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Retention = Literal["limits", "interest", "workqueue"]
Discard = Literal["old", "new"]
LimitName = Literal["max bytes", "max messages", "max age"]
PREFIX_KEY = "natsconsole.prefix"
"""In the metadata of a log stream of ours: what its subjects begin with."""
PARTITIONS_KEY = "natsconsole.partitions"
"""There, too: how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A peer that follows the leader of a stream or consumer."""

    name: str
    is_current: bool = True
    """Whether it has all that the leader has committed."""
    is_offline: bool = False
    lag: int = 0
    """Operations that it is behind."""
    seen_seconds: float = 0.0
    """Since the leader last heard of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """A stream that this one mirrors, or takes messages from."""

    name: str
    lag: int = 0
    """Messages it has that are not here yet."""
    seen_seconds: float | None = None
    """Since anything was heard of it; None for never."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit of a stream and how near it is."""

    name: LimitName
    used: float
    """In bytes, messages, or seconds (the age of the first message)."""
    limit: float
    """In the same unit."""
    seconds_left: float | None = None
    """Until it is reached at today's rate; 0 where it is, None where it is not coming nearer."""

    @property
    def share(self) -> float:
        """How much of it is used, 1 for all."""
        return self.used / self.limit if self.limit > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """One stream: its settings, what it holds, who leads it."""

    name: str
    taken: float = 0.0
    """When these figures were read, by our clock, in seconds since the epoch."""
    created: str = ""
    """RFC 3339; tells a re-created stream from the one before."""
    description: str = ""
    subjects: tuple[str, ...] = ()
    """What it takes. Stored subjects differ where ``transform`` is set."""
    transform: str = ""
    """Destination of its subject transform; empty for none."""
    transforms: str = ""
    """Subjects that the transform takes; empty for all."""
    is_mirror: bool = False
    """A mirror or a stream with sources: what it stores is decided elsewhere, too."""
    sources: tuple[SourceState, ...] = ()
    """What it mirrors or takes from."""
    retention: Retention = "limits"
    storage: Literal["file", "memory"] = "file"
    discard: Discard = "old"
    allow_direct: bool = False
    is_sealed: bool = False
    max_messages: int = -1
    """-1 is no limit, here and in the next three."""
    max_bytes: int = -1
    max_messages_per_subject: int = -1
    max_message_bytes: int = -1
    max_age_seconds: float = 0.0
    """0 is no limit."""
    duplicate_window_seconds: float = 0.0
    metadata: Mapping[str, str] = field(default_factory=dict)

    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0
    first_time: float | None = None
    """When the first message was stored, in seconds since the epoch; None where there is none."""
    last_time: float | None = None
    deleted: int = 0
    """Messages deleted between the first and the last."""
    subjects_count: int = 0
    """How many different subjects are stored."""
    consumers_count: int = 0
    """As the server says, whether or not we may see them."""
    knows_consumers: bool = True
    """False where this login may not list its consumers, or they were not read yet."""
    is_missing: bool = False
    """The server knows it, and nobody could tell how it stands: all but the name is unknown."""
    offline_reason: str = ""
    """Why a server does not run it, as an older one does not what a newer one made."""

    cluster: str = ""
    """Empty on a server alone."""
    replicas_wanted: int = 1
    leader: str = ""
    """Empty where there is none, or on a server alone."""
    replicas: tuple[Replica, ...] = ()
    """The leader's peers, the leader not among them."""

    messages_per_second: float = 0.0
    """Stored, over the last looks."""
    bytes_per_second: float = 0.0
    """By which it grows; below 0 while it shrinks."""
    removed_per_second: float = 0.0
    """Sequences by which its first message moves up."""
    history: tuple[float, ...] = ()
    """Messages stored per second between each two looks, oldest first."""
    limits: tuple[Limit, ...] = ()
    """Those that are set, the nearest first."""

    @property
    def is_mirror_only(self) -> bool:
        """Whether it takes messages from nowhere but the stream that it mirrors."""
        return self.is_mirror and not self.subjects and len(self.sources) == 1

    @property
    def is_replicated(self) -> bool:
        return self.replicas_wanted > 1

    @property
    def nearest_limit(self) -> Limit | None:
        """The limit that will be reached first, or is fullest."""
        return self.limits[0] if self.limits else None
