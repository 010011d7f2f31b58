"""The scenes, and how far the one that is played has come."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

from textual.strip import Strip

from natsconsole.domain.lab import Expectation, LabScene, Proved, proof
from natsconsole.tui.drawing import Ink, Line
from natsconsole.tui.format import duration
from natsconsole.tui.lab.runner import LabState
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.virtual_rows import VirtualRows

NAMES: dict[str, str] = {
    "written": "lines written",
    "lost": "lost",
    "doubled": "doubled",
    "out of order": "out of order",
    "repeats": "repeats recognised",
    "quarantined": "in quarantine",
}
PROMISES: dict[Expectation, tuple[str, str]] = {
    "none": ("none, as promised", "NOT as promised"),
    "some": ("as promised", "not yet"),
    "any": ("", ""),
}
PHASES: dict[str, tuple[str, Ink]] = {
    "playing": ("playing", "accent"),
    "played": ("played: look around, then b goes back", "good"),
    "failed": ("stopped; b goes back", "bad"),
    "going back": ("going back …", "accent"),
    "back": ("everything is as it was", "good"),
    "stranded": ("not back yet", "bad"),
}
NARROWEST_PROOF = 56


class SceneRows(PickRows[LabScene]):
    """The scenes: their key, their title, whether they were played."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.played: Mapping[str, bool] = {}
        self.playing = ""

    def identity(self, row: LabScene) -> Hashable:
        """A scene is its key."""
        return row.key

    def draw_one(self, row: LabScene, *, is_chosen: bool) -> Line:
        """Draw a scene."""
        line = self.line().put(row.key, "key").space(2)
        line.put(row.title, "strong" if is_chosen else "plain").space()
        if row.key == self.playing:
            line.put("▸", "accent")
        elif row.key in self.played:
            is_so = self.played[row.key]
            line.put("✓" if is_so else "✗", "good" if is_so else "bad")
        return line


@dataclass(frozen=True, slots=True)
class Piece:
    """A row of words, or a line of the account."""

    words: str = ""
    ink: Ink = "plain"
    sign: str = ""
    sign_ink: Ink = "muted"
    proved: Proved | None = None
    is_late: bool = False
    """Whether what is promised may still come true."""
    right: str = ""


class SceneDetails(VirtualRows):
    """What will happen, what to watch, the steps, the proof."""

    has_divider = False
    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="scene")
        self._pieces: list[Piece] = []
        self._scene_key = ""
        self._latest: tuple[LabScene, LabState, float] | None = None

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self._pieces)

    def show(self, scene: LabScene, state: LabState, now: float) -> None:
        """Show a scene; the state is of the scene that is played, which may be another."""
        if scene.key != self._scene_key:
            self._scene_key, self.top = scene.key, 0
        self._latest = (scene, state, now)
        self._lay_out()

    def on_resize(self) -> None:
        """Fold to this width."""
        self._lay_out()
        super().on_resize()

    def _lay_out(self) -> None:
        if self._latest is None:
            return
        scene, state, now = self._latest
        width = max(20, self.row_width - 4)
        played = state if state.scene is scene and state.before is not None else None
        pieces = [Piece(scene.title, "strong")]
        if state.problem and state.scene is scene:
            pieces += [Piece(part, "warn") for part in wrapped(state.problem, width)]
        told = [("", scene.will, "plain"), ("watch", scene.watch, "muted")]
        words: list[Piece] = []
        for name, sentence, ink in told:
            text = f"{name}: {sentence}" if name else sentence
            words += [Piece(part, ink) for part in wrapped(text, width)]  # type: ignore[arg-type]
        happens = list(_steps(scene, played, now, width))
        if played is not None:
            happens += _proof(scene, played)
            if played.phase in {"played", "back"}:
                happens += [Piece(part, "accent") for part in wrapped(scene.lesson, width)]
        # While a scene is played on a small screen, what happens is told first.
        is_small = self.size.height < len(words) + len(happens) + 3
        first, last = (happens, words) if played and is_small else (words, happens)
        pieces += [*first, Piece(), *last]
        self._pieces = pieces
        self.top = min(self.top, self.last_top)
        self.repaint()

    def draw_row(self, number: int, y: int) -> Strip:  # noqa: ARG002 - a row is the same in any place
        """Draw a row."""
        line = self.line().space(2)
        if number < len(self._pieces):
            piece = self._pieces[number]
            if piece.proved is not None:
                self._account(line, piece.proved, is_late=piece.is_late)
            else:
                if piece.sign:
                    line.put(piece.sign, piece.sign_ink, width=2)
                line.put(piece.words, piece.ink)
                if piece.right:
                    line.put("  ").put(piece.right, "muted")
        return self.finish(line)

    def _account(self, line: Line, proved: Proved, *, is_late: bool) -> None:
        holds = proved.holds
        line.put(NAMES[proved.counter], "plain", width=19)
        if self.row_width >= NARROWEST_PROOF:
            line.put(f"{proved.before:,}", "muted", width=11, right=True)
            line.put(f"{proved.now:,}", "plain", width=11, right=True)
        change = f"+{proved.change:,}" if proved.change >= 0 else f"{proved.change:,}"
        ink: Ink = "faint" if not proved.change else "strong"
        line.put(change, ink, width=9, right=True).space(2)
        if holds is not None:
            good, bad = PROMISES[proved.expectation]
            is_waiting = not holds and (is_late or proved.expectation == "some")
            if is_late:
                bad = "until you go back"
            verdict: Ink = "good" if holds else "muted" if is_waiting else "bad"
            line.put(f"{'✓' if holds else '·' if is_waiting else '✗'} ", verdict)
            line.put(good if holds else bad, verdict)


def _steps(scene: LabScene, state: LabState | None, now: float, width: int) -> Iterator[Piece]:
    yield Piece("STEPS", "muted")
    for number, step in enumerate(scene.steps):
        sign: str
        inks: tuple[Ink, Ink]
        right = ""
        if state is None or (number > state.step):
            sign, inks = "·", ("muted", "muted")
        elif number < state.step:
            sign, inks = "✓", ("calm", "plain")
        elif state.phase == "playing":
            sign, inks = "▸", ("accent", "strong")
            right = duration(now - state.step_began)
        else:
            sign, inks = "✗", ("bad", "plain")
        first, *more = wrapped(step.words, width - 10)
        yield Piece(first, inks[1], sign, inks[0], right=right)
        for part in more:
            yield Piece(part, inks[1], " ")


def _proof(scene: LabScene, state: LabState) -> Iterator[Piece]:
    yield Piece("PROOF, from the receivers' ledger: before, now, change", "muted")
    if state.before is not None and state.now is not None:
        for proved in proof(scene, state.before, state.now):
            yield Piece(proved=proved, is_late=scene.is_late and state.phase != "back")
