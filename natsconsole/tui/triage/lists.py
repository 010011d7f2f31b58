"""The lists of all streams and of all consumers."""

from __future__ import annotations

from typing import Any

from textual import on

from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.domain.verdicts.words import nats
from natsconsole.tui.page.keys import page_bindings
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.triage.cells import (
    CONSUMER_ORDER,
    STREAM_ORDER,
    ConsumerRow,
    StreamRow,
    consumer_rows,
    sign_of,
    stream_rows,
)
from natsconsole.tui.triage.hosts import show_hosts
from natsconsole.tui.triage.list_page import ListPage
from natsconsole.tui.triage.one_page import ConsumerPage, StreamPage
from natsconsole.tui.triage.table_rows import TableRows


class StreamTable(TableRows[StreamRow]):
    """The rows of streams."""

    def sign(self, row: StreamRow) -> tuple[str, Any]:
        """Return how it is."""
        return sign_of(row.worst, is_idle=not row.stream.messages_per_second)


class ConsumerTable(TableRows[ConsumerRow]):
    """The rows of consumers."""

    def sign(self, row: ConsumerRow) -> tuple[str, Any]:
        """Return how it is."""
        return sign_of(row.worst, is_idle=not row.consumer.has_work)


class StreamsScreen(ListPage[StreamRow]):
    """All streams of the account."""

    PLACE = "streams"
    ORDER = STREAM_ORDER
    SENTENCES = (
        "All streams of the account, whoever made them, those in trouble first.",
        "▲ critical  △ warning  ✓ well  · nothing comes in. A stream's consumers count, too.",
        "nearest limit: how full the fullest limit is, and when it is reached at today's rate.",
        (
            "replicas 2/3 n1: two of three have all that leader n1 has. `5?` consumers: there are "
            "five, and this login may not see them."
        ),
        "Enter opens one: what is wrong in plain words, evidence, remedy, settings, messages.",
        "Looking disturbs nothing: lists and single messages are asked for, nothing is created.",
    )
    BINDINGS = page_bindings("streams")

    def make_table(self) -> StreamTable:
        """Return the rows."""
        return StreamTable(STREAM_ORDER, id="table")

    def make_rows(self) -> list[StreamRow]:
        """Return a row a stream."""
        return stream_rows(self.snapshot)

    @property
    def true_total(self) -> int | None:
        """How many there are."""
        return self.snapshot.streams_total

    def verdict_of(self, row: StreamRow) -> Verdict | None:
        """Return the worst."""
        return row.worst

    def info_command(self, row: StreamRow) -> str:
        """Return the command that shows it."""
        return nats("stream", "info", row.stream.name)

    @on(PickRows.Opened)
    def action_open_row(self) -> None:
        """Open the stream."""
        row = self.table.chosen
        if row is not None:
            self.app.push_screen(StreamPage(self.around, row.stream.name))

    def action_show_hosts(self) -> None:
        """Show its hosts on Home."""
        row = self.table.chosen
        if row is not None:
            show_hosts(self, row.stream)


class ConsumersScreen(ListPage[ConsumerRow]):
    """All consumers of all streams."""

    PLACE = "consumers"
    ORDER = CONSUMER_ORDER
    SENTENCES = (
        "All consumers of all streams, those in trouble first.",
        (
            "lag: messages stored, not delivered; ▴ it grows. age: how old the first message past "
            "the ack floor is: the lag in seconds; ? where that is not known."
        ),
        "unacked 212/1k: delivered and not acknowledged, of max ack pending; full stops delivery.",
        (
            "↻now: messages that are in a redelivered state at this moment, a gauge, not a count. "
            "↻seen: redeliveries counted since this console watches."
        ),
        "pulls: requests that wait for messages. sent, acked: since the last delivery and ack.",
        "gap: stream sequences between the ack floor and the last delivery.",
        "⇄ served alone (pinned)  ‖ paused, and for how long still.",
        "Enter opens one: why it is stuck, on which message, and what to do about it.",
    )
    BINDINGS = page_bindings("consumers")

    def make_table(self) -> ConsumerTable:
        """Return the rows."""
        return ConsumerTable(CONSUMER_ORDER, id="table")

    def make_rows(self) -> list[ConsumerRow]:
        """Return a row a consumer."""
        return consumer_rows(self.snapshot)

    @property
    def true_total(self) -> int | None:
        """How many there are."""
        return self.snapshot.consumers_total

    def verdict_of(self, row: ConsumerRow) -> Verdict | None:
        """Return the worst."""
        return row.worst

    def info_command(self, row: ConsumerRow) -> str:
        """Return the command that shows it."""
        return nats("consumer", "info", row.consumer.stream, row.consumer.name)

    @on(PickRows.Moved)
    def prefer_seen(self) -> None:
        """Let the rows on the page be read first."""
        seen = self.table.seen
        self.gateway.triage.prefer((one.consumer.stream, one.consumer.name) for one in seen)

    @on(PickRows.Opened)
    def action_open_row(self) -> None:
        """Open the consumer."""
        row = self.table.chosen
        if row is not None:
            one = row.consumer
            self.app.push_screen(ConsumerPage(self.around, one.stream, one.name))

    def action_show_hosts(self) -> None:
        """Show the hosts of its stream on Home, with its marks."""
        row = self.table.chosen
        if row is None:
            return
        stream = next(
            (one for one in self.snapshot.streams if one.name == row.consumer.stream), None
        )
        if stream is not None:
            show_hosts(self, stream, row.consumer)
