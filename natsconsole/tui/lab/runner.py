"""Plays a scene: asks for each step, waits for what it leads to, and goes the way back.

It knows the gateway and the demo, no widget: the scene goes on while other screens are looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from natsconsole.domain.contexts import why_read_only
from natsconsole.domain.lab import (
    Action,
    AnswerWorst,
    LabScene,
    Moment,
    Process,
    Progress,
    Resume,
    SetFault,
    SetPolicy,
    SetRule,
    Step,
    account_of,
    is_back,
    proof,
    refusal,
    way_back,
)
from natsconsole.domain.receivers import MessageRequest
from natsconsole.gateway.interface import Gateway, GatewayError
from natsconsole.tui.demo_controls import DemoControls

Phase = Literal["idle", "playing", "played", "failed", "going back", "back", "stranded"]
LOOK_SECONDS = 0.3
BACK_WITHIN = 45.0
PATIENCE = 15.0
"""Seconds to wait for receivers that are just being started."""
MESSAGES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class LabState:
    """How far a scene has come. The screen is drawn from this."""

    phase: Phase = "idle"
    scene: LabScene | None = None
    step: int = 0
    """The step under way; those before it have happened."""
    step_began: float = 0.0
    before: Moment | None = None
    now: Moment | None = None
    problem: str = ""
    """Why it failed or was refused, in one line."""

    @property
    def may_go_back(self) -> bool:
        """Whether there is anything to set as it was."""
        return self.phase in {"playing", "played", "failed", "going back", "stranded"}


class LabRunner:
    """Plays one scene at a time. ``play`` and ``go_back`` return when they are done."""

    def __init__(
        self,
        gateway: Gateway,
        demo: DemoControls | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = LabState()
        self.played: dict[str, bool] = {}
        """By key: whether a scene's account was as promised."""
        self._gateway = gateway
        self._demo = demo
        self._monotonic = monotonic
        self._is_lab_stream: bool | None = None

    async def look(self) -> Moment:
        """Take one look at receivers, account, events and messages in flight.

        Raises:
            GatewayError: nobody answers.
        """
        receivers = await self._gateway.receivers()
        hosts = await self._gateway.host_statuses()
        in_flight = await self._gateway.in_flight(None, MESSAGES)
        moment = Moment(
            time=self._monotonic(),
            receivers=tuple(receivers),
            counters=account_of(hosts),
            events=dict(self._gateway.events().counts),
            in_flight=in_flight,
        )
        self.state = replace(self.state, now=moment)
        return moment

    async def refusal(self, scene: LabScene) -> str:
        """Return why the scene cannot be played, or nothing."""
        if self._gateway.read_only:
            return why_read_only(self._gateway.context)
        if self._is_lab_stream is None:
            self._is_lab_stream = (await self._gateway.look()).is_lab
        is_demo = self._demo is not None
        moment = await self.look()
        return refusal(moment, is_demo=is_demo, is_lab_stream=self._is_lab_stream, scene=scene)

    async def play(self, scene: LabScene) -> None:
        """Play a scene to its last step; then everything stays as it is until ``go_back``."""
        if self.state.phase in {"playing", "going back"}:
            return
        if self.state.may_go_back:
            await self.go_back()
            if self.state.phase != "back":
                return  # what was before that scene is still known, and b still goes back to it
        try:
            reason = await self.refusal(scene)
            if not reason:
                await self._gateway.listen()
        except GatewayError as error:
            reason = str(error)
        if reason:
            self.state = LabState(phase="idle", scene=scene, now=self.state.now, problem=reason)
            return
        before = self.state.now
        self.state = LabState(phase="playing", scene=scene, before=before, now=before)
        for number, step in enumerate(scene.steps):
            self.state = replace(self.state, step=number, step_began=self._monotonic())
            problem = await self._take(step)
            if problem:
                self.state = replace(self.state, phase="failed", problem=problem)
                return
        self.state = replace(self.state, phase="played", step=len(scene.steps))

    async def _take(self, step: Step) -> str:
        """Take one step; return why it did not lead to what it should, or nothing."""
        before = self.state.before or Moment()
        since = await self._look_patiently()
        began = self._monotonic()
        if step.do is not None:
            try:
                await self._do(step.do)
            except GatewayError as error:
                return str(error)
        while True:
            with contextlib.suppress(GatewayError):
                now = await self.look()
                took = self._monotonic() - began
                if took >= step.at_least and step.until(
                    Progress(before=before, since=since, now=now)
                ):
                    return ""
            if self._monotonic() - began > step.within:
                return f"this did not happen within {step.within:.0f} s: {step.words}"
            await asyncio.sleep(LOOK_SECONDS)

    async def _look_patiently(self) -> Moment:
        deadline = self._monotonic() + PATIENCE
        while True:
            try:
                return await self.look()
            except GatewayError:
                if self._monotonic() > deadline:
                    return self.state.now or Moment()
                await asyncio.sleep(LOOK_SECONDS)

    async def go_back(self) -> None:
        """Set everything as it was before the scene, and wait until it is."""
        before = self.state.before
        if before is None or not self.state.may_go_back:
            return
        self.state = replace(self.state, phase="going back", problem="")
        deadline = self._monotonic() + BACK_WITHIN
        problem = ""
        while self._monotonic() < deadline:
            try:
                now = await self.look()
                if is_back(before, now):
                    self._close(before, now)
                    return
                for action in way_back(before, now, is_demo=self._demo is not None):
                    await self._do(action)
                problem = ""
            except GatewayError as error:
                problem = str(error)
            await asyncio.sleep(LOOK_SECONDS)
        self.state = replace(
            self.state,
            phase="stranded",
            problem=f"not everything is as it was{problem and f': {problem}'}; b tries again",
        )

    def _close(self, before: Moment, now: Moment) -> None:
        scene = self.state.scene
        if scene is not None and self.state.step == len(scene.steps):
            lines = proof(scene, before, now)
            self.played[scene.key] = all(line.holds is not False for line in lines)
        self.state = replace(self.state, phase="back", now=now)

    async def _do(self, action: Action) -> None:
        if isinstance(action, Process):
            await self._process(action)
            return
        now = self.state.now or Moment()
        if isinstance(action, AnswerWorst):
            await self._answer_worst(action)
            return
        for one in now.receivers:
            match action:
                case SetRule(rule):
                    await self._gateway.set_rule(one.name, rule)
                case SetFault(fault):
                    await self._gateway.set_fault(one.name, fault)
                case Resume():
                    await self._gateway.resume(one.name)
                case SetPolicy(policy):
                    await self._gateway.set_policy(one.name, policy)
                    return  # the group follows
                case _:
                    await self._gateway.set_settings(one.name, action.settings)
                    return

    async def _answer_worst(self, action: AnswerWorst) -> None:
        found = await self._gateway.in_flight(None, MESSAGES)
        worst = max(found.messages, key=lambda one: one.message.deliveries, default=None)
        if worst is None:
            raise GatewayError("no message is in flight now")
        request = MessageRequest(
            sequence=worst.sequence, answer=action.answer, reason=action.reason
        )
        await self._gateway.answer_message(worst.receiver, request)

    async def _process(self, action: Process) -> None:
        demo = self._demo
        if demo is None:
            raise GatewayError("only a demo starts and kills receivers")
        match action.what:
            case "crash":
                await demo.crash_receiver()
            case "kill":
                await demo.kill_receiver()
            case "revive":
                await demo.revive_receiver()
            case "start second":
                await demo.start_second_receiver()
            case "stop second":
                await demo.stop_second_receiver()
