"""Asking for the time of a recording to go to."""

from __future__ import annotations

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from natsconsole.domain.jump import At, NotAPlaceError, parse_jump
from natsconsole.tui.keymap import bindings
from natsconsole.tui.page.screen import PAGE_CSS
from natsconsole.tui.typed_line import TypedLine


class JumpScreen(ModalScreen[float]):
    """Returns a moment, in seconds since the epoch."""

    CSS_PATH = [PAGE_CSS]
    BINDINGS = [Binding("escape", "dismiss", "back"), *bindings("leave")]

    typed = getters.query_one(TypedLine)

    def __init__(self, now: float) -> None:
        super().__init__()
        self._now = now

    def compose(self) -> ComposeResult:
        """Ask in a box over what was there."""
        with Vertical(id="jump") as box:
            box.border_title = "jump to which time of the recording?"
            box.border_subtitle = "12:30   -5m   2026-11-24 12:30   Esc leaves"
            yield TypedLine("jump-input")

    def on_mount(self) -> None:
        """Let it be typed."""
        self.typed.focus()

    @on(Input.Submitted)
    def go(self, event: Input.Submitted) -> None:
        """Go there, or say why not."""
        event.stop()
        try:
            place = parse_jump(event.value, self._now)
        except NotAPlaceError:
            place = None
        if isinstance(place, At):
            self.dismiss(place.moment)
        else:
            self.query_one("#jump").border_subtitle = "that is no time: 12:30   -5m   Esc leaves"
