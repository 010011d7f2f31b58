"""A gateway with no network: the pipeline is what the test says it is.

It keeps the promises of the real one: values are frozen, changes are confirmed with the new state,
a lab's choices are refused elsewhere, and nothing answers while the link is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import msgspec

from natsconsole.domain.lines import HostMarks, LogLine
from natsconsole.domain.receivers import AckPolicy, Answer, Fault, ReceiverState, ReceiverStatus
from natsconsole.domain.snapshots import EMPTY_HOME, HomeSnapshot, Link
from natsconsole.gateway.interface import GatewayError, LinkLostError, NotPermittedError


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
    ) -> None:
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
        self.pages = 0
        """How often older lines were asked for."""
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
        return await self._change(receiver, "answer", answer, answer=answer)

    async def set_fault(self, receiver: str, fault: Fault) -> ReceiverStatus:
        self._need_lab(receiver)
        state: ReceiverState = "held" if fault == "disk-full" else "running"
        return await self._change(receiver, "fault", fault, fault=fault, state=state)

    async def pause(self, receiver: str) -> ReceiverStatus:
        return await self._change(receiver, "pause", state="paused")

    async def resume(self, receiver: str) -> ReceiverStatus:
        return await self._change(receiver, "resume", state="running")

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


class FakeDemo:
    """A demo that only counts its crashes."""

    def __init__(self, on_crash: Callable[[], None] = lambda: None) -> None:
        self.receiver_restarts = 0
        self._on_crash = on_crash

    async def crash_receiver(self) -> None:
        self.receiver_restarts += 1
        self._on_crash()


def with_receivers(home: HomeSnapshot, *receivers: ReceiverStatus) -> HomeSnapshot:
    """Return the snapshot with these receivers."""
    return replace(home, receivers=receivers)
