"""The line to type into: what is offered in it is as safe for a terminal as what is typed."""

from __future__ import annotations

from textual.widgets import Input

from natsconsole.domain.terminal_text import PRINTABLE, is_printable, visible


class TypedLine(Input):
    """One line. What a terminal would act upon is refused when typed, and never offered."""

    def __init__(self, name: str, *, placeholder: str = "") -> None:
        super().__init__(
            placeholder=visible(placeholder),
            id=name,
            compact=True,
            restrict=PRINTABLE,
            select_on_focus=False,
        )
        self.cursor_blink = False  # a blinking cursor sends bytes for ever

    def validate_value(self, value: str) -> str:
        """Offer nothing rather than another text than the one that is meant."""
        return value if is_printable(value) else ""
