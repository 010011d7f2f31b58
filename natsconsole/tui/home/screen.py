"""Home: one screen that says how the pipeline is, and lets its receiver be changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from textual import events, getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import var

from natsconsole.domain.alerts import alerts
from natsconsole.domain.lines import HostMarks
from natsconsole.gateway.interface import Gateway
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.drawing import Drawn
from natsconsole.tui.home.alert_line import AlertLine, Notice
from natsconsole.tui.home.feed import LinesRead, Looked, LookFailed
from natsconsole.tui.home.flow_strip import FlowStrip
from natsconsole.tui.home.host_order import busiest
from natsconsole.tui.home.host_panel import HostPanel
from natsconsole.tui.home.host_rows import HostRows
from natsconsole.tui.home.log_pane import LogPane
from natsconsole.tui.home.receiver_bar import ReceiverBar
from natsconsole.tui.home.receiver_keys import ReceiverKeys
from natsconsole.tui.home.too_small import TooSmall
from natsconsole.tui.home.top_line import TopLine
from natsconsole.tui.key_bar import KeyBar
from natsconsole.tui.keymap import bindings

TICK_SECONDS = 0.5
LINES_SECONDS = 0.25


class HomeScreen(ReceiverKeys):
    """Hosts, lines, receiver."""

    CSS_PATH = "screen.tcss"
    BINDINGS = bindings("hosts", "pane")
    HORIZONTAL_BREAKPOINTS = [
        (0, "-tiny"),
        (60, "-slim"),
        (78, "-narrow"),
        (110, "-medium"),
        (130, "-wide"),
        (176, "-vast"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-tall")]
    AUTO_FOCUS = "#hosts"

    now: var[float] = var(0.0)
    stale_seconds: var[float | None] = var(None)
    restarts: var[int] = var(0)

    alert_line = getters.query_one(AlertLine)
    panel = getters.query_one(HostPanel)
    key_bar = getters.query_one(KeyBar)

    def __init__(
        self,
        gateway: Gateway,
        *,
        interval: float,
        title: str,
        demo: DemoControls | None,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(gateway, demo)
        self._interval = interval
        self._title = title
        self._clock = clock
        self._problem = ""
        self._known_receiver = ""
        self._active = 0
        self._guesses_panes = True
        self.set_reactive(HomeScreen.now, clock())

    def compose(self) -> ComposeResult:
        """Put totals on top, hosts and lines in the middle, receiver and keys below."""
        yield TopLine(self._title, is_read_only=self._gateway.read_only).data_bind(
            HomeScreen.link, HomeScreen.now, HomeScreen.stale_seconds
        )
        yield FlowStrip(id="strip").data_bind(HomeScreen.home)
        yield AlertLine(id="alert")
        with Horizontal(id="body"):
            yield HostPanel(id="panel").data_bind(HomeScreen.home)
            with Vertical(id="panes"):
                yield LogPane(id="pane-1").data_bind(HomeScreen.now)
                yield LogPane(id="pane-2").data_bind(HomeScreen.now)
        yield ReceiverBar(id="receiver").data_bind(
            HomeScreen.home, HomeScreen.change, HomeScreen.restarts
        )
        yield KeyBar(id="keys")
        yield TooSmall()

    def on_mount(self) -> None:
        """Start asking."""
        if self._demo is None:
            self.key_bar.absent = frozenset({"receiver.crash"})
        self._mark_active(0)
        self._judge()
        self._look()
        self.set_interval(self._interval, self._look)
        self.set_interval(LINES_SECONDS, self._read_lines)
        self.set_interval(TICK_SECONDS, self._tick)

    @property
    def panes(self) -> tuple[LogPane, ...]:
        """The panes, first one first."""
        return tuple(self.query(LogPane))

    # Asking

    def _look(self) -> None:
        self.ask("look", self._feed.look)

    def _read_lines(self) -> None:
        after = {pane.host: pane.view.ring.last_sequence for pane in self.panes if pane.host}
        if after and self.link.state != "lost":
            self.ask("lines", partial(self._feed.read_lines, after))

    def _tick(self) -> None:
        self.link = self._gateway.link
        self.now = self._clock()
        if self._demo is not None:
            self.restarts = self._demo.receiver_restarts
        self._judge()

    # Answers

    @on(Looked)
    def show(self, event: Looked) -> None:
        """Show what the look found."""
        event.stop()
        self._problem = ""
        with self.app.batch_update():
            self.home = event.home
            self._known_receiver = (
                event.home.receiver.name if event.home.receiver else self._known_receiver
            )
            self._fill_panes()
            self._tick()

    @on(LookFailed)
    def say_why(self, event: LookFailed) -> None:
        """Keep what was seen last, and say why there is nothing newer."""
        event.stop()
        self._problem = event.reason
        self._tick()

    @on(LinesRead)
    def show_lines(self, event: LinesRead) -> None:
        """Give each pane its lines and marks."""
        event.stop()
        for pane in self.panes:
            if pane.host in event.lines:
                pane.view.marks = event.marks.get(pane.host, HostMarks())
                pane.view.append(event.lines[pane.host], is_gap=pane.host in event.skipped)

    def _fill_panes(self) -> None:
        """Give the busiest hosts a pane, until the user chooses; a first look knows no rates."""
        rows = {row.host: row for row in self.home.hosts}
        if self._guesses_panes and rows:
            self._guesses_panes = not any(row.lines_per_second for row in self.home.hosts)
            hosts = busiest(self.home.hosts, len(self.panes))
            for pane, host in zip(self.panes, hosts, strict=False):
                pane.open(host)
        for pane in self.panes:
            pane.row = rows.get(pane.host)
        self.panel.rows.opened = tuple(pane.host for pane in self.panes)

    def _judge(self) -> None:
        """Say what needs attention, and dim what may no longer be true."""
        home = self.home
        age = self.now - home.taken if home.taken else None
        is_old = age is not None and age > max(3.0, 3 * self._interval)
        self.stale_seconds = age if is_old or self.link.state == "lost" else None
        if self._problem:
            home = replace(home, problem=self._problem)
        self.alert_line.alerts = alerts(home, self.link, self.now, self._known_receiver)
        is_stale = self.stale_seconds is not None
        for drawn in self.query(Drawn).exclude("#top, #alert, #keys"):
            drawn.set_class(is_stale, "-stale")
        self.key_bar.refused = self.refused

    def say(self, sentence: str, *, is_refusal: bool = False) -> None:
        """Show what came of a key, in the alert's place for some seconds."""
        self.alert_line.notice = Notice(sentence=sentence, is_refusal=is_refusal)

    # Hosts and panes

    @on(HostRows.Chosen)
    def action_open_host(self) -> None:
        """Show the chosen host's lines in the marked pane."""
        host = self.panel.rows.chosen
        if not host or self.focused is not self.panel.rows:
            return
        pane = next((one for one in self.panes if one.host == host), None)
        if pane is None:
            pane = self.panes[self._active]
            pane.open(host)
        self._guesses_panes = False
        self._mark_active(self.panes.index(pane))
        self._fill_panes()
        self._read_lines()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Mark the pane that the user went to."""
        for place, pane in enumerate(self.panes):
            if event.widget is pane.view:
                self._guesses_panes = False
                self._mark_active(place)

    def _mark_active(self, place: int) -> None:
        self._active = place
        for number, pane in enumerate(self.panes):
            pane.is_active = number == place
            pane.set_class(number == place, "-active")

    def action_filter_hosts(self) -> None:
        """Let the user type a part of a host's name."""
        self.panel.open_filter()

    def action_clear(self) -> None:
        """Leave filter and pane."""
        self.panel.clear_filter()

    def action_sort_hosts(self) -> None:
        """Sort by the next column."""
        self.panel.order = self.panel.order.next_key()

    def action_reverse_hosts(self) -> None:
        """Turn the order round."""
        order = self.panel.order
        self.panel.order = replace(order, is_reversed=not order.is_reversed)
