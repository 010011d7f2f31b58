"""What may be done to a stream, a consumer or a message of anybody's, as values.

Each says what it is about to do before it is done: its target, its plan in plain words, and the
``nats`` command that does the same. Whether it is allowed is the gateway's business.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.streams import StreamState
from natsconsole.domain.verdicts.words import messages, nats

API = "$JS.API"
Change = int | float | str | tuple[float, ...]
EDITABLE = (
    "max_ack_pending", "ack_wait", "max_deliver", "backoff", "inactive_threshold", "description",
)  # fmt: skip
"""Settings that a running consumer takes."""


def moment_text(seconds: float) -> str:
    """Return a time as the ``nats`` CLI and the JetStream API take it, UTC to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(ABC):
    """One change. Subclasses say what."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What is done to what, in a few words."""

    @property
    @abstractmethod
    def target(self) -> str:
        """The name that is typed where a mistake is an incident."""

    @property
    @abstractmethod
    def plan(self) -> tuple[str, ...]:
        """What will happen, in sentences."""

    @property
    @abstractmethod
    def command(self) -> str:
        """The ``nats`` command that does the same; empty where there is none."""

    @property
    def is_destructive(self) -> bool:
        """Whether it cannot be undone."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class OfConsumer(Action):
    """A change of one consumer."""

    consumer: ConsumerState

    @property
    def target(self) -> str:
        """The consumer's name."""
        return self.consumer.name

    @property
    def place(self) -> str:
        """Stream and consumer, as the ``nats`` CLI writes them."""
        return f"{self.consumer.stream} > {self.consumer.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseConsumer(OfConsumer):
    """Deliver nothing until a time."""

    until: float
    """In seconds since the epoch."""

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"pause {self.place}"

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        return (
            f"nothing is delivered until {moment_text(self.until)} UTC; then it goes on by itself",
            (
                f"{messages(self.consumer.lag_messages)} wait now, more will come; "
                "the stream's limits go on removing old ones"
            ),
            f"{messages(self.consumer.unacked)} delivered before can still be acknowledged",
        )

    @property
    def command(self) -> str:
        """The command that does the same."""
        one = self.consumer
        return nats("consumer", "pause", one.stream, one.name, moment_text(self.until))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeConsumer(OfConsumer):
    """Deliver again."""

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"resume {self.place}"

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        return (f"{messages(self.consumer.lag_messages)} that wait are delivered from now on",)

    @property
    def command(self) -> str:
        """The command that does the same."""
        return nats("consumer", "resume", self.consumer.stream, self.consumer.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetConsumer(OfConsumer):
    """Deliver from another place."""

    sequence: int = 0
    """Stream sequence that is delivered next; 0 for the one behind the ack floor."""
    meant: str = ""
    """How the user said it, such as ``12:30``."""

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"reset {self.place}"

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        one = self.consumer
        floor = one.ack_floor_seq
        start = self.sequence or floor + 1
        lines = [f"the next delivery is stream sequence {start:,}{self._meant}"]
        if start <= floor:
            lines.append(
                f"up to {messages(floor - start + 1)} acknowledged before are delivered once more"
            )
        elif start > one.delivered_seq + 1:
            lines.append(
                f"sequences {one.delivered_seq + 1:,} to {start - 1:,} are skipped: "
                "this consumer never delivers them"
            )
        if one.unacked:
            lines.append(
                f"the {messages(one.unacked)} in flight are forgotten: their acks count no more, "
                "and delivery counts begin anew"
            )
        if one.pinned_client:
            lines.append("its pin stays with the client that has it")
        return tuple(lines)

    @property
    def _meant(self) -> str:
        return f" ({self.meant})" if self.meant else "" if self.sequence else " (the ack floor)"

    @property
    def command(self) -> str:
        """The command that does the same: older releases of the CLI have no word for it."""
        one = self.consumer
        body = json.dumps({"seq": self.sequence}) if self.sequence else ""
        return nats("request", f"{API}.CONSUMER.RESET.{one.stream}.{one.name}", body)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpinConsumer(OfConsumer):
    """Take the pin from the client that is served alone."""

    group: str

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"unpin {self.place}"

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        return (
            (
                f"client {self.consumer.pinned_client or '(none now)'} of group {self.group} is no "
                "longer served alone; the next client that pulls is"
            ),
            "what the old one has in flight stays its own until ack wait is over",
        )

    @property
    def command(self) -> str:
        """The command that does the same."""
        return nats("consumer", "unpin", self.consumer.stream, self.consumer.name, self.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditConsumer(OfConsumer):
    """Change settings while it runs."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    """By the names in ``EDITABLE``; times in seconds."""

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"edit {self.place}"

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        before = settings_of(self.consumer)
        return tuple(
            f"{name}: {written_setting(before[name])} → {written_setting(value)}"
            for name, value in self.changes.items()
        )

    @property
    def command(self) -> str:
        """The command that does the same; none where the CLI has no word for one of the changes.

        It spaces back-off evenly, and takes what ends a setting for one that was not given.
        """
        words: list[str | int] = ["consumer", "edit", self.consumer.stream, self.consumer.name]
        for name, value in self.changes.items():
            if name not in _FLAGS or not value or (name == "max_ack_pending" and value == -1):
                return ""
            words += _FLAGS[name](value)
        return nats(*words)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteConsumer(OfConsumer):
    """Delete a consumer with all it knows."""

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"delete {self.place}"

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        one = self.consumer
        return (
            (
                f"its place (ack floor {one.ack_floor_seq:,}) and {messages(one.unacked)} in flight"
                " are forgotten; a new one of that name begins where it is told to"
            ),
            (
                "the stream's messages stay, unless its retention is interest or work queue: "
                "then what only this consumer waited for goes"
            ),
            f"{one.waiting_pulls:,} pulls wait now: whoever sent them gets an error",
        )

    @property
    def command(self) -> str:
        """The command that does the same."""
        return nats("consumer", "rm", self.consumer.stream, self.consumer.name)

    @property
    def is_destructive(self) -> bool:
        """It cannot be undone."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeStream(Action):
    """Remove messages of a stream."""

    stream: StreamState
    subject: str = ""
    """Only those; empty for all."""
    below: int = 0
    """Only those before this stream sequence; 0 for no such bound."""
    keep: int = 0
    """So many of the newest stay."""
    matching: int | None = None
    """How many messages the subject has; None where it is not known."""

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"purge {self.stream.name}"

    @property
    def target(self) -> str:
        """The stream's name."""
        return self.stream.name

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        one = self.stream
        there = one.messages if not self.subject else self.matching
        many = "an unknown number of messages" if there is None else messages(there)
        of = f" of subject {self.subject}" if self.subject else ""
        if self.below:
            what = f"those of the {many}{of} before sequence {self.below:,} are removed"
        elif self.keep:
            gone = None if there is None else max(0, there - self.keep)
            what = (
                f"the newest {self.keep:,}{of} stay, "
                f"{'all others are' if gone is None else f'{messages(gone)} are'} removed"
            )
        else:
            what = f"{many}{of} are removed"
        return (
            what,
            f"the stream has {messages(one.messages)}, {one.first_seq:,} to {one.last_seq:,}",
            "consumers that had not delivered them never will; nothing brings them back",
        )

    @property
    def command(self) -> str:
        """The command that does the same."""
        words: list[str | int] = ["stream", "purge", self.stream.name]
        words += ["--subject", self.subject] if self.subject else []
        words += ["--seq", self.below] if self.below else []
        words += ["--keep", self.keep] if self.keep else []
        return nats(*words)

    @property
    def is_destructive(self) -> bool:
        """It cannot be undone."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteMessage(Action):
    """Remove one message from its stream."""

    stream: str
    sequence: int
    subject: str = ""
    bytes: int = 0

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"delete message {self.sequence} of {self.stream}"

    @property
    def target(self) -> str:
        """The message's sequence."""
        return str(self.sequence)

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        return (
            (
                f"message {self.sequence:,} on {self.subject}, {self.bytes:,} bytes, is removed"
                " and overwritten on the disk"
            ),
            "a consumer that has it in flight, or has not delivered it, goes on without it",
        )

    @property
    def command(self) -> str:
        """The command that does the same."""
        return nats("stream", "rmm", self.stream, self.sequence)

    @property
    def is_destructive(self) -> bool:
        """It cannot be undone."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Republish(Action):
    """Publish a stored message once more."""

    stream: str
    sequence: int
    subject: str
    payload: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """Those that go with it; see ``republished_headers``."""

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"republish message {self.sequence} of {self.stream}"

    @property
    def target(self) -> str:
        """The message's sequence."""
        return str(self.sequence)

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        return (
            (
                f"a copy of message {self.sequence:,}, {len(self.payload):,} bytes, goes out on "
                f"{self.subject} with {len(self.headers)} of its headers"
            ),
            (
                "its Nats-Msg-Id and expectations stay behind: with them the server would take it "
                "for the old one and store nothing"
            ),
            (
                "whatever listens on that subject gets it: the stream as its newest message, and "
                "every consumer whose filter matches"
            ),
        )

    @property
    def command(self) -> str:
        """The command that does the same, where the payload is text."""
        words: list[str] = ["pub", self.subject]
        for name, value in self.headers:
            words += ["-H", f"{name}:{value}"]
        try:
            text = self.payload.decode()
        except UnicodeDecodeError:
            return ""
        return nats(*words, "--", text) if text.isprintable() and len(text) < 4_096 else ""


def republished_headers(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return the headers that may go with a copy: none that the server acts upon."""
    return tuple((name, value) for name, value in headers if not name.lower().startswith("nats-"))


# Settings


def settings_of(consumer: ConsumerState) -> dict[str, Change]:
    """Return the settings that may be edited, as they are."""
    return {
        "max_ack_pending": consumer.max_ack_pending,
        "ack_wait": consumer.ack_wait_seconds,
        "max_deliver": consumer.max_deliver,
        "backoff": consumer.backoff_seconds,
        "inactive_threshold": consumer.inactive_threshold_seconds,
        "description": consumer.description,
    }


def written_setting(value: Change) -> str:
    """Return a setting as it is typed."""
    if isinstance(value, tuple):
        return ",".join(_seconds(one) for one in value) or "none"
    if isinstance(value, str):
        return value or "none"
    if isinstance(value, int):
        return "none" if value < 0 else str(value)
    return _seconds(value) if value else "none"


def api_settings(changes: Mapping[str, Change]) -> dict[str, object]:
    """Return the changes as the JetStream API takes them: times in nanoseconds."""
    found: dict[str, object] = {}
    for name, value in changes.items():
        if isinstance(value, tuple):
            found[name] = [round(one * 1e9) for one in value]
        elif isinstance(value, float):
            found[name] = round(value * 1e9)
        else:
            found[name] = value
    return found


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:g}ms" if 0 < seconds < 1 else f"{seconds:g}s"


def _flag(name: str, value: Change) -> list[str]:
    written = written_setting(value)
    return [f"--{name}={'-1' if isinstance(value, int) and value < 0 else written}"]


_FLAGS = {
    "max_ack_pending": lambda value: _flag("max-pending", value),
    "ack_wait": lambda value: _flag("wait", value),
    "max_deliver": lambda value: _flag("max-deliver", value),
    "inactive_threshold": lambda value: _flag("inactive-threshold", value),
    "description": lambda value: [f"--description={value}"],
}
