"""The terminal's own title: which pipeline this window shows, and whether it needs a person."""

from __future__ import annotations

from typing import Any

from textual.app import App

from natsconsole.domain.terminal_text import visible

KEEP, RESTORE = "\x1b[22;2t", "\x1b[23;2t"
"""Terminals that can, put the title aside meanwhile; the others ignore it."""
LONGEST = 80


def title_of(where: str, alerts: int) -> str:
    """Return the title. What stands first is seen in a narrow tab."""
    mark = f"▲{alerts} " if alerts else ""
    return visible(f"{mark}natsconsole {where}".strip(), LONGEST)


class WindowTitle:
    """Sets the title when it changes, and gives the old one back."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._shown = ""

    def show(self, title: str) -> None:
        """Set the title."""
        if title != self._shown:
            self._send(("" if self._shown else KEEP) + f"\x1b]2;{title}\x07")
            self._shown = title

    def restore(self) -> None:
        """Give the terminal its title back."""
        if self._shown:
            self._shown = ""
            self._send(RESTORE)

    def _send(self, sequence: str) -> None:
        driver = self._app._driver  # noqa: SLF001 - Textual has no public way to the terminal
        if driver is not None:
            driver.write(sequence)
            driver.flush()
