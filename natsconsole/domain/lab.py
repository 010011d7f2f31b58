"""The ack lab's language: what a scene is made of, when a step has happened, what is proved. Pure.

A scene is data: a sentence on what will happen, what to watch, steps that each ask for something
and wait for something, and what the integrity account must say at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from natsconsole.domain.messages import EMPTY_IN_FLIGHT, InFlight
from natsconsole.domain.receivers import (
    AckPolicy,
    Answer,
    AnswerRule,
    Fault,
    HostStatus,
    ReceiverStatus,
    SettingsRequest,
)

Counter = Literal["written", "lost", "doubled", "out of order", "repeats", "quarantined"]
COUNTERS: tuple[Counter, ...] = (
    "written", "lost", "doubled", "out of order", "repeats", "quarantined",
)  # fmt: skip
Expectation = Literal["none", "some", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is known of the pipeline at one time."""

    time: float = 0.0
    receivers: tuple[ReceiverStatus, ...] = ()
    counters: Mapping[Counter, int] = field(default_factory=dict)
    """The integrity account: from the ledger, so that it outlives receivers."""
    events: Mapping[str, int] = field(default_factory=dict)
    """Advisories so far, by kind."""
    in_flight: InFlight = EMPTY_IN_FLIGHT

    def count(self, counter: Counter) -> int:
        """Return one figure of the account."""
        return self.counters.get(counter, 0)

    @property
    def unacked(self) -> int:
        """Messages in flight, over all receivers."""
        return sum(one.unacked for one in self.receivers)

    @property
    def redelivered(self) -> int:
        """Deliveries beyond a message's first, since the receivers started."""
        return sum(one.redelivered for one in self.receivers)

    @property
    def most_deliveries(self) -> int:
        """How often the message that came most often has come."""
        return max((one.message.deliveries for one in self.in_flight.messages), default=0)

    @property
    def runs(self) -> bool:
        """Whether there is a receiver, and every one is running."""
        return bool(self.receivers) and all(one.state == "running" for one in self.receivers)


def account_of(hosts: Mapping[str, HostStatus]) -> dict[Counter, int]:
    """Return the integrity account over all hosts."""
    every = hosts.values()
    return {
        "written": sum(one.written_lines for one in every),
        "lost": sum(one.lost for one in every),
        "doubled": sum(one.doubled for one in every),
        "out of order": sum(one.out_of_order for one in every),
        "repeats": sum(one.suppressed for one in every),
        "quarantined": sum(one.quarantined for one in every),
    }


# What a step asks for.


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Switch the group's ack policy."""

    policy: AckPolicy


@dataclass(frozen=True, slots=True)
class SetRule:
    """Choose the answer of every receiver."""

    rule: AnswerRule


@dataclass(frozen=True, slots=True)
class SetSettings:
    """Edit the group's consumers."""

    settings: SettingsRequest


@dataclass(frozen=True, slots=True)
class SetFault:
    """Make every receiver suffer a fault, or end it."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Resume:
    """Let every paused receiver pull again."""


@dataclass(frozen=True, slots=True)
class AnswerWorst:
    """Answer the message in flight that has come most often."""

    answer: Answer
    reason: str


@dataclass(frozen=True, slots=True)
class Process:
    """What only a demo can do with its receivers' processes."""

    what: Literal["crash", "kill", "revive", "start second", "stop second"]


