"""What the keys change, as values: the same words on the bar, in the notice and in a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from natsconsole.domain.receivers import ACK_POLICIES, Answer, Fault, ReceiverStatus
from natsconsole.domain.snapshots import Link
from natsconsole.gateway.interface import Gateway

ChangeName = Literal["policy", "answer", "disk", "pause"]
Choice = TypeVar("Choice", bound=str)
CYCLED_ANSWERS: tuple[Answer, ...] = ("ack", "nak", "withhold")
"""What one key goes through: the three whose difference is seen at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is asked of a receiver."""

    receiver: str
    name: ChangeName
    before: str
    after: str

    def describe(self) -> str:
        """Return what is asked, in one line."""
        return f"{self.receiver}: {self.name} {self.before} → {self.after}"

    async def apply(self, gateway: Gateway) -> ReceiverStatus:
        """Ask for it, and return the state that the receiver confirms."""
        match self.name:
            case "policy":
                policy = next(one for one in ACK_POLICIES if one == self.after)
                return await gateway.set_policy(self.receiver, policy)
            case "answer":
                answer = next(one for one in CYCLED_ANSWERS if one == self.after)
                return await gateway.set_answer(self.receiver, answer)
            case "disk":
                fault: Fault = "disk-full" if self.after == "full" else "none"
                return await gateway.set_fault(self.receiver, fault)
            case "pause":
                if self.after == "paused":
                    return await gateway.pause(self.receiver)
                return await gateway.resume(self.receiver)


def change_of(name: ChangeName, receiver: ReceiverStatus) -> Change:
    """Return what the key for this does to a receiver in this state."""
    before: str
    after: str
    match name:
        case "policy":
            before, after = receiver.ack_policy, following(ACK_POLICIES, receiver.ack_policy)
        case "answer":
            before, after = receiver.answer, following(CYCLED_ANSWERS, receiver.answer)
        case "disk":
            before, after = ("full", "free") if receiver.fault == "disk-full" else ("free", "full")
        case "pause":
            is_paused = receiver.state == "paused"
            before, after = ("paused", "running") if is_paused else ("running", "paused")
    return Change(receiver=receiver.name, name=name, before=before, after=after)


def confirmation(change: Change, status: ReceiverStatus) -> str:
    """Return what the receiver's new state says of the change."""
    match change.name:
        case "policy":
            return f"{status.name}: the ack policy is now {status.ack_policy}"
        case "answer":
            return f"{status.name} now answers {status.answer}"
        case "disk":
            full = status.fault == "disk-full"
            return f"{status.name}: the disk is now {'full' if full else 'free again'}"
        case "pause":
            return f"{status.name} is now {status.state}"


def refusal(name: ChangeName, receiver: ReceiverStatus | None, link: Link) -> str:
    """Return why the key for this does nothing now, or nothing where it works."""
    if link.state != "live":
        return "there is no connection: nothing can be changed until it is back"
    if receiver is None:
        return "no receiver answers, so there is nothing to change"
    if name in {"answer", "disk"} and not receiver.lab:
        return f"{receiver.name} is no lab receiver: answers and faults need receive --lab"
    return ""


def following(choices: Sequence[Choice], chosen: Choice) -> Choice:
    """Return the choice after this one, round and round."""
    place = choices.index(chosen) + 1 if chosen in choices else 0
    return choices[place % len(choices)]
