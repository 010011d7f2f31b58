"""What one look at everything in a JetStream account found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.streams import StreamState
from natsconsole.domain.verdicts.verdict import Severity, Verdict, worst

ProblemKind = Literal[
    "", "no-jetstream", "wrong-domain", "too-old", "not-permitted", "no-answer", "link-lost"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """The server we are connected to."""

    name: str = ""
    version: str = ""
    address: str = ""
    """Host and port, never with credentials."""
    rtt_seconds: float | None = None
    has_leader: bool = True
    """Whether JetStream's own group, which all servers of a cluster are in, has a leader."""
    clock_ahead_seconds: float | None = None
    """By how much a server's clock is ahead of ours, below 0 where it is behind: what the time
    that a request took cannot explain. None where no answer told its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """What the account uses, and what it may. -1 is no limit."""

    domain: str = ""
    memory: int = 0
    storage: int = 0
    max_memory: int = -1
    max_storage: int = -1
    streams: int = 0
    consumers: int = 0
    max_streams: int = -1
    max_consumers: int = -1
    api_errors: int = 0
    """Requests of the account that JetStream answered with an error, ever."""
    tier: str = ""
    """Where limits are by tier, the one that is fullest, such as ``R3``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTrouble:
    """What somebody who publishes says of it, though nothing is stored of that."""

    who: str
    """The machine."""
    kind: Literal["no-answer", "no-room", "stream-full", "other"]
    sentence: str
    heard_seconds: float = 0.0
    """Since it was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageSnapshot:
    """Everything that the screens of streams and consumers show."""

    taken: float = 0.0
    """By our clock, in seconds since the epoch; 0 before the first look."""
    seconds: float = 0.0
    """How long the look took."""
    requests: int = 0
    """How many requests it took."""
    interval_seconds: float = 2.0
    """How long to wait before the next one: longer where answers are slow."""
    watched_seconds: float = 0.0
    """Since the first look: what counts and rates rest on."""

    server: ServerFacts = ServerFacts()
    account: AccountFacts | None = None
    """None where it is not known or not permitted."""
    streams: tuple[StreamState, ...] = ()
    """By name."""
    consumers: tuple[ConsumerState, ...] = ()
    """By stream and name. Each has its own ``taken``: with many streams a look reads some anew."""
    streams_total: int | None = None
    """How many there are; None where this login may not know."""
    consumers_total: int | None = None
    verdicts: tuple[Verdict, ...] = ()
    """Worst first."""
    troubles: tuple[PublishTrouble, ...] = ()
    """What shippers say goes wrong as they publish."""
    keeps_advisories: bool = False
    """Whether a stream keeps the advisories that name messages given up."""
    not_permitted: tuple[str, ...] = ()
    """What the server refuses this login, one line each."""
    problem: str = ""
    """Why the look is incomplete or empty, in one line; empty when it is not."""
    problem_kind: ProblemKind = ""
    _by_subject: Mapping[tuple[str, str], tuple[Verdict, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Sort the verdicts by what they are about, once for all rows."""
        found: dict[tuple[str, str], tuple[Verdict, ...]] = {}
        for verdict in self.verdicts:
            key = (verdict.stream, verdict.consumer)
            found[key] = (*found.get(key, ()), verdict)
        object.__setattr__(self, "_by_subject", found)

    def verdicts_of(self, stream: str = "", consumer: str = "") -> tuple[Verdict, ...]:
        """Return those about a stream or a consumer, or (without either) the server; worst first.

        A stream's are its own only, not those of its consumers.
        """
        return self._by_subject.get((stream, consumer), ())

    @property
    def worst(self) -> Severity | Literal["unknown"]:
        """The worst verdict's severity; ``unknown`` for no trouble where not all was seen."""
        severity = worst(self.verdicts)
        return "unknown" if severity == "ok" and not self.is_whole else severity

    @property
    def is_whole(self) -> bool:
        """Whether there was enough to judge by."""
        if self.problem and self.problem_kind != "too-old":
            return False
        return bool(self.streams) or self.streams_total is not None


EMPTY_TRIAGE = TriageSnapshot()
