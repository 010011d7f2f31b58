"""What an action would do, before it is done: its target, its plan, the command that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.widgets import Input

from natsconsole.domain.actions import Action
from natsconsole.domain.contexts import Context
from natsconsole.domain.terminal_text import visible
from natsconsole.tui.drawing import Ink
from natsconsole.tui.keymap import bindings
from natsconsole.tui.page.screen import PAGE_CSS
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.typed_line import TypedLine
from natsconsole.tui.virtual_rows import VirtualRows

Deed = Callable[[], object]


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One row of a plan."""

    words: str
    ink: Ink = "plain"
    sign: str = ""


class PlanRows(VirtualRows):
    """The plan, folded to the width."""

    has_divider = False

    def __init__(self, action: Action) -> None:
        super().__init__(id="plan-rows")
        self._action = action
        self._rows: list[PlanLine] = []

    def on_mount(self) -> None:
        """Fold it once the width is known."""
        self.on_resize()

    def on_resize(self) -> None:
        """Fold it to this width."""
        width = max(20, self.size.width - 6)
        rows: list[PlanLine] = []
        for sentence in self._action.plan:
            first, *more = wrapped(sentence, width)
            rows.append(PlanLine(first, "plain", "·"))
            rows += [PlanLine(part) for part in more]
        if self._action.is_destructive:
            rows.append(PlanLine("this cannot be undone", "bad", "▲"))
        rows.append(PlanLine(""))
        if self._action.command:
            rows.append(PlanLine("the same with the nats CLI (c copies it):", "muted"))
            rows += [PlanLine(part, "accent") for part in wrapped(self._action.command, width)]
        self._rows = rows
        super().on_resize()
        self.repaint()

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def draw_row(self, number: int, y: int) -> Strip:  # noqa: ARG002 - a row is the same in any place
        """Draw a row."""
        line = self.line().space()
        if number < len(self._rows):
            row = self._rows[number]
            line.put(row.sign, row.ink if row.sign == "▲" else "muted", width=2)
            line.put(row.words, row.ink)
        return self.finish(line)


class ConfirmScreen(ModalScreen[bool]):
    """Asks before something is changed. ``True`` is yes."""

    CSS_PATH = [PAGE_CSS]
    BINDINGS = [
        Binding("y", "confirm", "yes"),
        Binding("c", "copy", "copy"),
        Binding("escape,n", "refuse", "no"),
        *bindings("leave"),
    ]

    typed = getters.query_one(TypedLine)

    def __init__(self, action: Action, context: str, *, is_production: bool) -> None:
        super().__init__()
        self._planned = action
        self._context_name = context
        self._is_production = is_production

    def compose(self) -> ComposeResult:
        """Show the plan in a box over what was there."""
        with Vertical(id="confirm") as box:
            where = f" in PRODUCTION ({self._context_name})" if self._is_production else ""
            box.border_title = _safe(f"{self._planned.title}{where}")
            target = self._planned.target
            box.border_subtitle = _safe(
                f"type {target} to do it   Esc does not"
                if self._is_production
                else "y does it   Esc does not   c copies the command"
            )
            yield PlanRows(self._planned)
            if self._is_production:
                yield TypedLine("confirm-input", placeholder=f"type {target} to do it")

    def on_mount(self) -> None:
        """Let the name be typed where a mistake is an incident."""
        if self._is_production:
            self.typed.focus()

    @on(Input.Submitted)
    def check(self, event: Input.Submitted) -> None:
        """Do it only where the name is the target's."""
        event.stop()
        if event.value == self._planned.target:
            self.dismiss(True)
        else:
            box = self.query_one("#confirm")
            box.border_subtitle = _safe(f"that is not {self._planned.target}   Esc leaves")

    def action_confirm(self) -> None:
        """Do it, where nothing has to be typed."""
        if not self._is_production:
            self.dismiss(True)

    def action_refuse(self) -> None:
        """Do nothing."""
        self.dismiss(False)

    def action_copy(self) -> None:
        """Copy the command instead."""
        command = self._planned.command
        words = "the command is copied" if command else "there is no command for this"
        if visible(command) != command:
            words = "not copied: a terminal would act on characters in its names"
        elif command:
            self.app.copy_to_clipboard(command)
        self.query_one("#confirm").border_subtitle = f"{words}   Esc leaves"


def when_confirmed(screen: Screen[Any], context: Context, action: Action, do: Deed) -> None:
    """Do it; where a mistake is an incident, only once the target's name has been typed."""
    if not context.is_production:
        do()
        return

    def answer(is_wanted: bool | None) -> None:
        if is_wanted:
            do()

    screen.app.push_screen(ConfirmScreen(action, context.name, is_production=True), answer)


def _safe(text: str) -> Text:
    """Return a text for a border as it is: a plain string would be read as markup."""
    return Text(visible(text, 200))
