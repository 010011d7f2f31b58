"""The keys that change a receiver: asked for, said so while it lasts, confirmed or explained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial

from textual import on
from textual.reactive import var
from textual.screen import Screen
from textual.worker import Worker

from natsconsole.domain.contexts import why_read_only
from natsconsole.domain.receiver_change import ReceiverChange
from natsconsole.domain.snapshots import EMPTY_HOME, HomeSnapshot, Link
from natsconsole.gateway.interface import Gateway
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.home.changes import Change, ChangeName, change_of, confirmation, refusal
from natsconsole.tui.home.feed import Changed, ChangeFailed, Feed
from natsconsole.tui.hooks import WithHooks
from natsconsole.tui.keymap import bindings
from natsconsole.tui.triage.confirm import when_confirmed

CHANGES: dict[str, ChangeName] = {
    "receiver.policy": "policy",
    "receiver.answer": "answer",
    "receiver.disk": "disk",
    "receiver.pause": "pause",
}
"""What each command changes."""

_PRESSES_KEPT = 3
"""A key that is held down must not go on for long after it is let go."""


class ReceiverKeys(Screen[None], metaclass=WithHooks):
    """A screen that shows a receiver, and whose keys change it."""

    BINDINGS = bindings("receiver")

    home: var[HomeSnapshot] = var(EMPTY_HOME)
    link: var[Link] = var(Link())
    change: var[Change | None] = var(None)
    """What is under way."""

    def __init__(self, gateway: Gateway, demo: DemoControls | None) -> None:
        super().__init__()
        self._gateway = gateway
        self._demo = demo
        self._feed = Feed(gateway, self.post_message)
        self._workers: dict[str, Worker[None]] = {}
        self._pressed_again: list[ChangeName] = []
        """Presses of the key whose change is under way: "twice" is a step on from its outcome."""
        self.set_reactive(ReceiverKeys.link, gateway.link)

    @abstractmethod
    def say(self, sentence: str, *, is_refusal: bool = False) -> None:
        """Show what came of a key. Each screen has its own place for it."""

    def ask(self, name: str, question: Callable[[], Coroutine[None, None, None]]) -> bool:
        """Run a question in its worker; return False where it is still open from before."""
        worker = self._workers.get(name)
        if worker is not None and not worker.is_finished:
            return False

        async def work() -> None:
            try:
                await question()
            except Exception as error:  # noqa: BLE001 - a console on call goes on, and says it
                self.say(f"{name}: {type(error).__name__}: {error}", is_refusal=True)

        self._workers[name] = self.run_worker(work, name=name, group=name)
        return True

    def give_up(self, name: str) -> None:
        """End a question that is still open."""
        worker = self._workers.pop(name, None)
        if worker is not None and not worker.is_finished:
            worker.cancel()

    @property
    def refused(self) -> frozenset[str]:
        """Ids of the commands that would be refused now."""
        return frozenset(command for command, name in CHANGES.items() if self._refusal(name))

    def _refusal(self, name: ChangeName) -> str:
        if self._gateway.read_only:
            return why_read_only(self._gateway.context)
        return refusal(name, self.home.receiver, self.link)

    def _change(self, name: ChangeName) -> None:
        receiver = self.home.receiver
        reason = self._refusal(name)
        if reason or receiver is None:
            self.say(reason, is_refusal=True)
            return
        change = change_of(name, receiver)
        planned = ReceiverChange(
            receiver=receiver.name,
            what=f"{name} {change.before} → {change.after}",
            consequences=(
                f"the {name} of {receiver.name} is {change.before}, and will be {change.after}",
            ),
        )
        when_confirmed(self, self._gateway.context, planned, lambda: self._ask_for(change))

    def _ask_for(self, change: Change) -> None:
        name = change.name
        if self.ask("change", partial(self._feed.change, change)):
            self.change = change
        elif self._may_wait(name):
            self._pressed_again.append(name)
        else:
            self.say("one at a time: the last change is still under way", is_refusal=True)

    def _may_wait(self, name: ChangeName) -> bool:
        is_same = self.change is not None and self.change.name == name
        return is_same and len(self._pressed_again) < _PRESSES_KEPT

    @on(Changed)
    def confirm(self, event: Changed) -> None:
        """Show the state that the receiver confirmed."""
        event.stop()
        self.change = None
        self.home = replace(
            self.home,
            receivers=tuple(
                event.status if one.name == event.status.name else one
                for one in self.home.receivers
            ),
        )
        self.say(confirmation(event.change, event.status))
        if self._pressed_again:
            self._change(self._pressed_again.pop())

    @on(ChangeFailed)
    def explain(self, event: ChangeFailed) -> None:
        """Say why nothing changed."""
        event.stop()
        self.change = None
        self._pressed_again.clear()
        self.say(f"{event.change.describe()}: {event.reason}", is_refusal=True)

    def action_cycle_policy(self) -> None:
        """Switch to the next ack policy."""
        self._change("policy")

    def action_cycle_answer(self) -> None:
        """Choose the next answer."""
        self._change("answer")

    def action_toggle_disk_full(self) -> None:
        """Fill the disk, or make room."""
        self._change("disk")

    def action_toggle_pause(self) -> None:
        """Pause, or resume."""
        self._change("pause")

    def action_crash_receiver(self) -> None:
        """Kill the demo's receiver."""
        if self._demo is None:
            self.say("only a demo's receiver can be crashed from here", is_refusal=True)
        elif self._gateway.read_only:
            self.say(why_read_only(self._gateway.context), is_refusal=True)
        elif self.ask("crash", self._demo.crash_receiver):
            self.say("the receiver was killed with -9; the demo starts it again")
