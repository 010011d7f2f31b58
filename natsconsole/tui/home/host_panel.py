"""The hosts: title or filter, columns, rows."""

from __future__ import annotations

from dataclasses import replace

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import var
from textual.widgets import Input

from natsconsole.domain.shippers import NO_SHIPPERS, ShippersSeen
from natsconsole.domain.snapshots import EMPTY_HOME, HomeSnapshot
from natsconsole.tui.drawing import Line, OneLine
from natsconsole.tui.format import size
from natsconsole.tui.home.host_order import HostOrder
from natsconsole.tui.home.host_rows import HostHeader, HostRows
from natsconsole.tui.typed_line import TypedLine

FILTERING_WIDTH = 18
WORTH_TELLING = 100_000
"""Bytes in the hosts' files that are told in the title, where no shipper is paused."""


class HostTitle(OneLine):
    """How many hosts are shown, of how many, in which order."""

    shown: var[int] = var(0)
    total: var[int] = var(0)
    order: var[HostOrder] = var(HostOrder())

    shippers: var[ShippersSeen] = var(NO_SHIPPERS)
    has_more: var[bool] = var(False)
    """Whether there are more than ``total``."""
    is_filtering: var[bool] = var(False)
    marked: var[int] = var(0)

    def watch_is_filtering(self) -> None:
        """Make room for what is typed."""
        self.repaint()

    def watch_marked(self) -> None:
        """Count anew."""
        self.repaint()

    def watch_shown(self) -> None:
        """Count anew."""
        self.repaint()

    def watch_has_more(self) -> None:
        """Say so."""
        self.repaint()

    def watch_shippers(self) -> None:
        """Show what waits before the stream."""
        self.repaint()

    def watch_total(self) -> None:
        """Count anew."""
        self.repaint()

    def watch_order(self) -> None:
        """Name the order."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the count, and on the right the filter or the order."""
        total = f"{self.total:,}+" if self.has_more else f"{self.total:,}"
        number = total if self.shown == self.total else f"{self.shown:,}/{total}"
        line = self.line().space().put("HOSTS ", "title").put(number, "muted")
        if self.is_filtering:
            return line.fill_to(FILTERING_WIDTH - 1).put("/", "key")
        right = self.line()
        waits = self.shippers.backlog_bytes
        if self.shippers.paused_hosts:
            line.put("  ‖ ", "warn").put(f"{size(waits)} in files", "warn")
        elif waits >= WORTH_TELLING:
            line.put(f"  {size(waits)} in files", "muted")
        if self.shippers.lost_bytes and not self.order.filter:
            line.put(f"  ✗ {size(self.shippers.lost_bytes)} lost at source", "bad")
        if self.order.filter:
            line.fill_to(FILTERING_WIDTH - 1).put("/", "key").put(self.order.filter, "accent")
        if self.marked:
            right.put("◆ ", "accent").put(f"{self.marked:,} marked", "muted")
        elif self.order.filter:
            right.put("Esc shows all", "muted")
        else:
            right.put(self.order.key.name, "muted")
            right.put(" reversed" if self.order.is_reversed else "", "muted")
        start = self.size.width - right.cells - 2
        return line.fill_to(start).join(right) if start > line.cells else line


class HostPanel(Vertical):
    """The table of hosts with what belongs to it."""

    home: var[HomeSnapshot] = var(EMPTY_HOME)
    order: var[HostOrder] = var(HostOrder())

    title = getters.query_one(HostTitle)
    header = getters.query_one(HostHeader)
    rows = getters.query_one(HostRows)
    filter = getters.query_one(TypedLine)

    def __init__(self, *, has_sparks: bool = True) -> None:
        super().__init__(id="panel")
        self._has_sparks = has_sparks

    def on_mount(self) -> None:
        """Draw charts only where they are wanted."""
        self.header.sparks = self.rows.sparks = self._has_sparks

    def compose(self) -> ComposeResult:
        """Stack title, filter, header and rows."""
        with Horizontal(id="host-title"):
            yield HostTitle().data_bind(HostPanel.order)
            yield TypedLine("filter", placeholder="web   !web   ~wb1")
        yield HostHeader().data_bind(HostPanel.order)
        yield HostRows(id="hosts")

    def watch_home(self, before: HomeSnapshot, home: HomeSnapshot) -> None:
        """Show the newest figures."""
        if self.is_mounted and before is not home:
            self._show()

    def watch_order(self) -> None:
        """Show the hosts that are wanted, as they are wanted."""
        if self.is_mounted:
            self._show()

    def on_descendant_focus(self) -> None:
        """Show in the title that the keys act here."""
        self.title.is_focused = True

    def on_descendant_blur(self) -> None:
        """Show that they do not."""
        self.title.is_focused = False

    def _show(self) -> None:
        home = self.home
        longest = max((len(row.host) for row in home.hosts), default=0)
        self.header.longest_name = self.rows.longest_name = longest
        self.header.files = self.rows.files = home.shippers.hosts > 0 or bool(home.shippers.gone)
        shown = self.order.apply(home.hosts)
        self.title.total = max(home.hosts_total, len(home.hosts))
        self.title.has_more = home.has_more_hosts
        self.title.shown = len(shown)
        self.title.shippers = home.shippers
        self.rows.empty_text = self._empty_text() if not shown else ""
        self.rows.taken = home.taken
        self.rows.rows = shown

    def _empty_text(self) -> str:
        if self.home.hosts:
            return "no host passes the filter"
        return "no host yet" if self.home.taken else "looking …"

    @property
    def is_filtering(self) -> bool:
        """Whether the filter is being typed."""
        return self.has_class("-filtering")

    @on(HostHeader.Sorted)
    def sort(self, event: HostHeader.Sorted) -> None:
        """Order by the column that was clicked."""
        event.stop()
        self.order = self.order.by(event.column)

    def mark(self, hosts: frozenset[str]) -> None:
        """Show which hosts are marked."""
        self.rows.marked = hosts
        self.title.marked = len(hosts)

    def open_filter(self) -> None:
        """Let the user type."""
        self.add_class("-filtering")
        self.title.is_filtering = True
        self.filter.value = self.order.filter
        self.filter.focus()

    def clear_filter(self) -> None:
        """Show all hosts."""
        self.order = replace(self.order, filter="")
        self._close_filter()

    def _close_filter(self) -> None:
        self.remove_class("-filtering")
        self.title.is_filtering = False
        self.rows.focus()

    @on(Input.Changed)
    def narrow(self, event: Input.Changed) -> None:
        """Filter while the user types."""
        event.stop()
        self.order = replace(self.order, filter=event.value)

    @on(Input.Submitted)
    def accept(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the rows."""
        event.stop()
        self._close_filter()
