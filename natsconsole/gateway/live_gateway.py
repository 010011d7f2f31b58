"""The gateway on a real connection: joins stream, consumers and receivers into one look."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Mapping, Sequence

import msgspec

from natsconsole.domain.actions import Action
from natsconsole.domain.advisories import EventsSeen
from natsconsole.domain.contexts import NO_CONTEXT, Context, why_read_only
from natsconsole.domain.host_pattern import HostPattern
from natsconsole.domain.lines import HostMarks, LogLine
from natsconsole.domain.messages import InFlight, OpenedMessage, StreamMessage
from natsconsole.domain.rates import RateMeter
from natsconsole.domain.receivers import (
    AckPolicy,
    Answer,
    AnswerRequest,
    AnswerRule,
    Fault,
    FaultRequest,
    HostStatus,
    MessageRequest,
    PolicyRequest,
    ReceiverStatus,
    SettingsRequest,
)
from natsconsole.domain.shippers import ButtonOrder, ShippersSeen
from natsconsole.domain.snapshots import Flow, HomeSnapshot, Link
from natsconsole.domain.streams import PREFIX_KEY
from natsconsole.gateway.actions import Actions
from natsconsole.gateway.advisories import Advisories
from natsconsole.gateway.errors import as_gateway_errors
from natsconsole.gateway.interface import NotPermittedError, Triage
from natsconsole.gateway.jetstream import (
    ApiError,
    ConsumerInfo,
    JetStream,
    StreamInfo,
)
from natsconsole.gateway.link import link_of
from natsconsole.gateway.log_stream import LAB_KEY, pattern_of
from natsconsole.gateway.receivers import Receivers
from natsconsole.gateway.recorder import RecordedTriage, Recorder
from natsconsole.gateway.shippers import Shippers
from natsconsole.gateway.stored_lines import lines_of, message_of
from natsconsole.gateway.stream_consumers import StreamConsumers
from natsconsole.gateway.stream_hosts import StreamHosts
from natsconsole.gateway.stream_reader import StreamReader
from natsconsole.gateway.triage import LiveTriage
from shipper.connection import Connection

_LINES_BATCH = 256
MESSAGES_OF_A_HOST = 5_000
"""Messages in flight of one host that are looked through for one of them."""
FIRST_MESSAGES = 32
"""Messages that a reading backwards begins with, before it knows how many lines each holds."""


class LiveGateway:
    """Implements ``Gateway`` for one stream.

    ``silent_after``: seconds without a message that make a host silent, 0 for never.
    ``pattern``: where the host stands in a stored subject; as the stream suggests unless given.
    ``context``: what the connection is, for those who look.
    ``recorder``: keeps what is seen.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        *,
        read_only: bool = False,
        silent_after: float = 0.0,
        pattern: HostPattern | None = None,
        context: Context = NO_CONTEXT,
        recorder: Recorder | None = None,
    ) -> None:
        self._connection = connection
        self._context = context
        self._given_pattern = pattern
        self._stream = stream
        self._read_only = read_only
        self._silent_after = silent_after
        self._consumer = ""
        """The only one whose figures are shown; any that fits where it is empty."""
        self._jetstream = JetStream(connection, timeout=2.0)
        triage = LiveTriage(connection, streams=(stream,) if stream else ())
        self._triage: Triage = RecordedTriage(triage, recorder) if recorder else triage
        self._recorder = recorder
        self._actions = Actions(connection, self._jetstream, context, read_only=read_only)
        self._reader = StreamReader(connection, self._jetstream, stream, asks_leader=True)
        self._receivers = Receivers(connection, stream)
        self._advisories = Advisories(connection, self._jetstream, stream)
        self._shippers = Shippers(connection, self._jetstream)
        self._pattern = pattern or HostPattern.ours()
        self._info: StreamInfo | None = None
        self._consumers = StreamConsumers()
        self._rtt: float | None = None
        self._stored = RateMeter()
        self._written = RateMeter()
        self._hosts = StreamHosts(
            self._pattern, self._reader, self._consumers, self._shippers.pulse_of
        )

    @property
    def link(self) -> Link:
        """The connection as it is now, without asking anybody."""
        return link_of(self._connection, self._rtt)

    @property
    def read_only(self) -> bool:
        """Whether every change is refused."""
        return self._read_only

    @property
    def context(self) -> Context:
        """Which of the user's contexts this is; one without a name where it is none."""
        return self._context

    @property
    def stream(self) -> str:
        """The stream that is shown."""
        return self._stream

    async def look(self) -> HomeSnapshot:
        """Take one look at stream, consumers, hosts and receivers."""
        home = None
        try:
            with as_gateway_errors(self._stream):
                home = await self._look()
        finally:  # an outage is seen by looks that fail
            if self._recorder is not None:
                self._recorder.note(
                    home=home, link=self.link, events=self.events(), context=self._context.name
                )
        return home

    async def _look(self) -> HomeSnapshot:
        self._rtt = await self._connection.rtt()
        info = await self._stream_info()
        consumers = await self._their_consumers()
        receivers = await self._receivers.statuses()
        self._consumers.take(
            consumers, (part.consumer for one in receivers for part in one.partitions)
        )
        known = await self._receivers.hosts()
        now = time.time()
        await self._shippers.listen(now)
        shippers = await self._shippers.seen(now)
        self._hosts.take(info.state.subjects, known, now)
        self._hosts.take_pulses(self._shippers.changes(now))
        await self._hosts.look_up(now)
        return self._snapshot(info, receivers, shippers, now)

    async def recent_lines(self, host: str, limit: int) -> Sequence[LogLine]:
        """Return the newest lines of a host, oldest first, at most ``limit``."""
        with as_gateway_errors(self._stream):
            info = self._info or await self._stream_info()
        lines = await self.lines_before(host, info.state.last_seq + 1, limit)
        return lines[-limit:]

    async def lines_before(self, host: str, sequence: int, limit: int) -> Sequence[LogLine]:
        """Return a host's lines before a stream sequence: whole messages, ``limit`` or more."""
        subject = self._pattern.subject_of(host)
        found: list[LogLine] = []
        count = FIRST_MESSAGES
        with as_gateway_errors(self._stream):
            info = self._info or await self._stream_info()
            while len(found) < limit:
                messages = await self._reader.before(
                    subject, sequence, count, first=info.state.first_seq
                )
                if not messages:
                    break
                page = list(lines_of(messages))
                found[:0] = page
                sequence = messages[0].sequence
                lacking = max(0, limit - len(found))
                count = min(_LINES_BATCH, max(1, round(lacking * len(messages) / len(page))))
        return tuple(found)

    async def sequence_at(self, host: str, moment: float) -> int | None:
        """Return the sequence of a host's first message stored at or after a moment."""
        with as_gateway_errors(self._stream):
            return await self._reader.sequence_at(self._pattern.subject_of(host), moment)

    async def lines_after(self, host: str, sequence: int, limit: int) -> Sequence[LogLine]:
        """Return a host's lines behind a stream sequence: whole messages, about ``limit`` lines."""
        with as_gateway_errors(self._stream):
            messages = await self._reader.messages_from(
                self._pattern.subject_of(host), sequence + 1, batch=min(limit, _LINES_BATCH)
            )
        return tuple(lines_of(messages))

    async def marks(self, hosts: Sequence[str]) -> Mapping[str, HostMarks]:
        """Return how far the lines of these hosts have come."""
        names = tuple(hosts)
        with as_gateway_errors(self._stream):
            known, (unacked, until) = await asyncio.gather(
                self._receivers.hosts(names), self._receivers.unacked(names)
            )
            consumers = await self._consumers_of(names)
        now = time.time()
        return {
            name: HostMarks(
                delivered=known[name].delivered if name in known else _delivered(consumers[name]),
                ack_floor=consumers[name].ack_floor.stream_seq if consumers[name] else 0,  # type: ignore[union-attr]
                unacked={found.sequence: found for found in unacked if found.host == name},
                unacked_until=until,
                knows_unacked=name in known,
                read_at=now,
            )
            for name in names
        }

    async def set_policy(self, receiver: str, policy: AckPolicy) -> ReceiverStatus:
        """Switch a receiver group's ack policy, and return the new state."""
        request = PolicyRequest(ack_policy=policy)
        return await self._change(self._receivers.change(receiver, "policy", request))

    async def set_answer(self, receiver: str, answer: Answer) -> ReceiverStatus:
        """Choose what a receiver answers to each message."""
        request = AnswerRequest(answer=answer)
        return await self._change(self._receivers.change(receiver, "answer", request))

    async def set_fault(self, receiver: str, fault: Fault) -> ReceiverStatus:
        """Make a receiver suffer a fault, or end it."""
        request = FaultRequest(fault=fault)
        return await self._change(self._receivers.change(receiver, "fault", request))

    async def pause(self, receiver: str) -> ReceiverStatus:
        """Stop a receiver's pulling."""
        return await self._change(self._receivers.change(receiver, "pause"))

    async def resume(self, receiver: str) -> ReceiverStatus:
        """Let a paused receiver pull again."""
        return await self._change(self._receivers.change(receiver, "resume"))

    async def set_rule(self, receiver: str, rule: AnswerRule) -> ReceiverStatus:
        """Choose what a receiver answers, and to which messages."""
        request = AnswerRequest(**msgspec.structs.asdict(rule))
        return await self._change(self._receivers.change(receiver, "answer", request))

    async def set_settings(self, receiver: str, settings: SettingsRequest) -> ReceiverStatus:
        """Edit the consumers of a receiver's group while they run."""
        return await self._change(self._receivers.change(receiver, "settings", settings))

    async def drain(self, receiver: str) -> ReceiverStatus:
        """Let a receiver finish what it has, and end."""
        return await self._change(self._receivers.change(receiver, "drain"))

    async def answer_message(self, receiver: str, request: MessageRequest) -> ReceiverStatus:
        """Let the receiver that has a message in flight answer it now."""
        return await self._change(self._receivers.change(receiver, "message", request))

    async def receivers(self) -> Sequence[ReceiverStatus]:
        """Return the status of every receiver that answers, by name."""
        with as_gateway_errors(self._stream):
            return await self._receivers.statuses()

    async def host_statuses(self) -> Mapping[str, HostStatus]:
        """Return what receivers know of every host."""
        with as_gateway_errors(self._stream):
            return await self._receivers.hosts()

    async def in_flight(self, hosts: Sequence[str] | None, limit: int) -> InFlight:
        """Return the messages in flight of these hosts, or of all, over all receivers."""
        with as_gateway_errors(self._stream):
            return await self._receivers.in_flight(None if hosts is None else tuple(hosts), limit)

    async def message(self, sequence: int, stream: str = "") -> StreamMessage | None:
        """Return a stored message, or None where the stream has it no more."""
        with as_gateway_errors(self._stream):
            stored = await self._jetstream.message_at(stream or self._stream, sequence)
        return message_of(stored, self._pattern.host_of(stored.subject)) if stored else None

    async def open_message(self, sequence: int, stream: str = "") -> OpenedMessage | None:
        """Return a stored message and what became of it, or None where it is gone."""
        message = await self.message(sequence, stream)
        if message is None:
            return None
        if not message.host or stream not in {"", self._stream}:
            return OpenedMessage(message=message)
        hosts = (message.host,)
        with as_gateway_errors(self._stream):
            found = await self._receivers.in_flight(hosts, MESSAGES_OF_A_HOST)
            known = await self._receivers.hosts(hosts)
        marks = await self.marks(hosts)
        return OpenedMessage(
            message=message,
            in_flight=next((one for one in found.messages if one.sequence == sequence), None),
            host=known.get(message.host),
            marks=marks[message.host],
        )

    async def listen(self) -> None:
        """Begin to listen to the stream's advisories, and read those that were kept."""
        with as_gateway_errors(self._stream):
            await self._advisories.listen()
            await self._advisories.read_past()

    def events(self) -> EventsSeen:
        """Return the advisories that came, newest first; at once, from memory."""
        return self._advisories.seen()

    async def order_shippers(self, order: ButtonOrder) -> str:
        """Press the Big Red Button, or release it; return what holds now, in one line."""
        if self._read_only:
            raise NotPermittedError(why_read_only(self._context))
        with as_gateway_errors(self._stream):
            return await self._shippers.press(order)

    @property
    def has_stream(self) -> bool:
        """Whether that stream was there when it was last looked for."""
        return self._info is not None

    @property
    def triage(self) -> Triage:
        """Looks at all streams and consumers."""
        return self._triage

    async def carry_out(self, action: Action) -> str:
        """Change a stream, a consumer or a message; the answer is one sentence for the user."""
        return await self._actions.carry_out(action)

    async def neighbour(self, stream: str, subject: str, sequence: int, step: int) -> int | None:
        """Return the sequence of the message of a subject before (-1) or behind (1) another."""
        reader = self._reader_of(stream)
        with as_gateway_errors():
            if step > 0:
                found = await reader.first_after(subject, sequence + 1)
                return found.sequence if found else None
            info = await self._jetstream.stream_info(stream)
            before = await reader.before(subject, sequence, 1, first=info.state.first_seq)
        return before[-1].sequence if before else None

    async def moment_in(self, stream: str, subject: str, moment: float) -> int | None:
        """Return the sequence of the first message of a filter stored at or after a moment."""
        with as_gateway_errors():
            return await self._reader_of(stream).sequence_at(subject or ">", moment)

    async def count(self, stream: str, subject: str) -> int:
        """Return how many messages of a stream a subject filter matches."""
        with as_gateway_errors():
            found = await self._reader_of(stream).first_after(subject, 1)
            if found is not None and not found.knows_pending:
                return await self._jetstream.count(stream, subject)
        return found.pending + 1 if found else 0

    def _reader_of(self, stream: str) -> StreamReader:
        return StreamReader(self._connection, self._jetstream, stream, asks_leader=True)

    def showing(self, stream: str, pattern: HostPattern | None, consumer: str = "") -> LiveGateway:
        """Return a gateway over the same connection that shows the hosts of another stream."""
        other = LiveGateway(
            self._connection,
            stream,
            read_only=self._read_only,
            silent_after=self._silent_after,
            pattern=pattern,
            context=self._context,
            recorder=self._recorder,
        )
        other._consumer, other._triage = consumer, self._triage
        return other

    def close(self) -> None:
        """Listen to nothing any more. Connection and triage go on: others share them."""
        self._advisories.close()
        self._shippers.close()

    async def _change(self, asking: Awaitable[ReceiverStatus]) -> ReceiverStatus:
        if self._read_only:
            asking.close()  # type: ignore[attr-defined]
            raise NotPermittedError(why_read_only(self._context))
        with as_gateway_errors(self._stream):
            return await asking

    async def _their_consumers(self) -> list[ConsumerInfo]:
        if self._consumer:
            return [await self._jetstream.consumer_info(self._stream, self._consumer)]
        return await self._jetstream.consumers(self._stream)

    async def _stream_info(self) -> StreamInfo:
        info = await self._jetstream.stream_info(
            self._stream, subjects=self._pattern.filter_subject
        )
        pattern = self._given_pattern or pattern_of(info)
        was_made_anew = self._info is not None and info.created != self._info.created
        if was_made_anew or pattern != self._pattern:
            self._hosts.begin_anew(pattern)
        if pattern != self._pattern:
            self._pattern = pattern
            info = await self._jetstream.stream_info(self._stream, subjects=pattern.filter_subject)
        self._info = info
        return info

    def _snapshot(
        self,
        info: StreamInfo,
        receivers: tuple[ReceiverStatus, ...],
        shippers: ShippersSeen,
        now: float,
    ) -> HomeSnapshot:
        lines = sum(status.written_lines for status in receivers)
        messages = sum(status.written_messages for status in receivers)
        per_message = lines / messages if messages else 1.0
        stored_rate = self._stored.note(now, info.state.last_seq)
        if receivers:
            self._written.note(now, lines)
        rows = self._hosts.rows(per_message, now, self._silent_after)
        totals = self._consumers.totals
        return HomeSnapshot(
            taken=now,
            stream=self._stream,
            messages=info.state.messages,
            bytes=info.state.bytes,
            created=info.created,
            inflow=Flow(
                per_second=stored_rate * per_message,
                history=tuple(rate * per_message for rate in self._stored.history),
                is_estimate=per_message != 1.0,
            ),
            outflow=Flow(
                per_second=self._written.rate if receivers else 0.0, history=self._written.history
            ),
            lag_messages=totals.unprocessed + sum(status.unwritten for status in receivers),
            lag_seconds=max((row.lag_seconds for row in rows), default=0.0),
            totals=totals,
            hosts=rows,
            hosts_total=len(rows),
            has_more_hosts=info.total > len(info.state.subjects),
            receivers=receivers,
            shippers=shippers,
            is_log_stream=PREFIX_KEY in info.metadata,
            is_lab=info.metadata.get(LAB_KEY) == "true",
            problem="; ".join(
                filter(None, (self._receivers.not_permitted, self._shippers.problem))
            ),
            knows_receivers=not self._receivers.not_permitted,
        )

    async def _consumers_of(self, hosts: tuple[str, ...]) -> dict[str, ConsumerInfo | None]:
        """Return the consumer that reads each host, with fresh figures."""
        by_host = {host: self._hosts.consumer_of(host) for host in hosts}
        fresh: dict[str, ConsumerInfo] = {}
        for found in by_host.values():
            if found is not None and found.name not in fresh:
                with contextlib.suppress(ApiError):
                    fresh[found.name] = await self._jetstream.consumer_info(
                        self._stream, found.name
                    )
        return {
            host: fresh.get(found.name, found) if found is not None else None
            for host, found in by_host.items()
        }


def _delivered(consumer: ConsumerInfo | None) -> int:
    return consumer.delivered.stream_seq if consumer else 0
