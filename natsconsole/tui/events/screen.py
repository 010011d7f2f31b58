"""Events: what JetStream tells of itself, joined to consumer, host and message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import var

from natsconsole.domain.advisories import KINDS, Advisory, EventsSeen, Kind, folded
from natsconsole.tui.events.rows import EventHeader, EventRows
from natsconsole.tui.format import clock_time, plural
from natsconsole.tui.page.first_lines import Beginning, FirstLines
from natsconsole.tui.page.keys import page_bindings
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.page.screen import Page, Surroundings
from natsconsole.tui.unacked.message_screen import MessageScreen


class EventsScreen(Page):
    """Advisories, newest first."""

    PLACE = "events"
    SENTENCES = (
        "What the server tells of this stream and its consumers. It tells it once.",
        "Who did not listen has missed it, unless a stream keeps it: `natsconsole setup --events`.",
        "✗ max deliver: a message was given up after so many deliveries, written or not.",
        "✗ terminated: a receiver gave it up, with its reason; or the stream's limits deleted it.",
        "↻ nak: a receiver refused it.  ⇄ pinned: who alone is served changed; ×9: so often.",
        "‖ pause  ♦ leader: elections, lost quorums  · change: created, updated, deleted.",
        "Times are the server's, UTC. The newest 1,000 of each kind are kept, the others counted.",
    )
    BINDINGS = page_bindings("events")
    AUTO_FOCUS = "#events"

    seen: var[EventsSeen] = var(EventsSeen())
    kind: var[Kind | None] = var(None)
    filter_text: var[str] = var("")

    rows = getters.query_one(EventRows)

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._lines = FirstLines(around.gateway)
        self._is_listening = False

    def compose_body(self) -> ComposeResult:
        """Put the names over the rows."""
        with Vertical(classes="page-body"):
            yield EventHeader()
            yield EventRows(id="events")

    def on_mount(self) -> None:
        """Begin to listen, where nobody has."""
        self.rows.empty_text = "looking …"

    def look(self) -> None:
        """Take what came."""
        if not self._is_listening and self.link.state == "live":
            self.ask("listening", self.gateway.listen)
        self.take()

    def answered_listening(self, _: None) -> None:
        """Show what was kept."""
        self._is_listening = True
        self.take()

    def tick(self) -> None:
        """Take what came."""
        super().tick()
        self.take()

    def take(self) -> None:
        """Show what came since the last time."""
        seen = self.gateway.events()
        if self.is_current and (seen.revision, seen.history) != (
            self.seen.revision,
            self.seen.history,
        ):
            self.seen = seen
        elif self._is_listening and not self.rows.rows:
            self._show()

    def watch_seen(self) -> None:
        """Show the newest."""
        self._show()

    def watch_kind(self) -> None:
        """Show what is wanted."""
        self._show()

    def watch_filter_text(self) -> None:
        """Show what is wanted."""
        self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        shown = self._wanted()
        rows = self.rows
        rows.empty_text = self._empty_text()
        follows = rows.cursor == 0
        rows.show(shown)
        if follows:
            rows.cursor = 0
        seen = self.seen
        total = sum(number for _, number in seen.counts)
        figures = plural(total, "event")
        if seen.forgotten:
            figures += f", {seen.forgotten:,} of them let go"
        right = "  ".join(f"{kind} {number:,}" for kind, number in seen.counts[:4])
        if self.kind is not None or self.filter_text:
            words = " ".join(filter(None, (self.kind, self.filter_text and f"/{self.filter_text}")))
            figures = f"{sum(one.times for one in shown):,} of {figures}"
            right = f"only {words}  Esc shows all"
        self.page_title.words = ("EVENTS", figures, right)
        since = (
            f"listening since {clock_time(seen.listening_since)}; " if seen.listening_since else ""
        )
        self.stand(f"{since}{seen.history}")
        self.read_messages()

    def _wanted(self) -> Sequence[Advisory]:
        wanted = self.filter_text.casefold()
        known = self._lines.known
        return folded(
            one
            for one in self.seen.events
            if (self.kind is None or one.kind == self.kind)
            and (not wanted or wanted in _words(one, known.get(one.sequence)))
        )

    def _empty_text(self) -> str:
        if self.seen.events:
            return "no event is like that"
        if not self._is_listening:
            return "looking …"
        return (
            "nothing was told yet: no message refused, terminated or given up\n"
            "\n"
            "to see some, refuse a message: r on Home, or n on Unacked"
        )

    @on(PickRows.Moved)
    def read_messages(self) -> None:
        """Read the messages that the events on the page are about."""
        missing = self._lines.missing(one.sequence for one in self.rows.seen)
        if missing and self.link.state == "live":
            self.ask("messages", partial(self._lines.read, missing))

    def answered_messages(self, found: Mapping[int, Beginning]) -> None:
        """Show what was read, and read on where the rows have moved meanwhile."""
        self._lines.learn(found)
        self.rows.beginnings = self._lines.known
        self.rows.repaint()
        self.call_later(self.read_messages)

    def failed(self, name: str, reason: str) -> None:
        """Say why it does not listen."""
        if name == "listening":
            self.stand(f"cannot listen: {reason}", "warn")

    def focus_body(self) -> None:
        """Give the keys to the rows."""
        self.rows.focus()

    def leave_inner(self) -> bool:
        """Show all again."""
        was = self.kind is not None or bool(self.filter_text)
        self.kind, self.filter_text = None, ""
        return was

    def action_next_kind(self, step: int) -> None:
        """Show only the next kind that there is; after the last, all."""
        there: list[Kind | None] = [None]
        there += [kind for kind in KINDS if kind in dict(self.seen.counts)]
        place = there.index(self.kind) if self.kind in there else 0
        self.kind = there[(place + step) % len(there)]

    def action_filter_rows(self) -> None:
        """Let the user type a text."""
        self.type_in("a text", self._narrow, value=self.filter_text, narrows=True)

    def _narrow(self, typed: str) -> None:
        self.filter_text = typed

    @on(PickRows.Opened)
    def action_open_message(self) -> None:
        """Open the message that the event is about."""
        chosen = self.rows.chosen
        if chosen is None:
            return
        if chosen.sequence:
            self.app.push_screen(MessageScreen(self.around, chosen.sequence))
        else:
            self.say("this event is about no message", is_refusal=True)


def _words(event: Advisory, beginning: Beginning | None) -> str:
    words = [event.kind, event.consumer, event.sentence, str(event.sequence)]
    if beginning is not None:
        words += [beginning.host, beginning.line]
    return " ".join(words).casefold()
