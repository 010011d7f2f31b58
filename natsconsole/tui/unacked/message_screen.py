"""One message: headers, payload, what became of it, and what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import var
from textual.strip import Strip

from natsconsole.domain.messages import (
    InFlightMessage,
    OpenedMessage,
    hex_row,
    hex_rows,
    text_rows,
)
from natsconsole.tui.drawing import Ink, Line
from natsconsole.tui.format import clock_time, countdown, duration, size
from natsconsole.tui.page.keys import page_bindings
from natsconsole.tui.page.screen import Surroundings
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.unacked.answering import Answering
from natsconsole.tui.virtual_rows import VirtualRows

NAME_WIDTH = 14


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
    is_hex: var[bool] = var(False)

    def __init__(self) -> None:
        super().__init__(id="message-body")
        self.opened: OpenedMessage | None = None
        self.words = "looking …"
        self._head: list[Piece] = []
        self._text: list[str] = []
        self._folded = (b"", 0)

    def show(self, opened: OpenedMessage | None, words: str) -> None:
        """Show a message, or why there is none."""
        self.opened, self.words = opened, words
        self.lay_out()

    def watch_is_hex(self) -> None:
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
            self._head = list(_head(opened, max(20, self.row_width - NAME_WIDTH - 4)))
        self.top = min(self.top, self.last_top)
        self.repaint()

    def _fold(self, payload: bytes) -> None:
        folded = (payload, max(20, self.row_width - 3))
        if folded != self._folded:
            self._folded = folded
            self._text = text_rows(*folded)

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self._head) + self._payload_rows

    @property
    def _payload_rows(self) -> int:
        if self.opened is None:
            return 0
        return hex_rows(self.opened.message.payload) if self.is_hex else len(self._text)

    def draw_row(self, number: int, y: int) -> Strip:  # noqa: ARG002 - a row is the same in any place
        """Draw a row."""
        line = self.line().space(2)
        place = number - len(self._head)
        if place < 0:
            self._piece(line, self._head[number])
        elif self.opened is not None and place < self._payload_rows:
            payload = self.opened.message.payload
            line.put(hex_row(payload, place) if self.is_hex else self._text[place])
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


def _head(opened: OpenedMessage, width: int) -> list[Piece]:
    message = opened.message
    pieces = [
        Piece(),
        Piece("host", message.host or "none in its subject", "strong"),
        Piece("subject", message.subject),
        Piece("stored", clock_time(message.time, thousandths=True)),
    ]
    name = "became"
    for sentence in opened.story:
        for part in wrapped(sentence, width):
            pieces.append(Piece(name, part))
            name = ""
    pieces += [Piece(), Piece("HEADERS", f"{len(message.headers)}", is_heading=True)]
    pieces += [Piece(name, value, "plain") for name, value in message.headers]
    if not message.headers:
        pieces.append(Piece("", "none: a client of another kind sent it", "muted"))
    return [*pieces, Piece(), Piece("PAYLOAD", size(len(message.payload)), is_heading=True)]


class MessageScreen(Answering):
    """One message, opened."""

    PLACE = "message"
    SENTENCES = (
        "One stored message, read from the stream itself: opening it disturbs nothing.",
        "Above: what became of it. Below: its headers, then every byte of it, as text or as hex.",
        "While it is in flight, the keys answer it through the receiver that has it.",
    )
    BINDINGS = page_bindings("message")
    AUTO_FOCUS = "#message-body"

    body = getters.query_one(MessageBody)

    def __init__(self, around: Surroundings, sequence: int) -> None:
        super().__init__(around)
        self.sequence = sequence
        self.opened: OpenedMessage | None = None
        self._read_at = 0.0

    def compose_body(self) -> ComposeResult:
        """Yield the one list."""
        with Vertical(classes="page-body"):
            yield MessageBody()

    def look(self) -> None:
        """Ask for it, and for what became of it."""
        if self.is_current:
            self.ask("message", partial(self.gateway.open_message, self.sequence))

    def answered_message(self, opened: OpenedMessage | None) -> None:
        """Show it."""
        if opened is not None:
            self.opened = opened
            self._read_at = self.around.clock()
        elif self.opened is None:
            self.body.show(None, f"the stream has message {self.sequence:,} no more")
        else:
            self.stand("the stream has it no more: this is what it was", "warn")
        if self.opened is not None:
            self.body.show(self.opened, "")
        self.tick()

    def tick(self) -> None:
        """Count down."""
        super().tick()
        in_flight = self.opened.in_flight if self.opened else None
        if in_flight is None:
            figures, right = f"{self.sequence:,}", ""
            self.stand("" if self.opened is None else "it is not in flight: no answer is due")
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

    def action_toggle_hex(self) -> None:
        """Show bytes, or text."""
        self.body.is_hex = not self.body.is_hex
