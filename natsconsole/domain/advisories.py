"""What JetStream tells of itself: advisories, in plain words, joined to the message they are about.

An advisory is untrusted like everything else from the network: whoever may publish on
``$JS.EVENT`` may invent one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

Kind = Literal["max deliver", "terminated", "nak", "pinned", "pause", "leader", "change", "other"]
KINDS: tuple[Kind, ...] = (
    "max deliver", "terminated", "nak", "pinned", "pause", "leader", "change", "other",
)  # fmt: skip
KEPT = 1_000
"""Events kept of each kind: a storm of one does not push the others out."""
DELETED = "Unacknowledged message was deleted"
"""The reason of a termination that the stream's limits made."""
LONGEST = 64 << 10
"""Bytes of an advisory that are read at most."""

_KINDS: dict[str, Kind] = {
    "MAX_DELIVERIES": "max deliver",
    "MSG_TERMINATED": "terminated",
    "MSG_NAKED": "nak",
    "PINNED": "pinned",
    "UNPINNED": "pinned",
    "PAUSE": "pause",
    "LEADER_ELECTED": "leader",
    "QUORUM_LOST": "leader",
    "CREATED": "change",
    "UPDATED": "change",
    "DELETED": "change",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """One event."""

    id: str
    kind: Kind
    time: str
    """RFC 3339, by the server's clock."""
    stream: str = ""
    consumer: str = ""
    sequence: int = 0
    """Stream sequence of the message it is about, 0 where it is about none."""
    sentence: str = ""
    """What happened, in plain words."""
    times: int = 1
    """How many events are told as this one."""
    first_time: str = ""
    """When the oldest of several was."""


class AdvisoryBody(msgspec.Struct):
    """What an advisory says, of any kind."""

    id: str = ""
    timestamp: str = ""
    stream: str = ""
    consumer: str = ""
    stream_seq: int = 0
    deliveries: int = 0
    reason: str = ""
    group: str = ""
    pinned_id: str = ""
    paused: bool = False
    pause_until: str = ""
    leader: str = ""
    action: str = ""


def read_body(payload: bytes) -> AdvisoryBody | None:
    """Read what an advisory says; None where it is none."""
    if len(payload) > LONGEST:
        return None
    try:
        return msgspec.json.decode(payload, type=AdvisoryBody)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def read_advisory(subject: str, payload: bytes) -> Advisory | None:
    """Read an advisory; None where it is none."""
    body = read_body(payload)
    if body is None:
        return None
    tokens = subject.split(".")
    what, name = (tokens[3], tokens[4]) if len(tokens) > 4 else ("", "")
    return Advisory(
        id=body.id,
        kind=_KINDS.get(name, "other"),
        time=body.timestamp,
        stream=body.stream,
        consumer=body.consumer,
        sequence=max(0, body.stream_seq),
        sentence=_sentence(what.lower(), name, body),
    )


def _sentence(what: str, name: str, body: AdvisoryBody) -> str:
    if body.stream_seq:
        return _of_message(name, body)
    match name:
        case "PINNED":
            return f"one client of group {body.group} is served alone from now on"
        case "UNPINNED":
            return f"its client is no longer the only one served: {body.reason or 'no reason'}"
        case "PAUSE":
            return f"paused until {body.pause_until}" if body.paused else "no longer paused"
        case "LEADER_ELECTED":
            return f"the {what} has a new leader: {body.leader}"
        case "QUORUM_LOST":
            return (
                f"the {what} has lost its quorum: nothing is stored or delivered until it is back"
            )
    return f"the {what} was {name.lower()}" if name else what


def _of_message(name: str, body: AdvisoryBody) -> str:
    times = f"{body.deliveries} deliveries" if body.deliveries != 1 else "1 delivery"
    match name:
        case "MAX_DELIVERIES":
            return f"given up after {times}: the server delivers it no more, written or not"
        case "MSG_TERMINATED" if body.reason == DELETED:
            return "deleted by the stream's limits before it was acknowledged"
        case "MSG_TERMINATED":
            return f"terminated after {times}: {body.reason or 'no reason given'}"
        case "MSG_NAKED":
            return f"refused (nak) at delivery {body.deliveries}: it comes again"
    return name.lower().replace("_", " ")


def folded(events: Iterable[Advisory]) -> list[Advisory]:
    """Tell pin after pin of one consumer as one event; all are newest first.

    A consumer whose pin goes to and fro, as when its client has no room for more messages, would
    push everything else off the page. The one has the newest's time and the oldest's id: it moves
    up with each new pin, and is still the same.
    """
    shown: list[Advisory] = []
    open_at: dict[str, int] = {}
    for event in events:
        place = open_at.get(event.consumer)
        if event.kind != "pinned":
            open_at.pop(event.consumer, None)
        elif place is not None:
            newest = shown[place]
            shown[place] = replace(
                newest, id=event.id, times=newest.times + 1, first_time=event.time
            )
            continue
        else:
            open_at[event.consumer] = len(shown)
        shown.append(event)
    return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsSeen:
    """Events, newest first, and what is missing among them."""

    events: tuple[Advisory, ...] = ()
    counts: tuple[tuple[Kind, int], ...] = ()
    """How many of each kind came, forgotten ones included."""
    forgotten: int = 0
    """How many were let go, so that memory stays bounded."""
    listening_since: float = 0.0
    """By the console's clock; 0 while it does not listen."""
    history: str = ""
    """Where older ones come from, or why there are none."""
    revision: int = 0
    """Changes whenever anything came."""


class EventRing:
    """The newest events of each kind."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._rings: dict[Kind, deque[Advisory]] = {}
        self._ids: set[str] = set()
        self._counts: dict[Kind, int] = {}
        self.forgotten = 0
        self.revision = 0
        self._newest: tuple[int, tuple[Advisory, ...]] = (0, ())

    def add(self, advisories: Iterable[Advisory]) -> None:
        """Take in events in any order; one that is here already is passed over."""
        for one in advisories:
            if one.id and one.id in self._ids:
                continue
            ring = self._rings.setdefault(one.kind, deque())
            ring.append(one)
            self._ids.add(one.id)
            self._counts[one.kind] = self._counts.get(one.kind, 0) + 1
            self.revision += 1
            if len(ring) > self._kept:
                self._ids.discard(ring.popleft().id)
                self.forgotten += 1

    def newest(self) -> tuple[Advisory, ...]:
        """Return all, newest first."""
        revision, newest = self._newest
        if revision != self.revision:
            every = [one for ring in self._rings.values() for one in ring]
            newest = tuple(sorted(every, key=lambda one: one.time, reverse=True))
            self._newest = (self.revision, newest)
        return newest

    def counts(self) -> tuple[tuple[Kind, int], ...]:
        """Return how many of each kind came."""
        return tuple((kind, self._counts[kind]) for kind in KINDS if kind in self._counts)
