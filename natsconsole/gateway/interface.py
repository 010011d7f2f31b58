"""What the screen may ask of NATS: the one seam between the console and the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from natsconsole.domain.actions import Action
from natsconsole.domain.advisories import EventsSeen
from natsconsole.domain.contexts import Context
from natsconsole.domain.host_pattern import HostPattern
from natsconsole.domain.lines import HostMarks, LogLine
from natsconsole.domain.messages import InFlight, OpenedMessage, StreamMessage
from natsconsole.domain.receivers import (
    AckPolicy,
    Answer,
    AnswerRule,
    Fault,
    HostStatus,
    MessageRequest,
    ReceiverStatus,
    SettingsRequest,
)
from natsconsole.domain.shippers import ButtonOrder
from natsconsole.domain.snapshots import HomeSnapshot, Link
from natsconsole.domain.triage import TriageSnapshot


class GatewayError(Exception):
    """NATS did not do what was asked. The text is one line for the user."""


class LinkLostError(GatewayError):
    """There is no connection now. It comes back by itself."""


class NotPermittedError(GatewayError):
    """The server, or ``--read-only``, refuses."""


class Triage(Protocol):
    """What the screens of streams and consumers ask."""

    @property
    def link(self) -> Link:
        """The connection as it is now, without asking anybody."""

    async def look(self) -> TriageSnapshot:
        """Take one look. What is refused or missing is said in the snapshot.

        Raises:
            GatewayError: the connection is lost (``LinkLostError``).
        """

    def prefer(self, consumers: Iterable[tuple[str, str]]) -> None:
        """Read these first, by stream and name, while not all can be read in one look.

        Such as the rows on the screen. It takes the place of what was preferred before.
        """


class Gateway(Protocol):
    """Reads the pipeline and drives receivers. Every method may raise ``GatewayError``."""

    @property
    def link(self) -> Link:
        """The connection as it is now, without asking anybody."""

    @property
    def read_only(self) -> bool:
        """Whether every change is refused."""

    @property
    def context(self) -> Context:
        """Which of the user's contexts this is; one without a name where it is none."""

    async def look(self) -> HomeSnapshot:
        """Take one look at stream, consumers, hosts and receivers."""

    async def recent_lines(self, host: str, limit: int) -> Sequence[LogLine]:
        """Return the newest lines of a host, oldest first, at most ``limit``."""

    async def lines_after(self, host: str, sequence: int, limit: int) -> Sequence[LogLine]:
        """Return a host's lines behind a stream sequence: whole messages, about ``limit`` lines."""

    async def lines_before(self, host: str, sequence: int, limit: int) -> Sequence[LogLine]:
        """Return a host's lines before a stream sequence, oldest first: whole messages.

        They are ``limit`` or more, fewer only where the stream has no more, which may be none.
        """

    async def sequence_at(self, host: str, moment: float) -> int | None:
        """Return the sequence of a host's first message stored at or after a moment, or None."""

    async def marks(self, hosts: Sequence[str]) -> Mapping[str, HostMarks]:
        """Return how far the lines of these hosts have come."""

    async def set_policy(self, receiver: str, policy: AckPolicy) -> ReceiverStatus:
        """Switch a receiver group's ack policy, and return the new state."""

    async def set_answer(self, receiver: str, answer: Answer) -> ReceiverStatus:
        """Choose what a receiver answers to each message (lab receivers only)."""

    async def set_fault(self, receiver: str, fault: Fault) -> ReceiverStatus:
        """Make a receiver suffer a fault, or end it (lab receivers only)."""

    async def pause(self, receiver: str) -> ReceiverStatus:
        """Stop a receiver's pulling."""

    async def resume(self, receiver: str) -> ReceiverStatus:
        """Let a paused receiver pull again."""

    async def set_rule(self, receiver: str, rule: AnswerRule) -> ReceiverStatus:
        """Choose what a receiver answers, and to which messages (mostly lab receivers only)."""

    async def set_settings(self, receiver: str, settings: SettingsRequest) -> ReceiverStatus:
        """Edit the consumers of a receiver's group while they run."""

    async def drain(self, receiver: str) -> ReceiverStatus:
        """Let a receiver finish what it has, and end."""

    async def receivers(self) -> Sequence[ReceiverStatus]:
        """Return the status of every receiver that answers, by name."""

    async def host_statuses(self) -> Mapping[str, HostStatus]:
        """Return what receivers know of every host."""

    async def in_flight(self, hosts: Sequence[str] | None, limit: int) -> InFlight:
        """Return the messages in flight of these hosts, or of all, over all receivers."""

    async def answer_message(self, receiver: str, request: MessageRequest) -> ReceiverStatus:
        """Let the receiver that has a message in flight answer it now."""

    async def order_shippers(self, order: ButtonOrder) -> str:
        """Press the Big Red Button, or release it; return what holds now, in one line."""

    async def message(self, sequence: int, stream: str = "") -> StreamMessage | None:
        """Return a stored message, or None where the stream has it no more.

        ``stream``: the one that is shown unless another is named, here and in the next.
        """

    async def open_message(self, sequence: int, stream: str = "") -> OpenedMessage | None:
        """Return a stored message and what became of it, or None where it is gone."""

    async def listen(self) -> None:
        """Begin to listen to the stream's advisories, and read those that were kept."""

    def events(self) -> EventsSeen:
        """Return the advisories that came, newest first; at once, from memory."""

    # Streams and consumers of anybody

    @property
    def stream(self) -> str:
        """The stream whose hosts are shown."""

    @property
    def has_stream(self) -> bool:
        """Whether that stream was there when it was last looked for."""

    @property
    def triage(self) -> Triage:
        """Looks at all streams and consumers."""

    async def carry_out(self, action: Action) -> str:
        """Change a stream, a consumer or a message; the answer is one sentence for the user."""

    async def neighbour(self, stream: str, subject: str, sequence: int, step: int) -> int | None:
        """Return the sequence of the message of a subject before (-1) or behind (1) another."""

    async def moment_in(self, stream: str, subject: str, moment: float) -> int | None:
        """Return the sequence of the first message of a filter stored at or after a moment."""

    async def count(self, stream: str, subject: str) -> int:
        """Return how many messages of a stream a subject filter matches."""

    def showing(self, stream: str, pattern: HostPattern | None, consumer: str = "") -> Gateway:
        """Return a gateway over the same connection that shows the hosts of another stream.

        ``consumer``: the one whose ack floor and deliveries are shown; any that fits unless named.
        """

    def close(self) -> None:
        """Listen to nothing any more: it is shown no longer. Others share the connection."""


class Contexts(Protocol):
    """The `nats` CLI's contexts, to choose among while the console runs."""

    def known(self) -> Sequence[Context]:
        """Return all contexts by name, those that cannot be used with their problem."""

    async def open(self, name: str) -> Gateway:
        """Connect as a context says, and take a first look.

        Raises:
            GatewayError: that cannot be; nothing has changed then.
        """

    async def leave(self, gateway: Gateway) -> None:
        """Close the connection of a gateway that is no longer shown."""
