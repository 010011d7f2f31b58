"""The application: wiring only. What is on the screen is the screens' business."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.app import App

from natsconsole.gateway.interface import Gateway
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.keymap import bindings
from natsconsole.tui.palette import ConsoleCommands
from natsconsole.tui.theme import INK_VARIABLES, NATSCONSOLE


class ConsoleApp(App[None]):
    """natsconsole on a terminal."""

    CSS_PATH = "theme.tcss"
    TITLE = "natsconsole"
    BINDINGS = bindings("app", "leave")
    COMMANDS = {ConsoleCommands}
    DEFAULT_MODE = "home"

    def __init__(
        self,
        gateway: Gateway,
        *,
        interval: float = 1.0,
        title: str = "",
        demo: DemoControls | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.add_mode(
            "home",
            lambda: HomeScreen(gateway, interval=interval, title=title, demo=demo, clock=clock),
        )
        self.register_theme(NATSCONSOLE)
        self.theme = NATSCONSOLE.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Let Textual's own themes draw with our inks too."""
        return INK_VARIABLES

    def action_help(self) -> None:
        """Explain signs and keys."""
        from natsconsole.tui.help.screen import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())
