"""A recording, walked: a gateway that shows what was, and changes nothing."""

from __future__ import annotations

import contextlib
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

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
from natsconsole.domain.recording import (
    KEY,
    FrameAt,
    NoRecordingError,
    Seen,
    Unpacker,
    events_of,
    frames_of,
    seen_of,
)
from natsconsole.domain.shippers import ButtonOrder
from natsconsole.domain.snapshots import HomeSnapshot, Link
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.gateway.interface import GatewayError, NotPermittedError

UNRECORDED = "a recording keeps figures and events, no messages"


class Recording:
    """The frames of a file, any of which can be shown."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.frames: tuple[FrameAt, ...] = tuple(frames_of(data))
        """At least one."""
        if not self.frames:
            raise NoRecordingError("it holds no whole frame: the console ended at once")
        if self.frames[0].kind != KEY:
            raise NoRecordingError("its first frame is missing: the file is damaged")
        last = self.frames[-1]
        self.is_cut = last.start + last.length != len(data)
        """Whether its end is missing, as after a crash."""
        self.times = [frame.time for frame in self.frames]
        self._unpacker = Unpacker()
        self._unpacked = -1
        self._seen: tuple[int, Seen] = (-1, Seen())

    @classmethod
    def open(cls, path: Path) -> Recording:
        """Read a file.

        Raises:
            NoRecordingError: it cannot be read, or is no recording; the text is one line.
        """
        try:
            return cls(path.read_bytes())
        except OSError as error:
            raise NoRecordingError(f"{path}: {error.strerror or error}") from None
        except NoRecordingError as error:
            raise NoRecordingError(f"{path}: {error}") from None

    def at(self, place: int) -> Seen:
        """Return what was seen at a frame.

        Raises:
            NoRecordingError: it is damaged.
        """
        if self._seen[0] == place:
            return self._seen[1]
        first = next(at for at in range(place, -1, -1) if self.frames[at].kind == KEY)
        start = self._unpacked + 1 if first <= self._unpacked < place else first
        tree = None
        for number in range(start, place + 1):
            frame = self.frames[number]
            packed = self._data[frame.start : frame.start + frame.length]
            tree = self._unpacker.unpack(frame, packed)
            self._unpacked = number
        seen = seen_of(tree)
        self._seen = (place, seen)
        return seen


class Player:
    """Where in a recording we are, and whether time goes on."""

    def __init__(self, recording: Recording, *, clock: Callable[[], float] = time.time) -> None:
        self.recording = recording
        self._clock = clock
        self._moment = recording.times[0]
        self._since: float | None = None
        self.revision = 0
        """Raised whenever a key has moved it: whoever shows it looks anew then."""

    @property
    def is_playing(self) -> bool:
        """Whether time goes on."""
        return self._since is not None

    @property
    def now(self) -> float:
        """The moment that is shown, in seconds since the epoch."""
        if self._since is None:
            return self._moment
        moment = self._moment + self._clock() - self._since
        if moment >= self.recording.times[-1]:
            self._moment, self._since = self.recording.times[-1], None
            return self._moment
        return moment

    @property
    def place(self) -> int:
        """The number of the frame that is shown, from 0."""
        return max(0, bisect_right(self.recording.times, self.now) - 1)

    @property
    def seen(self) -> Seen:
        """What was seen then."""
        return self.recording.at(self.place)

    def step(self, frames: int) -> None:
        """Go so many frames on, or back, and stop there."""
        place = max(0, min(self.place + frames, len(self.recording.times) - 1))
        self.go_to(self.recording.times[place], stops=True)

    def go_to(self, moment: float, *, stops: bool = False) -> None:
        """Show another moment; it goes on playing unless told otherwise."""
        times = self.recording.times
        self._moment = max(times[0], min(moment, times[-1]))
        self._since = None if stops or not self.is_playing else self._clock()
        self.revision += 1

    def toggle(self) -> None:
        """Let time go on, or stop it; at the end it begins anew."""
        if self.is_playing:
            self._moment, self._since = self.now, None
        else:
            if self._moment >= self.recording.times[-1]:
                self._moment = self.recording.times[0]
            self._since = self._clock()
        self.revision += 1


class ReplayGateway:
    """Implements ``Gateway`` on a recording.

    At a damaged moment each look raises ``GatewayError``; what is known without asking stays as
    it was at the last moment that could be read.
    """

    def __init__(self, player: Player) -> None:
        self.player = player
        self._last = Seen()

    @property
    def link(self) -> Link:
        """The connection as it was."""
        return self._known.link

    @property
    def read_only(self) -> bool:
        """What was cannot be changed."""
        return True

    @property
    def context(self) -> Context:
        """The context of which it is a recording."""
        return Context(name=self._known.context)

    @property
    def stream(self) -> str:
        """The stream whose hosts were shown."""
        return self._known.home.stream

    @property
    def has_stream(self) -> bool:
        """Whether a stream's hosts were shown then."""
        return bool(self._known.home.taken)

    @property
    def triage(self) -> ReplayGateway._Triage:
        """The looks at all streams and consumers."""
        return self._Triage(self)

    @property
    def _seen(self) -> Seen:
        try:
            self._last = self.player.seen
        except NoRecordingError as error:
            raise GatewayError(f"this moment of the recording: {error}") from None
        return self._last

    @property
    def _known(self) -> Seen:
        with contextlib.suppress(GatewayError):
            return self._seen
        return self._last

    class _Triage:
        """Looks as they were."""

        def __init__(self, gateway: ReplayGateway) -> None:
            self._gateway = gateway

        @property
        def link(self) -> Link:
            """The connection as it was."""
            return self._gateway.link

        async def look(self) -> TriageSnapshot:
            """Return the look of the moment."""
            return self._gateway._seen.triage  # noqa: SLF001

        def prefer(self, consumers: Iterable[tuple[str, str]]) -> None:
            """All was read long ago."""

    async def look(self) -> HomeSnapshot:
        """Return what Home showed."""
        return self._seen.home

    async def receivers(self) -> Sequence[ReceiverStatus]:
        """Return the receivers as they were."""
        return self._seen.home.receivers

    async def listen(self) -> None:
        """What was told is in the recording."""

    def events(self) -> EventsSeen:
        """Return the advisories that had come."""
        return events_of(self._known)

    # Lines and messages are not recorded.

    async def recent_lines(self, host: str, limit: int) -> Sequence[LogLine]:
        """Return none."""
        return ()

    async def lines_after(self, host: str, sequence: int, limit: int) -> Sequence[LogLine]:
        """Return none."""
        return ()

    async def lines_before(self, host: str, sequence: int, limit: int) -> Sequence[LogLine]:
        """Return none."""
        return ()

    async def sequence_at(self, host: str, moment: float) -> int | None:
        """Return none."""
        return None

    async def marks(self, hosts: Sequence[str]) -> Mapping[str, HostMarks]:
        """Return marks of which nothing is known."""
        return {host: HostMarks() for host in hosts}

    async def host_statuses(self) -> Mapping[str, HostStatus]:
        """Return none."""
        return {}

    async def in_flight(self, hosts: Sequence[str] | None, limit: int) -> InFlight:
        """Say that it is not recorded."""
        raise GatewayError("a recording keeps figures and events, not each message in flight")

    async def message(self, sequence: int, stream: str = "") -> StreamMessage | None:
        """Say that it is not recorded."""
        raise GatewayError(UNRECORDED)

    async def open_message(self, sequence: int, stream: str = "") -> OpenedMessage | None:
        """Say that it is not recorded."""
        raise GatewayError(UNRECORDED)

    async def neighbour(self, stream: str, subject: str, sequence: int, step: int) -> int | None:
        """Say that it is not recorded."""
        raise GatewayError(UNRECORDED)

    async def moment_in(self, stream: str, subject: str, moment: float) -> int | None:
        """Say that it is not recorded."""
        raise GatewayError(UNRECORDED)

    async def count(self, stream: str, subject: str) -> int:
        """Say that it is not recorded."""
        raise GatewayError(UNRECORDED)

    def showing(self, stream: str, pattern: HostPattern | None, consumer: str = "") -> NoReturn:
        """Say that it is not recorded."""
        raise GatewayError("a recording shows the hosts of the stream that was shown, no others")

    def close(self) -> None:
        """It listens to nothing."""

    # Nothing can be changed.

    async def carry_out(self, action: Action) -> str:
        """Refuse."""
        return self._refuse()

    async def set_policy(self, receiver: str, policy: AckPolicy) -> ReceiverStatus:
        """Refuse."""
        return self._refuse()

    async def set_answer(self, receiver: str, answer: Answer) -> ReceiverStatus:
        """Refuse."""
        return self._refuse()

    async def set_fault(self, receiver: str, fault: Fault) -> ReceiverStatus:
        """Refuse."""
        return self._refuse()

    async def pause(self, receiver: str) -> ReceiverStatus:
        """Refuse."""
        return self._refuse()

    async def resume(self, receiver: str) -> ReceiverStatus:
        """Refuse."""
        return self._refuse()

    async def set_rule(self, receiver: str, rule: AnswerRule) -> ReceiverStatus:
        """Refuse."""
        return self._refuse()

    async def set_settings(self, receiver: str, settings: SettingsRequest) -> ReceiverStatus:
        """Refuse."""
        return self._refuse()

    async def drain(self, receiver: str) -> ReceiverStatus:
        """Refuse."""
        return self._refuse()

    async def answer_message(self, receiver: str, request: MessageRequest) -> ReceiverStatus:
        """Refuse."""
        return self._refuse()

    async def order_shippers(self, order: ButtonOrder) -> str:
        """Refuse."""
        return self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotPermittedError("this is a recording: what was cannot be changed")
