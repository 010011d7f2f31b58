"""A list of streams or of consumers: sorted, narrowed, counted."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import var

from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.page.screen import Surroundings
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.triage.page import TriagePage, command_of
from natsconsole.tui.triage.table import TableOrder, fitted
from natsconsole.tui.triage.table_rows import TableHeader, TableRows
from natsconsole.tui.triage.why_lines import WhyLines

Row = TypeVar("Row")


class ListPage(TriagePage, Generic[Row]):
    """The frame of both lists."""

    ORDER: ClassVar[TableOrder[Any]]
    AUTO_FOCUS = "#table"

    order: var[TableOrder[Any] | None] = var(None)

    header = getters.query_one(TableHeader)
    why = getters.query_one(WhyLines)

    def __init__(self, around: Surroundings, only: str = "") -> None:
        super().__init__(around)
        self.set_reactive(ListPage.order, replace(self.ORDER, filter=only))
        self.table = self.make_table()

    def compose_body(self) -> ComposeResult:
        """Put the names over the rows."""
        with Vertical(classes="page-body"):
            yield TableHeader(self.ORDER.columns).data_bind(ListPage.order)
            yield self.table
            yield WhyLines(id="why")

    @abstractmethod
    def make_table(self) -> TableRows[Row]:
        """Return the rows' widget. Each list has its own."""

    @abstractmethod
    def make_rows(self) -> list[Row]:
        """Return a row for everything in the look."""

    @property
    @abstractmethod
    def true_total(self) -> int | None:
        """How many there are on the server; None where that is not known."""

    @abstractmethod
    def verdict_of(self, row: Row) -> Verdict | None:
        """Return the worst that is said of a row."""

    @abstractmethod
    def info_command(self, row: Row) -> str:
        """Return the command that shows a row."""

    def watch_order(self) -> None:
        """Show what is wanted, as it is wanted."""
        if self.is_mounted and self.snapshot.taken:
            self.show()

    def show(self) -> None:
        """Show the latest look."""
        order, rows = self._order, self.make_rows()
        shown = order.apply(rows)
        self.table.empty_text = self._empty_text(has_any=bool(rows))
        self.table.columns = self.header.columns = fitted(order.columns, rows)
        stays_at_top = self.table.cursor == 0
        self.table.show(shown)
        if stays_at_top:
            self.table.cursor = 0
        self._entitle(len(shown), len(rows), sum(bool(order.trouble(row)[0]) for row in rows))
        self.stand_by_look()

    @property
    def _order(self) -> TableOrder[Any]:
        return self.order or self.ORDER

    def _entitle(self, shown: int, read: int, troubled: int) -> None:
        order, total = self._order, self.true_total
        figures = f"{read:,}"
        if self.snapshot.problem and not read:
            figures = ""
        elif total is None:
            figures = f"{read:,} of an unknown number: listing is not permitted"
        elif total > read:
            figures = f"{read:,} of {total:,}"
        if shown != read:
            figures = f"{shown:,} shown of {figures}"
        if troubled:
            figures += f"  {troubled:,} need{'s' if troubled == 1 else ''} attention"
        narrowed = " ".join(
            filter(None, ("trouble" * order.only_trouble, order.filter and f"/{order.filter}"))
        )
        right = f"only {narrowed}  Esc shows all" if order.is_narrowed else order.words
        self.page_title.words = (self.PLACE.upper(), figures, right)

    def _empty_text(self, *, has_any: bool) -> str:
        found = self.snapshot
        if has_any:
            return "none is like that; Esc shows all"
        reasons = found.not_permitted or ((found.problem,) if found.problem else ())
        if reasons:
            width = max(20, self.table.row_width - 6)
            return "\n".join(part for reason in reasons for part in wrapped(reason, width))
        return f"there are no {self.PLACE} in this account" if found.taken else "looking …"

    def on_mount(self) -> None:
        """Say that it is being looked."""
        self.table.empty_text = self._empty_text(has_any=False)

    @on(PickRows.Moved)
    def explain(self) -> None:
        """Say below what is wrong with the chosen row."""
        row = self.table.chosen
        self.why.has_row = row is not None
        self.why.verdict = None if row is None else self.verdict_of(row)

    @on(TableHeader.Sorted)
    def sort_by(self, event: TableHeader.Sorted) -> None:
        """Sort by the column that was clicked."""
        event.stop()
        self.order = self._order.by(event.column)

    def focus_body(self) -> None:
        """Give the keys to the rows."""
        self.table.focus()

    def leave_inner(self) -> bool:
        """Show all again."""
        was = self._order.is_narrowed
        self.order = replace(self._order, filter="", only_trouble=False)
        return was

    def action_filter_rows(self) -> None:
        """Let the user type what is wanted."""
        self.type_in("a text, !a text", self._narrow, value=self._order.filter, narrows=True)

    def _narrow(self, typed: str) -> None:
        self.order = replace(self._order, filter=typed)

    def action_sort_rows(self) -> None:
        """Sort by the next column."""
        self.order = self._order.next_column(self.table.row_width)

    def action_reverse_rows(self) -> None:
        """Turn the order round."""
        self.order = replace(self._order, is_reversed=not self._order.is_reversed)

    def action_only_trouble(self) -> None:
        """Show only what needs attention, or all."""
        self.order = replace(self._order, only_trouble=not self._order.only_trouble)

    def action_copy_command(self) -> None:
        """Copy the command for what is wrong, or the one that shows the row."""
        row = self.table.chosen
        if row is not None:
            self.copy(command_of(self.verdict_of(row), self.info_command(row)))
