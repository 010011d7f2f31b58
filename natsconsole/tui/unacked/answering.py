"""Answering one message through the receiver that has it: asked, confirmed, or explained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from natsconsole.domain.messages import InFlightMessage
from natsconsole.domain.receiver_change import ReceiverChange
from natsconsole.domain.receivers import Answer, MessageRequest, ReceiverStatus
from natsconsole.tui.format import plural
from natsconsole.tui.page.numbers import read_seconds
from natsconsole.tui.triage.changing import Changing
from natsconsole.tui.triage.confirm import when_confirmed

SAFE: frozenset[Answer] = frozenset({"ack", "double-ack", "in-progress"})
DONE: dict[Answer, str] = {
    "ack": "acknowledged",
    "double-ack": "acknowledged, and the server confirmed it",
    "nak": "refused: it comes again at once",
    "nak-delay": "refused: it comes again later",
    "in-progress": "in progress: its countdown starts anew",
    "term": "terminated: it comes no more, and lies in quarantine unless it was written",
    "withhold": "left without an answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What was answered, and the state it led to."""

    message: InFlightMessage
    answer: Answer
    status: ReceiverStatus


def refusal(message: InFlightMessage, answer: Answer) -> str:
    """Return why this answer cannot be given to this message, or nothing."""
    if answer in SAFE or message.is_lab:
        return ""
    return (
        f"{message.receiver} is no lab receiver: {answer} would cost lines, so it takes only "
        "ack and in progress"
    )


class Answering(Changing):
    """A screen with a chosen message whose keys answer it."""

    @abstractmethod
    def chosen_message(self) -> InFlightMessage | None:
        """Return the message the keys act on, if it is in flight. Each screen has its own."""

    def action_answer(self, answer: Answer) -> None:
        """Give this answer to the chosen message, after asking for what it needs."""
        message = self.chosen_message()
        if message is None:
            self.say("this needs a message in flight, and none is chosen", is_refusal=True)
            return
        reason = self.refusal() or refusal(message, answer)
        if reason:
            self.say(reason, is_refusal=True)
            return
        sequence = message.sequence
        if answer == "nak-delay":
            self.type_in(
                f"refuse message {sequence}: again after how many seconds?",
                self._with_delay(message),
                value="5",
            )
        elif answer == "term":
            self.type_in(
                f"give message {sequence} up for good: why? (Enter sends, Esc does not)",
                lambda why: self._send(
                    message, MessageRequest(sequence=sequence, answer="term", reason=why.strip())
                ),
            )
        else:
            self._send(message, MessageRequest(sequence=sequence, answer=answer))

    def _with_delay(self, message: InFlightMessage) -> Callable[[str], None]:
        def send(typed: str) -> None:
            seconds = read_seconds(typed)
            if seconds is None:
                self.say(f"{typed!r} is no time: write 5, 2.5s, 2m", is_refusal=True)
                return
            request = MessageRequest(
                sequence=message.sequence, answer="nak-delay", delay_seconds=seconds
            )
            self._send(message, request)

        return send

    def _send(self, message: InFlightMessage, request: MessageRequest) -> None:
        change = ReceiverChange(
            receiver=message.receiver,
            what=f"{request.answer} for message {message.sequence:,}",
            consequences=(f"message {message.sequence:,} is {DONE[request.answer]}",),
        )
        when_confirmed(self, self.gateway.context, change, lambda: self._send_now(message, request))

    def _send_now(self, message: InFlightMessage, request: MessageRequest) -> None:
        async def send() -> Answered:
            status = await self.gateway.answer_message(message.receiver, request)
            return Answered(message=message, answer=request.answer, status=status)

        if not self.ask("answer", send):
            self.say("one at a time: the last answer is still under way", is_refusal=True)

    def answered_answer(self, answered: Answered) -> None:
        """Say what the receiver confirmed."""
        message, status = answered.message, answered.status
        self.say(
            f"message {message.sequence:,} of {message.message.host}: {DONE[answered.answer]}; "
            f"{status.name} has {plural(status.unacked, 'message')} unacked"
        )
        self.look()
