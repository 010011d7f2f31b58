"""Asking the gateway for what Home shows: values go in, messages come out.

Nothing here knows a widget. A question that is still open when its time comes again is not asked
twice: a slow network skips ticks and never queues them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual.message import Message

from natsconsole.domain.lines import HostMarks, LogLine
from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.domain.snapshots import HomeSnapshot
from natsconsole.gateway.interface import Gateway, GatewayError
from natsconsole.tui.home.changes import Change

RECENT = 500
"""Lines that a pane starts with."""
BATCH = 1_000
"""Lines asked for at once; a host that is faster than that is shown from its newest on."""


@dataclass
class Looked(Message):
    """A look at the pipeline succeeded."""

    home: HomeSnapshot

    def can_replace(self, message: Message) -> bool:
        """Only the newest look matters."""
        return isinstance(message, Looked)


@dataclass
class LookFailed(Message):
    """A look at the pipeline did not succeed."""

    reason: str


@dataclass
class LinesRead(Message):
    """New lines, and what became of those before."""

    lines: Mapping[str, Sequence[LogLine]]
    marks: Mapping[str, HostMarks]
    after: Mapping[str, int]
    """Behind which stream sequence they were read; 0 for the newest there are."""
    skipped: frozenset[str]
    """Hosts that were too fast to follow: lines before these are missing."""


@dataclass
class Changed(Message):
    """A receiver did what was asked."""

    change: Change
    status: ReceiverStatus


@dataclass
class ChangeFailed(Message):
    """A receiver did not do what was asked."""

    change: Change
    reason: str


class Feed:
    """The questions, each with its answer as a message."""

    def __init__(self, gateway: Gateway, post: Callable[[Message], object]) -> None:
        self._gateway = gateway
        self._post = post

    async def look(self) -> None:
        """Take one look."""
        try:
            home = await self._gateway.look()
        except GatewayError as error:
            self._post(LookFailed(str(error)))
        except Exception as error:  # noqa: BLE001 - a console on call goes on, and says what it met
            self._post(LookFailed(f"{type(error).__name__}: {error}"))
        else:
            self._post(Looked(home))

    async def read_lines(self, after: Mapping[str, int]) -> None:
        """Read the lines behind each host's last one, and the marks of all."""
        lines: dict[str, Sequence[LogLine]] = {}
        skipped = set()
        try:
            for host, sequence in after.items():
                if not sequence:
                    lines[host] = await self._gateway.recent_lines(host, RECENT)
                    continue
                lines[host] = next_lines = await self._gateway.lines_after(host, sequence, BATCH)
                if len(next_lines) >= BATCH:
                    lines[host] = newest = await self._gateway.recent_lines(host, RECENT)
                    if newest and newest[0].sequence > next_lines[0].sequence:
                        skipped.add(host)
            marks = await self._gateway.marks(list(after))
        except GatewayError:
            return  # the look says why
        self._post(LinesRead(lines, marks, dict(after), frozenset(skipped)))

    async def change(self, change: Change) -> None:
        """Ask a receiver for a change."""
        try:
            status = await change.apply(self._gateway)
        except GatewayError as error:
            self._post(ChangeFailed(change, str(error)))
        else:
            self._post(Changed(change, status))