Action = SetPolicy | SetRule | SetSettings | SetFault | Resume | AnswerWorst | Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a condition looks at."""

    before: Moment
    """When the scene began."""
    since: Moment
    """When the step began."""
    now: Moment

    def grew(self, counter: Counter, by: int = 1) -> bool:
        """Whether a figure has grown during this step."""
        return self.now.count(counter) - self.since.count(counter) >= by


Condition = Callable[[Progress], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happens."""

    words: str
    until: Condition
    do: Action | None = None
    at_least: float = 1.0
    """Seconds it lasts, so that it can be seen."""
    within: float = 30.0
    """Seconds after which it is said not to have happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabScene:
    """One lesson."""

    key: str
    title: str
    will: str
    """What will happen, in a sentence."""
    watch: str
    """What to look at meanwhile, and where."""
    steps: tuple[Step, ...]
    expects: Mapping[Counter, Expectation]
    lesson: str
    """What it shows, in a sentence."""
    needs_demo: bool = False
    is_late: bool = False
    """Whether what is promised comes true only on the way back."""


# The proof.


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """One line of the account."""

    counter: Counter
    before: int
    now: int
    expectation: Expectation = "any"

    @property
    def change(self) -> int:
        """By how much it has grown."""
        return self.now - self.before

    @property
    def holds(self) -> bool | None:
        """Whether it is as promised; None where nothing was promised."""
        if self.expectation == "any":
            return None
        return (self.change == 0) == (self.expectation == "none")


def proof(scene: LabScene, before: Moment, now: Moment) -> tuple[Proved, ...]:
    """Return the account of a scene, line by line."""
    return tuple(
        Proved(
            counter=counter,
            before=before.count(counter),
            now=now.count(counter),
            expectation=scene.expects.get(counter, "any"),
        )
        for counter in COUNTERS
    )


# The way back.


def way_back(before: Moment, now: Moment, *, is_demo: bool) -> tuple[Action, ...]:
    """Return what sets everything as it was, in an order in which each can be done."""
    return tuple(_way_back(before, now, is_demo=is_demo))


def _way_back(before: Moment, now: Moment, *, is_demo: bool) -> Iterator[Action]:
    was = before.receivers[0] if before.receivers else None
    if is_demo:
        yield Process("revive")
        if len(before.receivers) < 2:
            yield Process("stop second")
    if was is None:
        return
    if any(one.fault != was.fault for one in now.receivers):
        yield SetFault(was.fault)
    if any(one.state == "paused" for one in now.receivers) and was.state != "paused":
        yield Resume()
    if any(one.rule != was.rule for one in now.receivers) or not now.receivers:
        yield SetRule(was.rule)
    settings = _settings_of(was)
    if any(_settings_of(one) != settings for one in now.receivers) or not now.receivers:
        yield SetSettings(settings)
    if any(one.ack_policy != was.ack_policy for one in now.receivers) or not now.receivers:
        yield SetPolicy(was.ack_policy)


def _settings_of(status: ReceiverStatus) -> SettingsRequest:
    ours = sum(part.state != "elsewhere" for part in status.partitions) or 1
    return SettingsRequest(
        ack_wait_seconds=status.ack_wait_seconds or None,
        max_ack_pending=status.max_ack_pending // ours or None,
        max_deliver=status.max_deliver,
        backoff_seconds=status.backoff_seconds,
    )


def is_back(before: Moment, now: Moment) -> bool:
    """Whether everything is as it was before the scene, and work goes on."""
    if not now.runs or {one.name for one in now.receivers} != {
        one.name for one in before.receivers
    }:
        return False
    was = before.receivers[0]
    settled = all(
        one.rule == was.rule
        and one.ack_policy == was.ack_policy
        and one.fault == was.fault
        and _settings_of(one) == _settings_of(was)
        for one in now.receivers
    )
    return settled and not any(one.held_messages for one in now.receivers)


def refusal(now: Moment, *, is_demo: bool, is_lab_stream: bool, scene: LabScene) -> str:
    """Return why a scene cannot be played here and now, or nothing."""
    if not (is_demo or is_lab_stream):
        return (
            "the lab changes how messages are acknowledged, so it never runs on a stream of "
            "yours: use `natsconsole demo`, or a stream made with `natsconsole setup --lab`"
        )
    if scene.needs_demo and not is_demo:
        return "this scene kills and starts receivers: only `natsconsole demo` can do that"
    if not now.receivers:
        return "no receiver answers: there is nothing to play with"
    for one in now.receivers:
        if not one.lab:
            return f"{one.name} is no lab receiver: start it with `natsconsole receive --lab`"
        if one.state != "running":
            return f"{one.name} is {one.state}: a scene begins with receivers that run"
        if one.rule.answer != "ack" or one.fault != "none" or one.ack_policy == "none":
            return (
                f"{one.name} has answer {one.rule.answer}, policy {one.ack_policy}, fault "
                f"{one.fault}: a scene begins with ack, explicit or all, and no fault (R sets it)"
            )
    return ""
