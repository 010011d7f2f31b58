"""One stream or consumer, opened: verdicts, figures, settings, messages, and what may be done."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from functools import partial
from typing import Literal

from rich.cells import cell_len
from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Vertical

from natsconsole.domain.actions import (
    DeleteConsumer,
    EditConsumer,
    PauseConsumer,
    PurgeStream,
    ResetConsumer,
    ResumeConsumer,
    UnpinConsumer,
)
from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.jump import EXAMPLES, At, NotAPlaceError, parse_jump
from natsconsole.domain.streams import StreamState
from natsconsole.domain.terminal_text import visible
from natsconsole.domain.verdicts.words import nats
from natsconsole.tui.drawing import Line
from natsconsole.tui.format import plural
from natsconsole.tui.page.keys import page_bindings
from natsconsole.tui.page.numbers import read_seconds
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.page.screen import Surroundings
from natsconsole.tui.triage.asked import (
    BadRequestError,
    Purge,
    edited,
    read_purge,
    written_settings,
)
from natsconsole.tui.triage.details import NAME_WIDTH, Detail, consumer_details, stream_details
from natsconsole.tui.triage.hosts import show_hosts
from natsconsole.tui.triage.page import TriagePage
from natsconsole.tui.unacked.message_screen import MessageScreen

MARGIN = 6


class DetailRows(PickRows[Detail]):
    """Lines with a cursor: a line may be opened, its command copied."""

    def __init__(self) -> None:
        super().__init__(id="details")

    def identity(self, row: Detail) -> Hashable:
        """A line is its name and what it is about: figures change."""
        return (
            (row.name, row.sign, row.is_heading, row.sequence, row.consumer) if row.name else None
        )

    def show(self, rows: Sequence[Detail]) -> None:
        """Keep the cursor on its line, or in its place where the line has no name."""
        place = self.cursor
        nameless = self.chosen is None or not self.chosen.name
        super().show(rows)
        if nameless:
            self.cursor = min(place, max(0, len(rows) - 1))

    def draw_one(self, row: Detail, *, is_chosen: bool) -> Line:  # noqa: ARG002 - the cursor says it
        """Draw a line."""
        line = self.line()
        if row.is_heading:
            return line.put(row.name, "title").space(2).put(row.words, "faint")
        line.put(row.sign, row.ink, width=2)
        if row.name:
            # What is longer than our own names is metadata's, or a consumer's: useless if cut.
            wide = min(cell_len(visible(row.name)), self.row_width // 2)
            line.put(row.name, "muted", width=max(NAME_WIDTH - 1, wide)).space()
        elif not row.sign and row.words and row.ink in {"muted", "accent", "faint"}:
            line.space(NAME_WIDTH)
        return line.put(row.words, row.ink)


class OnePage(TriagePage):
    """The frame of both."""

    AUTO_FOCUS = "#details"
    rows = getters.query_one(DetailRows)

    def compose_body(self) -> ComposeResult:
        """Yield the one list."""
        with Vertical(classes="page-body"):
            yield DetailRows()

    @abstractmethod
    def details(self, width: int) -> list[Detail]:
        """Return the lines. Each page has its own."""

    def show(self) -> None:
        """Show the latest look."""
        self.rows.show(self.details(max(30, self.rows.row_width - MARGIN)))
        self.stand_by_look()

    def on_resize(self) -> None:
        """Fold sentences to this width."""
        if self.is_mounted and self.snapshot.taken:
            self.call_after_refresh(self.show)

    def focus_body(self) -> None:
        """Give the keys to the lines."""
        self.rows.focus()

    def action_copy_command(self) -> None:
        """Copy the command of the line, or of the nearest above, or else below."""
        rows, cursor = self.rows.rows, self.rows.cursor
        near = (*reversed(rows[: cursor + 1]), *rows[cursor + 1 :])
        self.copy(next((one.command for one in near if one.command), self.info_command))

    @property
    @abstractmethod
    def info_command(self) -> str:
        """The command that shows it."""

    def open_consumer(self, name: str) -> bool:
        """Open a consumer from a line; False where there is none to open from here."""
        del name
        return False

    @on(PickRows.Opened)
    def action_open_row(self) -> None:
        """Open the message or the consumer of the line."""
        row = self.rows.chosen
        if row is None:
            return
        if row.sequence:
            self.app.push_screen(MessageScreen(self.around, row.sequence, row.stream))
        elif not (row.consumer and self.open_consumer(row.consumer)):
            self.say("there is nothing to open on this line", is_refusal=True)

    async def sequence_meant(self, typed: str, stream: str, subject: str) -> int:
        """Return the stream sequence of ``#18204``, ``18204`` or a time.

        Raises:
            BadRequestError: it is neither, or there is no such message.
        """
        text = f"#{typed.strip()}" if typed.strip().isdigit() else typed
        try:
            place = parse_jump(text, self.around.clock())
        except NotAPlaceError as error:
            raise BadRequestError(str(error)) from None
        if not isinstance(place, At):
            return place.number
        found = await self.gateway.moment_in(stream, subject, place.moment)
        if found is None:
            raise BadRequestError(f"nothing was stored at or after {typed.strip()}")
        return found


class StreamPage(OnePage):
    """One stream."""

    PLACE = "stream"
    SENTENCES = (
        "Everything that is known of one stream: what is wrong, what it holds, its settings.",
        "Enter on a line with a message or a consumer opens it; c copies the line's command.",
        "Purge asks what: all, below 1200, keep 10, subject orders.eu.>, both together.",
        "Nothing is changed before you have seen the plan and said yes.",
    )
    BINDINGS = page_bindings("stream")

    def __init__(self, around: Surroundings, stream: str) -> None:
        super().__init__(around)
        self.name_shown = stream

    @property
    def stream(self) -> StreamState | None:
        """The stream as the latest look has it."""
        return next((one for one in self.snapshot.streams if one.name == self.name_shown), None)

    @property
    def info_command(self) -> str:
        """The command that shows it."""
        return nats("stream", "info", self.name_shown)

    def details(self, width: int) -> list[Detail]:
        """Return the lines."""
        stream = self.stream
        if stream is None:
            self.page_title.words = ("STREAM", self.name_shown, "")
            return [Detail(words="there is no such stream (any more)", ink="warn")]
        self.page_title.words = (
            "STREAM", f"{stream.name}  {plural(stream.messages, 'message')}", stream.description,
        )  # fmt: skip
        return stream_details(self.snapshot, stream, width)

    def open_consumer(self, name: str) -> bool:
        """Open one of its consumers."""
        self.app.push_screen(ConsumerPage(self.around, self.name_shown, name))
        return True

    def action_open_end(self, end: Literal["first", "last"]) -> None:
        """Open its oldest or newest message."""
        stream = self.stream
        if stream is None or not stream.messages:
            self.say("it holds no message", is_refusal=True)
            return
        sequence = stream.first_seq if end == "first" else stream.last_seq
        self.app.push_screen(MessageScreen(self.around, sequence, stream.name))

    def action_open_message(self) -> None:
        """Ask which message, and open it."""
        self.type_in(
            f"which message? {EXAMPLES}",
            lambda typed: self.ask(
                "found", partial(self.sequence_meant, typed, self.name_shown, "")
            ),
        )

    def answered_found(self, sequence: int) -> None:
        """Open the message that was meant."""
        self.app.push_screen(MessageScreen(self.around, sequence, self.name_shown))

    def action_show_hosts(self) -> None:
        """Show its hosts on Home."""
        stream = self.stream
        if stream is not None:
            show_hosts(self, stream)

    def action_purge(self) -> None:
        """Ask what to remove, then show the plan."""
        reason = self.refusal()
        if reason or self.stream is None:
            self.say(reason or "there is no such stream", is_refusal=True)
            return
        self.type_in(
            "remove what? all · below 1200 · keep 10 · subject orders.eu.> [keep 10]",
            lambda typed: self.ask("purge", partial(self._planned_purge, typed)),
        )

    async def _planned_purge(self, typed: str) -> PurgeStream | None:
        stream = self.stream
        if stream is None:
            return None
        asked: Purge = read_purge(typed)
        matching = None
        if asked.subject:
            matching = await self.gateway.count(stream.name, asked.subject)
        return PurgeStream(
            stream=stream, subject=asked.subject, below=asked.below, keep=asked.keep,
            matching=matching,
        )  # fmt: skip

    def answered_purge(self, action: PurgeStream | None) -> None:
        """Show the plan."""
        if action is not None:
            self.propose(action)


class ConsumerPage(OnePage):
    """One consumer."""

    PLACE = "consumer"
    SENTENCES = (
        "Why a consumer is as it is: each verdict with its evidence, its remedy, the command.",
        "Below: where it stands, what it gave up, its settings, who leads it.",
        "Enter on a line with a message opens it; o opens the one it is stuck on.",
        "Changes first show what they will do, with the nats command that does the same.",
        "In a production context the consumer's name has to be typed.",
    )
    BINDINGS = page_bindings("consumer")

    def __init__(self, around: Surroundings, stream: str, consumer: str) -> None:
        super().__init__(around)
        self.stream_shown = stream
        self.name_shown = consumer

    @property
    def consumer(self) -> ConsumerState | None:
        """The consumer as the latest look has it."""
        return next(
            (
                one
                for one in self.snapshot.consumers
                if one.stream == self.stream_shown and one.name == self.name_shown
            ),
            None,
        )

    @property
    def info_command(self) -> str:
        """The command that shows it."""
        return nats("consumer", "info", self.stream_shown, self.name_shown)

    def look(self) -> None:
        """Ask for a look in which this one is read anew."""
        self.gateway.triage.prefer([(self.stream_shown, self.name_shown)])
        super().look()

    def details(self, width: int) -> list[Detail]:
        """Return the lines."""
        consumer = self.consumer
        self.page_title.words = (
            "CONSUMER",
            f"{self.stream_shown} > {self.name_shown}",
            consumer.description if consumer else "",
        )
        if consumer is None:
            return [Detail(words="there is no such consumer (any more)", ink="warn")]
        return consumer_details(self.snapshot, consumer, width)

    def action_open_oldest(self) -> None:
        """Open the message it is stuck on."""
        one = self.consumer
        if one is None or one.oldest is None:
            self.say("nothing is past its ack floor, or it is not known", is_refusal=True)
            return
        self.app.push_screen(MessageScreen(self.around, one.oldest.sequence, one.stream))

    def action_show_hosts(self) -> None:
        """Show the hosts of its stream on Home, with its marks."""
        stream = next((one for one in self.snapshot.streams if one.name == self.stream_shown), None)
        if stream is not None:
            show_hosts(self, stream, self.consumer)

    def _changeable(self) -> ConsumerState | None:
        reason = self.refusal()
        if reason or self.consumer is None:
            self.say(reason or "there is no such consumer", is_refusal=True)
            return None
        return self.consumer

    def action_pause(self) -> None:
        """Pause it, or let it go on."""
        one = self._changeable()
        if one is None:
            return
        if one.is_paused:
            self.propose(ResumeConsumer(consumer=one))
            return

        def pause(typed: str) -> None:
            seconds = read_seconds(typed)
            if seconds is None:
                self.say(f"{typed!r} is no time: write 90s, 15m, 2h", is_refusal=True)
            else:
                self.propose(PauseConsumer(consumer=one, until=self.around.clock() + seconds))

        self.type_in("pause it for how long? 90s, 15m, 2h", pause, value="15m")

    def action_reset(self) -> None:
        """Ask from where to deliver again, then show the plan."""
        if self._changeable() is not None:
            self.type_in(
                f"deliver again from where? floor · {EXAMPLES}",
                lambda typed: self.ask("reset", partial(self._planned_reset, typed)),
                value="floor",
            )

    async def _planned_reset(self, typed: str) -> ResetConsumer | None:
        one = self.consumer
        if one is None:
            return None
        if typed.strip().casefold() in {"floor", "ack floor", ""}:
            return ResetConsumer(consumer=one)
        subject = one.filters[0] if len(one.filters) == 1 else ""
        sequence = await self.sequence_meant(typed, one.stream, subject)
        return ResetConsumer(consumer=one, sequence=sequence, meant=typed.strip())

    def answered_reset(self, action: ResetConsumer | None) -> None:
        """Show the plan."""
        if action is not None:
            self.propose(action)

    def action_edit(self) -> None:
        """Let settings be edited, then show what changes."""
        one = self._changeable()
        if one is None:
            return

        def edit(typed: str) -> None:
            try:
                changes = edited(one, typed)
            except BadRequestError as error:
                self.say(str(error), is_refusal=True)
                return
            if changes:
                self.propose(EditConsumer(consumer=one, changes=changes))
            else:
                self.say("nothing is different")

        self.type_in("change what you like", edit, value=written_settings(one))

    def action_unpin(self) -> None:
        """Take the pin, after a look at what that does."""
        one = self._changeable()
        if one is None:
            return
        if one.priority_policy != "pinned_client" or not one.groups:
            self.say("it pins no client: its priority policy is not pinned_client", is_refusal=True)
            return
        self.propose(UnpinConsumer(consumer=one, group=one.groups[0]))

    def action_delete(self) -> None:
        """Delete it, after a look at what that does."""
        one = self._changeable()
        if one is not None:
            self.propose(DeleteConsumer(consumer=one))
