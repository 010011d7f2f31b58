"""The receivers, the form of the chosen one, and what else is known of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from textual.reactive import var
from textual.strip import Strip

from natsconsole.domain.receiver_costs import Cost
from natsconsole.domain.receivers import PartitionState, ReceiverStatus
from natsconsole.tui.drawing import Drawn, Ink, Line
from natsconsole.tui.format import count, duration, plural, size
from natsconsole.tui.home.receiver_bar import STATE_SIGNS
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.receiver.form import Field, FieldId
from natsconsole.tui.virtual_rows import VirtualRows

LABEL_WIDTH = 17
FIGURES = (("delivered", 10), ("committed", 11), ("unacked", 9), ("held", 6))
"""Columns of a partition's figures, with their widths."""
PARTITION_SIGNS: dict[PartitionState, tuple[str, Ink]] = {
    "waiting": ("◌", "warn"),
    "taking-over": ("◌", "accent"),
    "running": ("●", "calm"),
    "switching": ("⇄", "accent"),
    "held": ("◐", "bad"),
    "paused": ("‖", "warn"),
    "elsewhere": ("○", "muted"),
}


class ReceiverList(Drawn):
    """One line for each receiver; the chosen one is marked."""

    MOST = 4
    receivers: var[tuple[ReceiverStatus, ...]] = var(())
    chosen: var[str] = var("")

    def watch_receivers(self) -> None:
        """Show the newest state of all."""
        self.styles.height = max(1, min(self.MOST, len(self.receivers)))
        self.repaint()

    def watch_chosen(self) -> None:
        """Mark it."""
        self.repaint()

    def _first(self) -> int:
        """The first that is shown: the chosen one is among them."""
        names = [one.name for one in self.receivers]
        place = names.index(self.chosen) if self.chosen in names else 0
        return max(0, min(place - 1, len(names) - self.size.height))

    def draw(self, y: int) -> Strip:
        """Draw a receiver."""
        place = self._first() + y
        if place >= len(self.receivers):
            words = "" if self.receivers or y else "no receiver answers; + starts one"
            return self.finish(self.line().space(2).put(words, "warn"))
        status = self.receivers[place]
        is_chosen = status.name == self.chosen
        sign, ink = STATE_SIGNS[status.state]
        line = self.line().put("▌" if is_chosen else " ", "accent").put(f"{sign} ", ink)
        line.put(status.name, "strong" if is_chosen else "plain", width=16).space()
        line.put(status.state, ink if status.state != "running" else "muted", width=9).space()
        ours = [part.partition for part in status.partitions if part.state != "elsewhere"]
        line.put(_partitions(ours), "plain", width=13).space()
        most = f"/{count(status.max_ack_pending)}" if status.max_ack_pending else ""
        line.put(f"unacked {count(status.unacked)}{most}", "plain", width=18).space()
        if status.alarms:
            line.put(f"△ {plural(len(status.alarms), 'alarm')}  ", "warn")
        if status.reason:
            line.put(status.reason, "warn")
        else:
            line.put("lab" if status.lab else "takes no answer that costs lines", "muted")
        return self.finish(line)


def _partitions(numbers: Sequence[int]) -> str:
    if not numbers:
        return "no partition"
    if len(numbers) > 4:
        return plural(len(numbers), "partition")
    return " ".join(f"p{number}" for number in numbers)


class FormRows(PickRows[Field]):
    """The fields; the cursor is on the one that the keys change."""

    is_lab: var[bool] = var(True)

    def watch_is_lab(self) -> None:
        """Make what would be refused faint."""
        self.repaint()

    def identity(self, row: Field) -> Hashable:
        """A field is its id."""
        return row.id

    def show(self, rows: Sequence[Field]) -> None:
        """Show these fields, and take no more room than they need."""
        self.styles.height = max(1, len(rows))
        super().show(rows)

    def choose(self, field_id: FieldId) -> None:
        """Put the cursor on a field."""
        self.cursor = next((at for at, row in enumerate(self.rows) if row.id == field_id), 0)

    def draw_one(self, row: Field, *, is_chosen: bool) -> Line:
        """Draw a field: all its choices, or its value."""
        line = self.line().put(row.label, "plain" if is_chosen else "muted", width=LABEL_WIDTH)
        if row.choices:
            for choice in row.choices:
                self._choice(line, row, choice)
            return line
        value = row.value or "–"
        line.space().put(value, "muted" if row.draft is not None else "strong")
        if row.draft is not None:
            line.put(" → ", "muted").put(row.draft or "–", "accent").put("  enter applies", "muted")
        elif is_chosen:
            line.put("  enter to type", "faint")
        return line

    def _choice(self, line: Line, row: Field, choice: str) -> None:
        is_now, is_draft = choice == row.value, choice == row.draft
        is_refused = (
            row.needs_lab and not self.is_lab and choice not in {"ack", "double-ack", "healthy"}
        )
        if is_draft:
            line.put(" ›", "accent").put(choice, "key")
        elif is_now:
            is_first = choice == row.choices[0]
            line.put("[" if is_first else " [", "faint").put(choice, "strong").put("]", "faint")
        else:
            line.space().put(choice, "faint" if is_refused else "muted")


