"""Home: one screen that says how the pipeline is, and lets its receiver be changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from textual import events, getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.reactive import var

from natsconsole.domain.alert_ages import AlertAges, OpenAlert
from natsconsole.domain.alerts import alerts, of_stream
from natsconsole.domain.lines import HostMarks
from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.gateway.interface import Gateway, GatewayError
from natsconsole.gateway.replay import Player
from natsconsole.tui.commands import commands_of
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.drawing import fade
from natsconsole.tui.format import plural
from natsconsole.tui.home.alert_line import AlertLine, Notice
from natsconsole.tui.home.feed import LinesRead, Looked, LookFailed
from natsconsole.tui.home.flow_strip import FlowStrip
from natsconsole.tui.home.host_order import busiest
from natsconsole.tui.home.host_panel import HostPanel
from natsconsole.tui.home.host_rows import HostRows
from natsconsole.tui.home.line_view import LineView
from natsconsole.tui.home.log_pane import LogPane
from natsconsole.tui.home.pane_grid import PaneGrid
from natsconsole.tui.home.pane_keys import PaneKeys
from natsconsole.tui.home.prompt import Prompt
from natsconsole.tui.home.receiver_bar import ReceiverBar
from natsconsole.tui.home.too_small import TooSmall
from natsconsole.tui.home.top_line import TopLine
from natsconsole.tui.key_bar import KeyBar
from natsconsole.tui.keymap import bindings
from natsconsole.tui.replay.bar import ReplayBar
from natsconsole.tui.settings import Settings
from natsconsole.tui.triage.feed import TriageFeed
from natsconsole.tui.window_title import WindowTitle, title_of

LINES_SECONDS = 0.2
FIRST_PANES = 2
MOST_PANES = 4


class HomeScreen(PaneKeys):
    """Hosts, lines, receiver."""

    CSS_PATH = "screen.tcss"
    BINDINGS = bindings("pane", "home")
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
    open_alerts: var[tuple[OpenAlert, ...]] = var(())

    alert_line = getters.query_one(AlertLine)
    panel = getters.query_one(HostPanel)
    pane_grid = getters.query_one(PaneGrid)
    key_bar = getters.query_one(KeyBar)

    def __init__(
        self,
        gateway: Gateway,
        *,
        settings: Settings,
        title: str,
        demo: DemoControls | None,
        clock: Callable[[], float],
        triage: TriageFeed,
        player: Player | None = None,
    ) -> None:
        super().__init__(gateway, demo, settings)
        self._triage = triage
        self._player = player
        self._interval = max(settings.interval, settings.pace.looks)
        self._title = title
        self._clock = clock
        self._problem = ""
        self._known_receiver: ReceiverStatus | None = None
        self._alert_ages = AlertAges()
        self._window_title = WindowTitle(self.app)
        self._active: LogPane | None = None
        self._guesses_panes = True
        self.set_reactive(HomeScreen.now, clock())

    def compose(self) -> ComposeResult:
        """Put totals on top, hosts and lines in the middle, receiver and keys below."""
        sparks = self._settings.pace.sparks
        yield TopLine(
            self._title, self._gateway.context, is_read_only=self._gateway.read_only
        ).data_bind(HomeScreen.link, HomeScreen.now, HomeScreen.stale_seconds)
        yield FlowStrip(has_sparks=sparks).data_bind(HomeScreen.home)
        yield AlertLine(id="alert")
        with Horizontal(id="body"):
            yield HostPanel(has_sparks=sparks).data_bind(HomeScreen.home)
            with PaneGrid(id="panes"):
                for _ in range(FIRST_PANES):
                    yield self._new_pane()
        yield ReceiverBar(id="receiver").data_bind(
            HomeScreen.home, HomeScreen.change, HomeScreen.restarts
        )
        if self._player is not None:
            yield ReplayBar(self._player)
        yield KeyBar(id="keys")
        yield Prompt()
        yield TooSmall()

    def _new_pane(self) -> LogPane:
        pane = LogPane(settings=self._settings)
        pane.set_reactive(LogPane.now, self.now)
        pane.set_reactive(LogPane.wraps, self._settings.wrap)
        pane.set_reactive(LogPane.times, self._settings.timestamps)
        return pane

    def on_mount(self) -> None:
        """Start asking."""
        self.key_bar.commands = commands_of(self.app)
        if self._demo is None:
            self.key_bar.absent = frozenset({"receiver.crash"})
        self._mark_active(self.panes[0])
        self._judge()
        self._look()
        self.set_interval(self._interval, self._look)
        self.set_interval(LINES_SECONDS, self.read_lines_soon)
        self.set_interval(self._settings.pace.tick, self._tick)

    def on_unmount(self) -> None:
        """Give the terminal its title back."""
        self._window_title.restore()

    @property
    def pane(self) -> LogPane:
        """The pane that keys act on."""
        panes = self.panes
        return self._active if self._active in panes else panes[0]

    def moment(self) -> float:
        """Return the time, in seconds since the epoch."""
        return self._clock()

    def watch_now(self) -> None:
        """Let countdowns and ages go on."""
        for pane in self.panes:
            pane.now = self.now

    # Asking

    def look(self) -> None:
        """Take a look now."""
        self._look()

    def _look(self) -> None:
        self.ask("look", self._feed.look)
        self.ask("triage", self._look_at_all)

    async def _look_at_all(self) -> None:
        with contextlib.suppress(GatewayError):  # its own screens say why
            await self._triage.look()

    def read_lines_soon(self) -> None:
        """Ask for the panes' new lines."""
        after = {pane.host: pane.view.reads_after for pane in self.panes if pane.host}
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
            if self.home.created and event.home.created != self.home.created:
                for pane in self.panes:
                    pane.read_anew()
            self.home = event.home
            self._known_receiver = event.home.receiver or self._known_receiver
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
                pane.view.append(
                    event.lines[pane.host],
                    after=event.after[pane.host],
                    is_gap=pane.host in event.skipped,
                )

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
        verdicts = of_stream(self._triage.latest.verdicts, self._gateway.stream)
        found = alerts(home, self.link, self.now, self._known_receiver, verdicts)
        self.open_alerts, rings = self._alert_ages.note(found, self.now)
        self.alert_line.alerts = found
        self._show_alerts()
        needy = sum(one.severity in {"critical", "warning"} for one in found)
        self._window_title.show(title_of(self._place, needy))
        if rings and self._settings.bell and home.taken:
            self.app.bell()
        fade(self, "#top, #alert, #keys", is_stale=self.stale_seconds is not None)
        self.key_bar.refused = self.refused

    @property
    def _place(self) -> str:
        """What this window shows, for its title."""
        context = self._gateway.context
        name = self._title or context.name or self.link.address
        return f"{name} PRODUCTION" if context.is_production else name

    def say(self, sentence: str, *, is_refusal: bool = False) -> None:
        """Show what came of a key, in the alert's place for some seconds."""
        self.alert_line.notice = Notice(sentence=sentence, is_refusal=is_refusal)

    # Hosts and panes

    @on(HostRows.Chosen)
    async def open_chosen(self, event: HostRows.Chosen) -> None:
        """Show the host that was clicked twice."""
        event.stop()
        await self.action_open_hosts()

    async def action_open_hosts(self) -> None:
        """Show the chosen host's lines in the active pane, or marked hosts in a pane each."""
        marked = self.panel.rows.marked
        hosts = [row.host for row in self.panel.rows.rows if row.host in marked]
        if hosts:
            await self._open_all(hosts)
        elif host := self.panel.rows.chosen:
            self._open(host)

    def _open(self, host: str) -> None:
        pane = next((one for one in self.panes if one.host == host), None)
        if pane is None:
            pane = self.pane
            self.stop_search(pane)
            pane.open(host)
        self._panes_chosen(pane)

    async def _open_all(self, hosts: list[str]) -> None:
        shown = hosts[:MOST_PANES]
        for pane in self.panes[len(shown) :]:
            await pane.remove()
        for _ in range(len(shown) - len(self.panes)):
            await self.pane_grid.mount(self._new_pane())
        for pane, host in zip(self.panes, shown, strict=True):
            self.stop_search(pane)
            pane.open(host)
        self.panel.mark(frozenset())
        self._panes_chosen(self.panes[0])
        left = len(hosts) - len(shown)
        if left:
            self.say(f"{MOST_PANES} panes are the most: {plural(left, 'marked host')} left out")

    def _panes_chosen(self, active: LogPane) -> None:
        self._guesses_panes = False
        self.pane_grid.lay_out()
        self._mark_active(active)
        self._fill_panes()
        self.read_lines_soon()

    async def action_add_pane(self) -> None:
        """Add a pane: for the host under the cursor, or the busiest that has none."""
        panes = self.panes
        if len(panes) >= MOST_PANES:
            self.say(f"{MOST_PANES} panes are the most", is_refusal=True)
            return
        opened = {pane.host for pane in panes}
        chosen = self.panel.rows.chosen
        others = (host for host in busiest(self.home.hosts, len(panes) + 1) if host not in opened)
        host = chosen if chosen and chosen not in opened else next(others, "")
        if not host:
            self.say("every host has a pane", is_refusal=True)
            return
        pane = self._new_pane()
        await self.pane_grid.mount(pane)
        pane.open(host)
        self._panes_chosen(pane)

    async def action_close_pane(self) -> None:
        """Close the active pane."""
        panes = self.panes
        if len(panes) == 1:
            self.say("one pane stays", is_refusal=True)
            return
        pane = self.pane
        place = panes.index(pane)
        neighbour = panes[place - 1] if place else panes[1]
        had_focus = self.focused is pane.view
        self.stop_search(pane)
        await pane.remove()
        self._panes_chosen(neighbour)
        if had_focus:
            neighbour.view.focus()

    def action_zoom(self) -> None:
        """Hide the hosts, or show them."""
        self.toggle_class("-zoomed")
        if self.has_class("-zoomed"):
            self.pane.view.focus()
        else:
            self.panel.rows.focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Mark the pane that the user went to, and show the keys that act there."""
        for pane in self.panes:
            if event.widget is pane.view:
                self._guesses_panes = False
                self._mark_active(pane)
        self.key_bar.place = "lines" if isinstance(event.widget, LineView) else "hosts"

    def _mark_active(self, active: LogPane) -> None:
        self._active = active
        for pane in self.panes:
            pane.is_active = pane is active
            pane.set_class(pane is active, "-active")

    def action_filter_hosts(self) -> None:
        """Let the user type which hosts are wanted."""
        self.remove_class("-zoomed")
        self.panel.open_filter()

    def action_mark_host(self) -> None:
        """Mark the host, or no longer, and go on to the next."""
        rows = self.panel.rows
        if rows.chosen:
            self.panel.mark(rows.marked ^ {rows.chosen})
            rows.move(1)

    def action_sort_hosts(self) -> None:
        """Sort by the next column."""
        self.panel.order = self.panel.order.next_key()

    def action_reverse_hosts(self) -> None:
        """Turn the order round."""
        order = self.panel.order
        self.panel.order = replace(order, is_reversed=not order.is_reversed)

    def action_back(self) -> None:
        """Leave the innermost of what the user is in."""
        view = self.pane.view
        if self.prompt.is_open:
            self.prompt.close()
        elif self.panel.is_filtering:
            self.panel.clear_filter()
        elif self.stop_search(self.pane):
            self.say("stopped looking")
        elif self.focused is view and view.marked_from is not None:
            view.marked_from = None
        elif self.focused is view and view.search is not None:
            view.search = None
        elif self.has_class("-zoomed"):
            self.action_zoom()
        elif self.focused is not self.panel.rows:
            self.panel.rows.focus()
        elif self.panel.rows.marked:
            self.panel.mark(frozenset())
        else:
            self.panel.clear_filter()

    def _show_alerts(self) -> None:
        from natsconsole.tui.alerts.screen import AlertsScreen

        top = self.app.screen
        if isinstance(top, AlertsScreen):
            top.show(self.open_alerts, self.now)

    @on(AlertLine.Opened)
    def action_show_alerts(self) -> None:
        """Show everything that needs attention."""
        from natsconsole.tui.alerts.screen import AlertsScreen

        if not isinstance(self.app.screen, AlertsScreen):
            self.app.push_screen(AlertsScreen(self.open_alerts, self.now))
