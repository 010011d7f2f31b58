"""One message: headers, payload, what became of it, and what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import var
from textual.strip import Strip

from natsconsole.domain.actions import DeleteMessage, Republish, republished_headers
from natsconsole.domain.fates import fates_of
from natsconsole.domain.messages import (
    InFlightMessage,
    OpenedMessage,
    hex_row,
    hex_rows,
    json_text,
    text_rows,
)
from natsconsole.domain.subjects import untransformed
from natsconsole.domain.verdicts.words import nats
from natsconsole.tui.drawing import Ink, Line
from natsconsole.tui.format import clock_time, countdown, duration, size
from natsconsole.tui.page.keys import page_bindings
from natsconsole.tui.page.screen import Surroundings
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.unacked.answering import Answering
from natsconsole.tui.virtual_rows import VirtualRows

NAME_WIDTH = 14
Form = Literal["text", "json", "hex"]
ANSWERS = frozenset(f"message.{name}" for name in ("ack", "nak", "later", "working", "term"))
"""Commands for messages in flight only."""
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, slots=True)
class Piece:
    """One row: a name in its column, and words."""

    name: str = ""
    words: str = ""
    ink: Ink = "plain"
    is_heading: bool = False


class MessageBody(VirtualRows):
    """What is known of the message, then its headers, then its payload."""

    has_divider = False
    form: var[Form] = var("text")

    def __init__(self) -> None:
        super().__init__(id="message-body")
        self.fates: tuple[str, ...] = ()
        """What consumers did with it, as far as their figures tell."""
        self.opened: OpenedMessage | None = None
        self.words = "looking …"
        self._head: list[Piece] = []
        self._text: list[str] = []
        self._folded: tuple[bytes, int, Form] = (b"", 0, "text")

    def show(self, opened: OpenedMessage | None, words: str) -> None:
        """Show a message, or why there is none."""
        self.opened, self.words = opened, words
        self.lay_out()

    def watch_form(self) -> None:
        """Show the other form from its beginning."""
        self.lay_out()

    def on_resize(self) -> None:
        """Fold sentences to this width."""
        self.lay_out()
        super().on_resize()

    def lay_out(self) -> None:
        """Lay out what stands above the payload."""
        opened = self.opened
        if opened is None:
            self._head = [Piece(), Piece("", self.words, "muted")]
        else:
            self._fold(opened.message.payload)
            width = max(20, self.row_width - NAME_WIDTH - 4)
            self._head = _head(opened, self.fates, self.form, width)
        self.top = min(self.top, self.last_top)
        self.repaint()

    def _fold(self, payload: bytes) -> None:
        width = max(20, self.row_width - 3)
        folded = (payload, width, self.form)
        if folded != self._folded:
            self._folded = folded
            shown = json_text(payload) if self.form == "json" else None
            self._text = text_rows(payload if shown is None else shown, width)

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self._head) + self._payload_rows

    @property
    def _payload_rows(self) -> int:
        if self.opened is None:
            return 0
        return hex_rows(self.opened.message.payload) if self.form == "hex" else len(self._text)

    def draw_row(self, number: int, y: int) -> Strip:  # noqa: ARG002 - a row is the same in any place
        """Draw a row."""
        line = self.line().space(2)
        place = number - len(self._head)
        if place < 0:
            self._piece(line, self._head[number])
        elif self.opened is not None and place < self._payload_rows:
            payload = self.opened.message.payload
            line.put(hex_row(payload, place) if self.form == "hex" else self._text[place])
        return self.finish(line)

    def _piece(self, line: Line, piece: Piece) -> None:
        if piece.is_heading:
            line.put(f"{piece.name} ", "muted").put(piece.words, "faint")
            return
        if piece.name:
            line.put(piece.name, "muted", width=NAME_WIDTH).space()
        elif piece.words:
            line.space(NAME_WIDTH + 1)
        line.put(piece.words, piece.ink)


def _head(opened: OpenedMessage, fates: tuple[str, ...], form: Form, width: int) -> list[Piece]:
    message = opened.message
    pieces = [Piece()]
    if message.host:
        pieces.append(Piece("host", message.host, "strong"))
    pieces += [
        Piece("subject", message.subject),
        Piece("stored", clock_time(message.time, thousandths=True)),
    ]
    name = "became"
    for sentence in (*(opened.story if message.host else ()), *fates):
        for part in wrapped(sentence, width):
            pieces.append(Piece(name, part))
            name = ""
    pieces += [Piece(), Piece("HEADERS", f"{len(message.headers)}", is_heading=True)]
    pieces += [Piece(name, value, "plain") for name, value in message.headers]
    if not message.headers:
        pieces.append(Piece("", "none: a client of another kind sent it", "muted"))
    words = size(len(message.payload))
    if form == "json":
        words += " as JSON" if json_text(message.payload) is not None else ": this is no JSON"
    return [*pieces, Piece(), Piece("PAYLOAD", words, is_heading=True)]


class MessageScreen(Answering):
    """One message, opened."""

    PLACE = "message"
    SENTENCES = (
        "One stored message, read from the stream itself: opening it disturbs nothing.",
        "Above: what became of it. Below: its headers, then every byte: as text, JSON or hex.",
        "← and → go to the messages before and behind of the same subject.",
        "While it is in flight, the keys answer it through the receiver that has it.",
    )
    BINDINGS = page_bindings("message")
    AUTO_FOCUS = "#message-body"

    body = getters.query_one(MessageBody)

    def __init__(self, around: Surroundings, sequence: int, stream: str = "") -> None:
        super().__init__(around)
        self.sequence = sequence
        self.stream = stream or around.gateway.stream
        self.opened: OpenedMessage | None = None
        self._read_at = 0.0

    def compose_body(self) -> ComposeResult:
        """Yield the one list."""
        with Vertical(classes="page-body"):
            yield MessageBody()

    def look(self) -> None:
        """Ask for it, and for what became of it."""
        if self.is_current:
            self.ask("message", partial(self.gateway.open_message, self.sequence, self.stream))

    def answered_message(self, opened: OpenedMessage | None) -> None:
        """Show it."""
        if opened is not None and opened.message.sequence != self.sequence:
            return
        if opened is not None:
            self.opened = opened
            self._read_at = self.around.clock()
        elif self.opened is None:
            self.body.show(None, f"the stream has message {self.sequence:,} no more")
        else:
            self.stand("the stream has it no more: this is what it was", "warn")
        if self.opened is not None:
            self.body.fates = self._fates()
            self.body.show(self.opened, "")
        self.tick()

    def _fates(self) -> tuple[str, ...]:
        if self.opened is None:
            return ()
        consumers = (
            one for one in self.around.triage.latest.consumers if one.stream == self.stream
        )
        return tuple(fates_of(self.sequence, self.opened.message.subject, consumers))

    def tick(self) -> None:
        """Count down."""
        super().tick()
        in_flight = self.opened.in_flight if self.opened else None
        self.page_keys.refused = frozenset() if in_flight else ANSWERS
        if in_flight is None:
            figures, right = f"{self.sequence:,}  of {self.stream}", ""
            elsewhere = self.stream != self.gateway.stream
            self.stand(
                ""
                if self.opened is None
                else "read from the stream itself: looking changes nothing"
                if elsewhere
                else "it is not in flight with a receiver of ours: no answer is due"
            )
        else:
            left = in_flight.remaining(self._read_at, self.now)
            figures = f"{self.sequence:,}  delivered {in_flight.message.deliveries}×"
            right = (
                "due: it comes again now"
                if left <= 0
                else f"comes again in {countdown(left)}, delivered "
                f"{duration(in_flight.age(self._read_at, self.now))} ago"
            )
            self.stand("in flight: a ack, n nak, N nak later, i in progress, T term")
        self.page_title.words = ("MESSAGE", figures, right)

    def failed(self, name: str, reason: str) -> None:
        """Say why where it is looked for."""
        if name == "message":
            self.stand(f"this look is incomplete: {reason}", "warn")
        else:
            super().failed(name, reason)

    def chosen_message(self) -> InFlightMessage | None:
        """Return it while it is in flight."""
        return self.opened.in_flight if self.opened else None

    def focus_body(self) -> None:
        """Give the keys to the rows."""
        self.body.focus()

    def action_next_form(self) -> None:
        """Show the payload as text, as JSON, as bytes."""
        payload = self.opened.message.payload if self.opened else b""
        form = FORMS[(FORMS.index(self.body.form) + 1) % len(FORMS)]
        if form == "json" and json_text(payload) is None:
            form = "hex"
        self.body.form = form

    def action_neighbour(self, step: int) -> None:
        """Go to the message before or behind of the same subject."""
        if self.opened is not None:
            subject = self.opened.message.subject
            self.ask(
                "neighbour",
                partial(self.gateway.neighbour, self.stream, subject, self.sequence, step),
            )

    def answered_neighbour(self, sequence: int | None) -> None:
        """Show it."""
        if sequence is None:
            self.say("there is none of that subject in this direction", is_refusal=True)
            return
        self.sequence = sequence
        self.look()

    def action_copy_command(self) -> None:
        """Copy the command that shows it."""
        self.copy(nats("stream", "get", self.stream, self.sequence))

    def action_republish(self) -> None:
        """Publish it anew, after a look at what that does."""
        reason = self.refusal()
        if reason or self.opened is None:
            self.say(reason or "there is no such message", is_refusal=True)
            return
        message = self.opened.message
        published = self._published_as(message.subject)
        if published is None:
            self.say(
                f"it is not known on which subject it was published: {self.stream} stores it as "
                f"{message.subject}, and would map a copy once more",
                is_refusal=True,
            )
            return

        def propose(subject: str) -> None:
            self.propose(
                Republish(
                    stream=self.stream, sequence=message.sequence, subject=subject.strip(),
                    payload=message.payload, headers=republished_headers(message.headers),
                )
            )  # fmt: skip

        self.type_in("publish a copy on which subject?", propose, value=published)

    def _published_as(self, subject: str) -> str | None:
        """Return the subject before the stream's transform; None where that is not known."""
        for one in self.around.triage.latest.streams:
            if one.name == self.stream and not one.is_missing:
                return untransformed(subject, one.transforms, one.transform)
        return None

    def action_delete_message(self) -> None:
        """Delete it, after a look at what that does."""
        if self.opened is not None:
            message = self.opened.message
            self.propose(
                DeleteMessage(
                    stream=self.stream, sequence=message.sequence, subject=message.subject,
                    bytes=len(message.payload),
                )
            )  # fmt: skip
