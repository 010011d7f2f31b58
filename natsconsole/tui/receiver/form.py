"""What can be chosen for a receiver, what is not asked for yet, and what it means. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from natsconsole.domain.receiver_costs import (
    Cost,
    cost_of_ack_wait,
    cost_of_backoff,
    cost_of_fault,
    cost_of_max_ack_pending,
    cost_of_max_deliver,
    cost_of_policy,
    cost_of_rule,
)
from natsconsole.domain.receivers import (
    ACK_POLICIES,
    ANSWERS,
    SAFE_ANSWERS,
    AckPolicy,
    AnswerRule,
    Fault,
    ReceiverStatus,
    SettingsRequest,
)
from natsconsole.gateway.interface import Gateway
from natsconsole.tui.page.numbers import (
    read_count,
    read_limit,
    read_seconds,
    read_share,
    read_times,
)

FieldId = Literal[
    "policy", "answer", "delay", "reason", "share", "hosts",
    "ack_wait", "max_ack_pending", "max_deliver", "backoff", "disk",
]  # fmt: skip
FIELDS: tuple[FieldId, ...] = get_args(FieldId)
OF_RULE: frozenset[FieldId] = frozenset({"answer", "delay", "reason", "share", "hosts"})
OF_SETTINGS: frozenset[FieldId] = frozenset(
    {"ack_wait", "max_ack_pending", "max_deliver", "backoff"}
)
LABELS: dict[FieldId, str] = {
    "policy": "ack policy",
    "answer": "answer",
    "delay": "  delay",
    "reason": "  reason",
    "share": "  share",
    "hosts": "  hosts",
    "ack_wait": "ack wait",
    "max_ack_pending": "max ack pending",
    "max_deliver": "max deliver",
    "backoff": "back-off",
    "disk": "disk",
}
HINTS: dict[FieldId, str] = {
    "delay": "how long a nak-delay waits: 5, 2.5s, 2m",
    "reason": "why messages are terminated: it stands in the advisory",
    "share": "the share of the messages the answer is for: 20%, 0.2, 1",
    "hosts": "shell pattern of the hosts the answer is for: web-*",
    "ack_wait": "how long the server waits for an answer: 10s, 500ms, 2m",
    "max_ack_pending": "messages of one partition in flight at most",
    "max_deliver": "deliveries before a message is given up: 5, or none",
    "backoff": "waits before the redeliveries: 1s 5s 30s, or none",
}
DISK: dict[Fault, str] = {"none": "healthy", "disk-full": "full"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that can be chosen."""

    id: FieldId
    value: str
    """What the receiver has."""
    draft: str | None = None
    """What is chosen and not asked for yet."""
    choices: tuple[str, ...] = ()
    """Empty where a value is typed."""
    needs_lab: bool = False

    @property
    def label(self) -> str:
        """Its name."""
        return LABELS[self.id]

    @property
    def wanted(self) -> str:
        """What is chosen, or what there is."""
        return self.value if self.draft is None else self.draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A receiver's fields with what is chosen and not asked for yet."""

    status: ReceiverStatus
    drafts: Mapping[FieldId, str]

    def fields(self) -> tuple[Field, ...]:
        """Return the fields that mean something now."""
        return tuple(self.field(one) for one in FIELDS if self._matters(one))

    def _matters(self, field_id: FieldId) -> bool:
        answer = self.drafts.get("answer", self.status.rule.answer)
        match field_id:
            case "delay":
                return answer == "nak-delay"
            case "reason":
                return answer == "term"
            case "share" | "hosts":
                return answer not in {"ack", "double-ack"}
            case _:
                return True

    def field(self, field_id: FieldId) -> Field:
        """Return one field."""
        value = _value(self.status, field_id)
        draft = self.drafts.get(field_id)
        choices: dict[FieldId, tuple[str, ...]] = {
            "policy": ACK_POLICIES,
            "answer": ANSWERS,
            "disk": tuple(DISK.values()),
        }
        return Field(
            id=field_id,
            value=value,
            draft=None if draft == value else draft,
            choices=choices.get(field_id, ()),
            needs_lab=field_id in OF_RULE | {"disk"},
        )

    def rule(self) -> AnswerRule:
        """Return the rule as it would be."""
        wanted = {one: self.field(one).wanted for one in OF_RULE}
        return AnswerRule(
            answer=next(one for one in ANSWERS if one == wanted["answer"]),
            delay_seconds=read_seconds(wanted["delay"]) or self.status.rule.delay_seconds,
            reason=wanted["reason"],
            share=read_share(wanted["share"]) or self.status.rule.share,
            hosts=wanted["hosts"] or "*",
        )

    def cost(self, field_id: FieldId) -> Cost:
        """Return what this field means as it would be."""
        wanted = self.field(field_id).wanted
        match field_id:
            case "policy":
                return cost_of_policy(_policy(wanted))
            case "ack_wait":
                return cost_of_ack_wait(read_seconds(wanted) or 0)
            case "max_ack_pending":
                return cost_of_max_ack_pending(read_limit(wanted) or 0)
            case "max_deliver":
                return cost_of_max_deliver(read_count(wanted) or -1)
            case "backoff":
                return cost_of_backoff(read_times(wanted) or ())
            case "disk":
                return cost_of_fault(_fault(wanted))
            case _:
                return cost_of_rule(self.rule(), self.status.ack_wait_seconds)

    def problem(self, field_id: FieldId, typed: str) -> str:
        """Return why a value cannot be used, or nothing."""
        readers: dict[FieldId, Callable[[str], object]] = {
            "delay": read_seconds,
            "share": read_share,
            "ack_wait": read_seconds,
            "max_ack_pending": read_limit,
            "max_deliver": read_count,
            "backoff": read_times,
        }
        read = readers.get(field_id)
        if read is not None and read(typed) is None:
            return f"{typed!r} cannot be used: {HINTS[field_id]}"
        return ""

    def refusal(self, field_id: FieldId) -> str:
        """Return why this receiver would refuse what is chosen, or nothing."""
        status, wanted = self.status, self.field(field_id).wanted
        if status.lab:
            return ""
        costs_lines = field_id in OF_RULE and self.rule().answer not in SAFE_ANSWERS
        if costs_lines or (field_id == "disk" and _fault(wanted) != "none"):
            what = self.rule().answer if costs_lines else "a full disk"
            return (
                f"{status.name} is no lab receiver: {what} would cost lines or the flow; only one "
                "that was started with receive --lab takes it"
            )
        return ""

    def request(self, field_id: FieldId) -> Request:
        """Return what is to be asked for, so that this field becomes as it is chosen."""
        wanted = self.field(field_id).wanted
        name = self.status.name
        match field_id:
            case "policy":
                return Request(receiver=name, field=field_id, policy=_policy(wanted))
            case "disk":
                return Request(receiver=name, field=field_id, fault=_fault(wanted))
            case "ack_wait":
                settings = SettingsRequest(ack_wait_seconds=read_seconds(wanted))
            case "max_ack_pending":
                settings = SettingsRequest(max_ack_pending=read_limit(wanted))
            case "max_deliver":
                settings = SettingsRequest(max_deliver=read_count(wanted))
            case "backoff":
                settings = SettingsRequest(backoff_seconds=read_times(wanted))
            case _:
                return Request(receiver=name, field=field_id, rule=self.rule())
        return Request(receiver=name, field=field_id, settings=settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One change that is asked of a receiver."""

    receiver: str
    field: FieldId
    policy: AckPolicy | None = None
    rule: AnswerRule | None = None
    settings: SettingsRequest | None = None
    fault: Fault | None = None

    @property
    def fields(self) -> frozenset[FieldId]:
        """The fields that it settles."""
        return OF_RULE if self.rule is not None else frozenset({self.field})

    async def apply(self, gateway: Gateway) -> ReceiverStatus:
        """Ask for it and return the state that the receiver confirms."""
        if self.policy is not None:
            return await gateway.set_policy(self.receiver, self.policy)
        if self.rule is not None:
            return await gateway.set_rule(self.receiver, self.rule)
        if self.settings is not None:
            return await gateway.set_settings(self.receiver, self.settings)
        return await gateway.set_fault(self.receiver, self.fault or "none")

    def confirmation(self, status: ReceiverStatus) -> str:
        """Return what the receiver's new state says of the change."""
        if self.settings is not None:
            return f"{status.name}: {LABELS[self.field].strip()} is agreed on in the group"
        value = _value(status, self.field)
        if self.rule is not None:
            return f"{status.name} now answers {status.rule.answer}"
        return f"{status.name}: {LABELS[self.field]} is now {value}"


def following(choices: Sequence[str], chosen: str, step: int) -> str:
    """Return the choice so many places on, stopping at either end."""
    place = choices.index(chosen) if chosen in choices else 0
    return choices[max(0, min(place + step, len(choices) - 1))]


def per_partition(status: ReceiverStatus) -> int:
    """Return max ack pending of one partition."""
    ours = sum(part.state != "elsewhere" for part in status.partitions)
    return status.max_ack_pending // ours if ours else status.max_ack_pending


def _value(status: ReceiverStatus, field_id: FieldId) -> str:  # noqa: C901 - a table
    rule = status.rule
    match field_id:
        case "policy":
            return status.ack_policy
        case "answer":
            return rule.answer
        case "delay":
            return seconds_text(rule.delay_seconds)
        case "reason":
            return rule.reason
        case "share":
            return f"{rule.share * 100:g}%"
        case "hosts":
            return rule.hosts
        case "ack_wait":
            return seconds_text(status.ack_wait_seconds)
        case "max_ack_pending":
            return f"{per_partition(status):,}"
        case "max_deliver":
            return f"{status.max_deliver}" if status.max_deliver > 0 else "none"
        case "backoff":
            return " ".join(seconds_text(wait) for wait in status.backoff_seconds) or "none"
        case "disk":
            return DISK[status.fault]


def seconds_text(seconds: float) -> str:
    """Return a duration as it is typed."""
    return f"{seconds * 1000:g}ms" if 0 < seconds < 1 else f"{seconds:g}s"


def _policy(wanted: str) -> AckPolicy:
    return next(one for one in ACK_POLICIES if one == wanted)


def _fault(wanted: str) -> Fault:
    return "disk-full" if wanted == DISK["disk-full"] else "none"