class CostLines(Drawn):
    """What the field under the cursor means as it is chosen."""

    cost: var[Cost | None] = var(None)
    words: var[str] = var("")
    """What Enter does now."""

    def watch_cost(self) -> None:
        """Say it."""
        self.repaint()

    def watch_words(self) -> None:
        """Say it."""
        self.repaint()

    def draw(self, y: int) -> Strip:
        """Draw one of its lines."""
        line = self.line().space(2)
        if self.cost is None:
            return self.finish(line)
        rows = wrapped(self.cost.sentence, self.size.width - 4)
        if y < len(rows):
            line.put(rows[y], "bad" if self.cost.is_costly else "plain")
        elif y == len(rows) and self.words:
            line.put(self.words, "accent")
        return self.finish(line)


class DetailRows(VirtualRows):
    """Partitions, members, alarms, figures."""

    has_divider = False
    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="details")
        self._rows: list[tuple[str, Ink]] = []
        self._status: ReceiverStatus | None = None
        self._now = 0.0

    def show(self, status: ReceiverStatus | None, now: float) -> None:
        """Show a receiver."""
        self._status, self._now = status, now
        self._arrange()

    def on_resize(self) -> None:
        """Fold to this width."""
        self._arrange()
        super().on_resize()

    def _arrange(self) -> None:
        self._rows = []
        if self._status is not None:
            for words, ink in _details(self._status, self._now):
                width = max(20, self.row_width - 4)
                self._rows += (
                    [(part, ink) for part in wrapped(words, width)] if words else [("", ink)]
                )
        self.repaint()

    @property
    def total(self) -> int:
        """How many rows there are: the partitions first."""
        return len(self._parts()) + len(self._rows)

    def _parts(self) -> Sequence[int]:
        return range(len(self._status.partitions) + 1) if self._status is not None else ()

    def draw_row(self, number: int, y: int) -> Strip:  # noqa: ARG002 - a row is the same in any place
        """Draw a partition, or words."""
        line = self.line().space(2)
        parts = len(self._parts())
        if number < parts:
            self._partition(line, number - 1)
        elif number - parts < len(self._rows):
            words, ink = self._rows[number - parts]
            line.put(words, ink)
        return self.finish(line)

    def _partition(self, line: Line, place: int) -> None:
        if place < 0:
            line.put("PART", "muted", width=5).put("state", "muted", width=14)
            for name, width in FIGURES:
                line.put(name, "muted", width=width, right=True)
            return
        assert self._status is not None  # noqa: S101
        part = self._status.partitions[place]
        sign, ink = PARTITION_SIGNS[part.state]
        line.put(f"p{part.partition}", "plain", width=5).put(f"{sign} ", ink)
        line.put(part.state, "plain" if part.state == "running" else ink, width=12)
        if part.state == "elsewhere":
            line.put(f"   {part.owner or 'nobody'} has it", "muted")
            return
        cells: tuple[tuple[str, Ink], ...] = (
            (f"{part.delivered:,}", "plain"),
            (f"{part.committed:,}", "plain"),
            (count(part.unacked), "plain" if part.unacked else "faint"),
            (count(part.held_messages), "bad" if part.held_messages else "faint"),
        )
        for (text, ink), (_, width) in zip(cells, FIGURES, strict=True):
            line.put(text, ink, width=width, right=True)


def _details(status: ReceiverStatus, now: float) -> Iterator[tuple[str, Ink]]:
    yield "", "plain"
    for alarm in status.alarms:
        yield f"△ {alarm}", "warn"
    if status.parked_hosts:
        hosts = plural(status.parked_hosts, "host")
        yield f"△ {hosts} parked: their lines wait in the stream until their file is well", "warn"
    if status.quarantined:
        messages = plural(status.quarantined, "message")
        yield f"△ {messages} in quarantine: terminated, never to be written", "warn"
    name = status.name.removeprefix(f"{status.group}/")
    others = [other for other in status.members if other != name]
    with_whom = f"with {', '.join(others)}" if others else "alone"
    yield f"group {status.group}, {with_whom}", "plain"
    yield (
        f"writes to {status.directory}, {size(status.disk_free_bytes)} free, fsync {status.fsync}",
        "plain",
    )
    messages, repeats = (
        plural(status.written_messages, "message"),
        plural(status.suppressed, "repeat"),
    )
    wrote = f"wrote {status.written_lines:,} lines in {messages}; {repeats} recognised"
    yield wrote, "plain"
    bad = status.lost or status.doubled or status.out_of_order
    yield (
        f"lost {status.lost:,}  doubled {status.doubled:,}  out of order {status.out_of_order:,}",
        "bad" if bad else "plain",
    )
    up = duration(now - status.started, gap=" ")
    yield f"pid {status.pid}, up {up}, version {status.version}", "muted"
