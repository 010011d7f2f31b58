"""A gateway with no network: the pipeline is what the test says it is.

It keeps the promises of the real one: values are frozen, changes are confirmed with the new state,
a lab's choices are refused elsewhere, and nothing answers while the link is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from natsconsole.domain.actions import Action
from natsconsole.domain.advisories import EventsSeen
from natsconsole.domain.contexts import NO_CONTEXT, Context
from natsconsole.domain.host_pattern import HostPattern
from natsconsole.domain.lines import HostMarks, LogLine
from natsconsole.domain.messages import InFlight, InFlightMessage, OpenedMessage, StreamMessage
from natsconsole.domain.receivers import (
    SAFE_ANSWERS,
    AckPolicy,
    Answer,
    AnswerRule,
    Fault,
    HostStatus,
    MessageRequest,
    ReceiverState,
    ReceiverStatus,
    SettingsRequest,
)
from natsconsole.domain.shippers import ButtonOrder
from natsconsole.domain.snapshots import EMPTY_HOME, HomeSnapshot, Link
from natsconsole.domain.subjects import overlap
from natsconsole.domain.triage import EMPTY_TRIAGE, TriageSnapshot
from natsconsole.gateway.interface import (
    Gateway,
    GatewayError,
    LinkLostError,
    NotPermittedError,
)


class FakeGateway:
    """Answers from what it was given; every field may be set while the console runs."""

    def __init__(
        self,
        home: HomeSnapshot = EMPTY_HOME,
        *,
        link: Link | None = None,
        read_only: bool = False,
        lines: Mapping[str, Sequence[LogLine]] | None = None,
        marks: Mapping[str, HostMarks] | None = None,
        context: Context = NO_CONTEXT,
    ) -> None:
        self.context = context
        self.home = home
        self.link = link or Link(state="live", address="127.0.0.1:4222")
        self.read_only = read_only
        self.lines_of: dict[str, list[LogLine]] = {
            host: list(some) for host, some in (lines or {}).items()
        }
        self.marks_of: dict[str, HostMarks] = dict(marks or {})
        self.failure: Exception | None = None
        """What a look raises, where it is to fail."""
        self.refusal: GatewayError | None = None
        """What a change raises, where it is to fail."""
        self.gate: asyncio.Event | None = None
        """Where there is one, looks and changes wait for it."""
        self.asked: list[tuple[str, ...]] = []
        """The changes that were asked for."""
        self.looks = 0
        self.flying: list[InFlightMessage] = []
        """The messages in flight."""
        self.flying_read_at: float | None = None
        """When they were read, where it is not the time of the look."""
        self.stored: dict[int, StreamMessage] = {}
        """Messages of the stream, by sequence."""
        self.known: dict[str, HostStatus] = {}
        """What receivers know of hosts."""
        self.seen = EventsSeen()
        """The advisories."""
        self.pages = 0
        """How often older lines were asked for."""
        self.looks_at_all = FakeTriage(self)
        """What looks at all streams and consumers find."""
        self.actions: list[Action] = []
        """What was done to streams, consumers and messages."""
        self.shown: list[tuple[str, HostPattern | None, str]] = []
        """The streams that were asked to be shown."""
        self.has_stream = True
        self.others: list[FakeGateway] = []
        """Those that show these streams."""
        self.is_closed = False
        self.page_gate: asyncio.Event | None = None
        """Where there is one, older lines wait for it."""

    async def look(self) -> HomeSnapshot:
        self.looks += 1
        await self._pass()
        if self.failure is not None:
            raise self.failure
        return self.home

    async def recent_lines(self, host: str, limit: int) -> Sequence[LogLine]:
        self._need_link()
        return self.lines_of.get(host, [])[-limit:]

    async def lines_after(self, host: str, sequence: int, limit: int) -> Sequence[LogLine]:
        self._need_link()
        return [line for line in self.lines_of.get(host, []) if line.sequence > sequence][:limit]

    async def lines_before(self, host: str, sequence: int, limit: int) -> Sequence[LogLine]:
        self.pages += 1
        if self.page_gate is not None:
            await self.page_gate.wait()
        self._need_link()
        found = [line for line in self.lines_of.get(host, []) if line.sequence < sequence]
        first = found[-limit:][0].sequence if found else 0
        return [line for line in found if line.sequence >= first]

    async def sequence_at(self, host: str, moment: float) -> int | None:
        self._need_link()
        lines = self.lines_of.get(host, [])
        return next((line.sequence for line in lines if line.time >= moment), None)

    async def marks(self, hosts: Sequence[str]) -> Mapping[str, HostMarks]:
        self._need_link()
        return {host: self.marks_of.get(host, HostMarks()) for host in hosts}

    async def set_policy(self, receiver: str, policy: AckPolicy) -> ReceiverStatus:
        return await self._change(receiver, "policy", policy, ack_policy=policy)

    async def set_answer(self, receiver: str, answer: Answer) -> ReceiverStatus:
        self._need_lab(receiver)
        rule = AnswerRule(answer=answer)
        return await self._change(receiver, "answer", answer, answer=answer, rule=rule)

    async def set_fault(self, receiver: str, fault: Fault) -> ReceiverStatus:
        self._need_lab(receiver)
        state: ReceiverState = "held" if fault == "disk-full" else "running"
        return await self._change(receiver, "fault", fault, fault=fault, state=state)

    async def pause(self, receiver: str) -> ReceiverStatus:
        return await self._change(receiver, "pause", state="paused")

    async def resume(self, receiver: str) -> ReceiverStatus:
        return await self._change(receiver, "resume", state="running")

    async def set_rule(self, receiver: str, rule: AnswerRule) -> ReceiverStatus:
        if rule.answer not in SAFE_ANSWERS:
            self._need_lab(receiver)
        return await self._change(receiver, "answer", rule.answer, answer=rule.answer, rule=rule)

    async def set_settings(self, receiver: str, settings: SettingsRequest) -> ReceiverStatus:
        asked = {
            name: value
            for name, value in msgspec.structs.asdict(settings).items()
            if value is not None
        }
        words = [f"{name}={value}" for name, value in asked.items()]
        parts = len(self._find(receiver).partitions) or 1
        if "max_ack_pending" in asked:
            asked["max_ack_pending"] *= parts
        return await self._change(receiver, "settings", *words, **asked)

    async def drain(self, receiver: str) -> ReceiverStatus:
        return await self._change(receiver, "drain", state="draining")

    async def receivers(self) -> Sequence[ReceiverStatus]:
        await self._pass()
        return self.home.receivers

    async def host_statuses(self) -> Mapping[str, HostStatus]:
        self._need_link()
        return self.known

    async def in_flight(self, hosts: Sequence[str] | None, limit: int) -> InFlight:
        await self._pass()
        found = [one for one in self.flying if hosts is None or one.message.host in hosts]
        return InFlight(
            total=len(found),
            messages=tuple(found[:limit]),
            read_at=self.home.taken if self.flying_read_at is None else self.flying_read_at,
        )

    async def answer_message(self, receiver: str, request: MessageRequest) -> ReceiverStatus:
        if request.answer not in {*SAFE_ANSWERS, "in-progress"}:
            self._need_lab(receiver)
        words = [request.answer, str(request.sequence)]
        if request.answer == "nak-delay":
            words.append(f"{request.delay_seconds:g}")
        if request.reason:
            words.append(request.reason)
        status = await self._change(receiver, "message", *words)
        if request.answer in {"ack", "double-ack", "term"}:
            self.flying = [one for one in self.flying if one.sequence != request.sequence]
        return status

    async def order_shippers(self, order: ButtonOrder) -> str:
        verb = "pause" if order.pauses else "resume"
        self.asked.append(("button", verb, order.host, order.reason))
        await self._pass()
        if self.refusal is not None:
            raise self.refusal
        return f"{order.whom}: {verb}d"

    async def message(self, sequence: int, stream: str = "") -> StreamMessage | None:
        self._need_link()
        return self.stored.get(sequence)

    async def open_message(self, sequence: int, stream: str = "") -> OpenedMessage | None:
        await self._pass()
        message = self.stored.get(sequence)
        if message is None:
            return None
        return OpenedMessage(
            message=message,
            in_flight=next((one for one in self.flying if one.sequence == sequence), None),
            host=self.known.get(message.host),
            marks=self.marks_of.get(message.host, HostMarks()),
        )

    async def listen(self) -> None:
        self._need_link()

    def events(self) -> EventsSeen:
        return self.seen

    @property
    def stream(self) -> str:
        return self.home.stream or "LOGS"

    @property
    def triage(self) -> FakeTriage:
        return self.looks_at_all

    async def carry_out(self, action: Action) -> str:
        await self._pass()
        if self.read_only:
            raise NotPermittedError("read-only")
        if self.refusal is not None:
            raise self.refusal
        self.actions.append(action)
        return f"done: {action.title}"

    async def neighbour(self, stream: str, subject: str, sequence: int, step: int) -> int | None:
        self._need_link()
        same = sorted(one.sequence for one in self.stored.values() if one.subject == subject)
        wanted = [one for one in same if (one > sequence if step > 0 else one < sequence)]
        return (min(wanted) if step > 0 else max(wanted)) if wanted else None

    async def moment_in(self, stream: str, subject: str, moment: float) -> int | None:
        self._need_link()
        later = [one.sequence for one in self.stored.values() if one.time >= moment]
        return min(later, default=None)

    async def count(self, stream: str, subject: str) -> int:
        self._need_link()
        return sum(overlap(one.subject, subject) for one in self.stored.values())

    def showing(self, stream: str, pattern: HostPattern | None, consumer: str = "") -> FakeGateway:
        self.shown.append((stream, pattern, consumer))
        other = FakeGateway(replace(self.home, stream=stream), link=self.link)
        other.looks_at_all = self.looks_at_all
        other.failure = self.failure
        self.others.append(other)
        return other

    def close(self) -> None:
        self.is_closed = True

    async def _pass(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        self._need_link()

    def _need_link(self) -> None:
        if self.link.state == "lost":
            raise LinkLostError("the connection is lost")

    def _need_lab(self, receiver: str) -> None:
        if not self._find(receiver).lab:
            raise NotPermittedError(f"{receiver} is no lab receiver")

    def _find(self, name: str) -> ReceiverStatus:
        for receiver in self.home.receivers:
            if receiver.name == name:
                return receiver
        raise GatewayError(f"{name} does not answer")

    async def _change(self, receiver: str, *asked: str, **fields: object) -> ReceiverStatus:
        self.asked.append(asked)
        await self._pass()
        if self.read_only:
            raise NotPermittedError("read-only")
        if self.refusal is not None:
            raise self.refusal
        changed = msgspec.structs.replace(self._find(receiver), **fields)
        self.home = with_receivers(
            self.home, *(changed if one.name == receiver else one for one in self.home.receivers)
        )
        return changed


class FakeTriage:
    """Looks that find what the test says."""

    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway
        self.snapshot = EMPTY_TRIAGE
        self.preferred: frozenset[tuple[str, str]] = frozenset()
        self.looks = 0

    @property
    def link(self) -> Link:
        return self._gateway.link

    async def look(self) -> TriageSnapshot:
        self.looks += 1
        await self._gateway._pass()
        return self.snapshot

    def prefer(self, consumers: Iterable[tuple[str, str]]) -> None:
        self.preferred = frozenset(consumers)


class FakeContexts:
    """Contexts that open as the test says."""

    def __init__(self, known: Sequence[Context], **gateways: FakeGateway) -> None:
        self._known = tuple(known)
        self._gateways = gateways
        self.left: list[Gateway] = []

    def known(self) -> Sequence[Context]:
        return self._known

    async def open(self, name: str) -> Gateway:
        if name not in self._gateways:
            raise GatewayError(f"no server answers for {name}")
        return self._gateways[name]

    async def leave(self, gateway: Gateway) -> None:
        self.left.append(gateway)


class FakeDemo:
    """A demo that only counts its crashes."""

    def __init__(self, on_crash: Callable[[], None] = lambda: None) -> None:
        self.receiver_restarts = 0
        self.asked: list[str] = []
        self._on_crash = on_crash

    async def crash_receiver(self) -> None:
        self.receiver_restarts += 1
        self.asked.append("crash")
        self._on_crash()

    async def start_second_receiver(self) -> None:
        self.asked.append("start second")

    async def stop_second_receiver(self) -> None:
        self.asked.append("stop second")

    async def kill_receiver(self) -> None:
        self.asked.append("kill")

    async def revive_receiver(self) -> None:
        self.asked.append("revive")


def with_receivers(home: HomeSnapshot, *receivers: ReceiverStatus) -> HomeSnapshot:
    """Return the snapshot with these receivers."""
    return replace(home, receivers=receivers)
