"""The ack lab: the series' lessons as scenes that are played on the demo."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.worker import Worker

from natsconsole.domain.lab import LabScene, Moment
from natsconsole.domain.lab_scenes import SCENES
from natsconsole.tui.format import plural
from natsconsole.tui.lab.rows import PHASES, SceneDetails, SceneRows
from natsconsole.tui.lab.runner import LabRunner
from natsconsole.tui.page.first_lines import Beginning, FirstLines
from natsconsole.tui.page.keys import page_bindings
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.page.screen import PAGE_CSS, Page, Surroundings
from natsconsole.tui.unacked.rows import MessageHeader, MessageRows

TICK = 0.3


class LabScreen(Page):
    """Scenes on the left, the chosen one on the right."""

    CSS_PATH = [PAGE_CSS, "screen.tcss"]
    PLACE = "lab"
    SENTENCES = (
        "Each scene is one lesson on acknowledgement, played on the demo's real receivers.",
        "Enter, or the scene's number, starts it; it goes on while you look at other screens.",
        "PROOF: the integrity account of all hosts, from the receivers' ledger.",
        "b sets everything as it was before the scene: answer, policy, settings, receivers.",
        "Lines that a scene has lost stay lost; that is what it shows.",
        "The lab never runs on a stream of yours: it runs in `natsconsole demo`,",
        "or on a stream made with `natsconsole setup --lab`, by receivers with --lab.",
    )
    BINDINGS = [
        *page_bindings("lab"),
        *(Binding(one.key, f"play('{one.key}')", one.title, show=False) for one in SCENES),
    ]
    AUTO_FOCUS = "#scenes"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (104, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (38, "-high")]

    rows = getters.query_one(SceneRows)
    details = getters.query_one(SceneDetails)
    flight = getters.query_one(MessageRows)

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        assert around.lab is not None  # noqa: S101 - the application always has one
        self.runner: LabRunner = around.lab
        self._lines = FirstLines(around.gateway)

    def compose_body(self) -> ComposeResult:
        """Put the scenes beside, or above, the chosen one."""
        with Horizontal(classes="page-body", id="lab-body"):
            with Vertical(id="scene-list"):
                yield SceneRows(id="scenes")
            with Vertical(id="scene-side"):
                yield SceneDetails()
                yield MessageHeader(id="flight-header")
                yield MessageRows(id="flight").data_bind(LabScreen.now)

    def on_mount(self) -> None:
        """Show the scene that is played, else the first."""
        self.flight.can_focus = False
        self.flight.empty_text = "no message is in flight"
        self.rows.show(SCENES)
        playing = self.runner.state.scene
        if playing is not None:
            self.rows.cursor = SCENES.index(playing)
        self.set_interval(TICK, self.draw_state)
        self.draw_state()

    def look(self) -> None:
        """Keep the account fresh between scenes."""
        if self.is_current and self.runner.state.phase in {"played", "failed", "stranded"}:
            self.ask("moment", self.runner.look)

    def answered_moment(self, _: object) -> None:
        """Show it."""
        self.draw_state()

    @on(PickRows.Moved)
    def redraw(self, event: PickRows.Moved) -> None:
        """Show the scene that is chosen now."""
        if event.rows is self.rows:
            self.draw_state()

    def draw_state(self) -> None:
        """Show how far the scene has come."""
        if not self.is_current or not self.is_mounted:
            return
        state, chosen = self.runner.state, self.rows.chosen
        busy = state.scene if state.phase in {"playing", "going back"} else None
        self.rows.played = self.runner.played
        self.rows.playing = busy.key if busy else ""
        self.rows.repaint()
        if chosen is not None:
            self.details.show(chosen, state, time.monotonic())
        words, ink = PHASES.get(state.phase, ("", "muted"))
        name = f"{state.scene.key} {state.scene.title}: " if state.scene and words else ""
        played = f"{len(self.runner.played)} played" if self.runner.played else ""
        self.page_title.words = ("ACK LAB", plural(len(SCENES), "scene"), played)
        self.set_class(state.may_go_back or state.phase == "back", "-playing")
        self.show_flight(state.now)
        self.page_keys.refused = frozenset() if state.may_go_back else frozenset({"lab.back"})
        if state.problem:
            self.stand(state.problem, "bad" if state.phase != "idle" else "warn")
        elif words:
            self.stand(f"{name}{words}", ink)
        else:
            self.stand("Enter plays the chosen scene; b is the way back from it")

    def show_flight(self, now: Moment | None) -> None:
        """Show the messages in flight as the scene sees them; their lines are the stream's."""
        flight = self.flight
        if now is None or not flight.size.height:
            return
        flight.read_at = now.in_flight.read_at
        flight.show(now.in_flight.messages)
        missing = self._lines.missing(one.sequence for one in flight.seen)
        if missing and self.link.state == "live":
            self.ask("first_lines", partial(self._lines.read, missing))

    def answered_first_lines(self, found: Mapping[int, Beginning]) -> None:
        """Show what was read."""
        self._lines.learn(found)
        self.flight.first_lines = {
            sequence: beginning.line for sequence, beginning in self._lines.known.items()
        }
        self.flight.repaint()

    def failed(self, name: str, reason: str) -> None:
        """A look that fails says nothing new: the first line tells of the connection."""
        if name not in {"moment", "first_lines"}:
            super().failed(name, reason)

    def focus_body(self) -> None:
        """Give the keys to the scenes."""
        self.rows.focus()

    @on(PickRows.Opened)
    def action_start_scene(self) -> None:
        """Play the chosen scene."""
        chosen = self.rows.chosen
        if chosen is not None:
            self._play(chosen)

    def action_play(self, key: str) -> None:
        """Play the scene with this key."""
        scene = next(one for one in SCENES if one.key == key)
        self.rows.cursor = SCENES.index(scene)
        self._play(scene)

    def _play(self, scene: LabScene) -> None:
        phase = self.runner.state.phase
        if phase in {"playing", "going back"}:
            self.say("one scene at a time: b ends this one", is_refusal=True)
            return
        self._run(partial(self.runner.play, scene))

    def action_go_back(self) -> None:
        """End the scene, and set everything as it was."""
        if self.runner.state.phase == "going back":
            self.say("it is on the way back already", is_refusal=True)
            return
        if not self.runner.state.may_go_back:
            self.say("everything is as it was: there is nothing to go back from", is_refusal=True)
            return
        self._run(self.runner.go_back)

    def _run(self, what: Callable[[], Coroutine[None, None, None]]) -> None:
        """Let the application do it: it goes on while other screens are looked at."""
        _: Worker[None] = self.app.run_worker(what, name="lab", group="lab", exclusive=True)
