"""Unacked: every message that was delivered and waits for its acknowledgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import var

from natsconsole.domain.messages import EMPTY_IN_FLIGHT, InFlight, InFlightMessage
from natsconsole.tui.format import duration, plural
from natsconsole.tui.page.first_lines import Beginning, FirstLines
from natsconsole.tui.page.keys import page_bindings
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.page.screen import Surroundings
from natsconsole.tui.unacked.answering import Answering
from natsconsole.tui.unacked.message_screen import MessageScreen
from natsconsole.tui.unacked.order import MessageOrder
from natsconsole.tui.unacked.rows import MessageHeader, MessageRows

LIMIT = 5_000
"""Messages of one receiver that are listed at most."""
NOTHING = (
    "no message is in flight: whatever was delivered is acknowledged\n"
    "\n"
    "to see some, let a lab receiver withhold its acks: r on Home, twice, or R"
)


class UnackedScreen(Answering):
    """Every message in flight, with its countdown."""

    PLACE = "unacked"
    SENTENCES = (
        "Every message that was delivered to a receiver of ours and is not acknowledged.",
        "due: the seconds until the server delivers it again, if nobody says anything.",
        "A receiver at work says so in time, which starts the countdown anew.",
        "↻: how often it was delivered. A message that comes again is not written twice.",
        "file ✓: its lines are in the host's file already.",
        "The keys below answer the chosen message, through the receiver that has it.",
    )
    BINDINGS = page_bindings("unacked")
    AUTO_FOCUS = "#messages"

    found: var[InFlight] = var(EMPTY_IN_FLIGHT)
    order: var[MessageOrder] = var(MessageOrder())

    rows = getters.query_one(MessageRows)
    header = getters.query_one(MessageHeader)

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._lines = FirstLines(around.gateway)
        self._has_looked = False

    def compose_body(self) -> ComposeResult:
        """Put the names over the rows."""
        with Vertical(classes="page-body"):
            yield MessageHeader().data_bind(UnackedScreen.order)
            yield MessageRows(id="messages").data_bind(UnackedScreen.now)

    def on_mount(self) -> None:
        """Say that it is being looked."""
        self.rows.empty_text = "looking …"

    def look(self) -> None:
        """Ask all receivers."""
        if self.is_current:
            self.ask("in_flight", partial(self.gateway.in_flight, None, LIMIT))

    def answered_in_flight(self, found: InFlight) -> None:
        """Show what is in flight now."""
        self._has_looked = True
        self.found = found
        self.tick()

    def watch_found(self) -> None:
        """Show the newest."""
        self._show()

    def watch_order(self) -> None:
        """Show what is wanted, as it is wanted."""
        self._show()

    def _show(self) -> None:
        if not self.is_mounted or not self._has_looked:
            return
        shown = self.order.apply(self.found.messages)
        rows = self.rows
        rows.read_at = self.found.read_at
        rows.empty_text = (
            "no message in flight is of a host that has that in its name"
            if self.found.messages
            else NOTHING
        )
        rows.show(shown)
        self._entitle(len(shown))
        self.read_first_lines()

    def _entitle(self, shown: int) -> None:
        found, order = self.found, self.order
        figures = plural(found.total, "message")
        if shown != found.total:
            figures = f"{shown:,} of {figures}"
        right = f"/{order.filter}  Esc shows all" if order.filter else order.words
        self.page_title.words = ("UNACKED", figures, right)
        again = sum(one.message.deliveries > 1 for one in found.messages)
        if found.silent:
            self.stand(
                f"{', '.join(found.silent)} did not answer: what it has in flight is missing here",
                "warn",
            )
        elif not found.messages:
            self.stand("")
        else:
            first = found.messages[0]
            age = duration(first.age(found.read_at, self.now), gap=" ")
            words = f"the ack floor stands before {first.sequence:,}, in flight for {age}"
            if again:
                words = f"{plural(again, 'message')} came more than once; {words}"
            self.stand(words, "warn" if again else "muted")

    @on(PickRows.Moved)
    def read_first_lines(self) -> None:
        """Read what the messages that are seen begin with."""
        missing = self._lines.missing(one.sequence for one in self.rows.seen)
        if missing and self.link.state == "live":
            self.ask("first_lines", partial(self._lines.read, missing))

    def answered_first_lines(self, found: Mapping[int, Beginning]) -> None:
        """Show what was read, and read on where the rows have moved meanwhile."""
        self._lines.learn(found)
        self.rows.first_lines = {
            sequence: beginning.line for sequence, beginning in self._lines.known.items()
        }
        self.rows.repaint()
        self.call_later(self.read_first_lines)

    def failed(self, name: str, reason: str) -> None:
        """A list that cannot be read says so where it stands."""
        if name == "answer":
            self.say(reason, is_refusal=True)
        elif name == "in_flight":
            self.stand(f"this look is incomplete: {reason}", "warn")

    def chosen_message(self) -> InFlightMessage | None:
        """Return the message under the cursor."""
        return self.rows.chosen

    def focus_body(self) -> None:
        """Give the keys to the rows."""
        self.rows.focus()

    def leave_inner(self) -> bool:
        """Show all again."""
        was = bool(self.order.filter)
        self.order = replace(self.order, filter="")
        return was

    @on(PickRows.Opened)
    def action_open_message(self) -> None:
        """Open the chosen message."""
        chosen = self.rows.chosen
        if chosen is not None:
            self.app.push_screen(MessageScreen(self.around, chosen.sequence))

    def action_filter_rows(self) -> None:
        """Let the user type a part of a host's name."""
        self.type_in("part of a host's name", self._narrow, value=self.order.filter, narrows=True)

    def _narrow(self, typed: str) -> None:
        self.order = replace(self.order, filter=typed)

    def action_sort_rows(self) -> None:
        """Sort by the next column."""
        self.order = self.order.next_key()

    def action_reverse_rows(self) -> None:
        """Turn the order round."""
        self.order = replace(self.order, is_reversed=not self.order.is_reversed)
