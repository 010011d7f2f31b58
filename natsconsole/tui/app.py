"""The application: wiring only. What is on the screen is the screens' business."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.app import App

from natsconsole.gateway.interface import Gateway
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.keymap import bindings, with_keys
from natsconsole.tui.palette import ConsoleCommands
from natsconsole.tui.settings import DEFAULTS, Settings, ThemeName
from natsconsole.tui.suspension import Suspension
from natsconsole.tui.theme import INKS_OF_DARK, THEMES


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
        settings: Settings = DEFAULTS,
        title: str = "",
        demo: DemoControls | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.commands = with_keys(settings.keys)
        self.set_keymap({one.id: one.key for one in self.commands if one.id in settings.keys})
        self.add_mode(
            "home",
            lambda: HomeScreen(gateway, settings=settings, title=title, demo=demo, clock=clock),
        )
        for theme in THEMES.values():
            self.register_theme(theme)
        chosen: ThemeName = "monochrome" if self.no_color else settings.theme
        self.theme = THEMES[chosen].name
        self.set_class(chosen == "monochrome", "-monochrome")

    def on_mount(self) -> None:
        """Resume only what was suspended."""
        Suspension().guard()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Let Textual's own themes draw with our inks too."""
        return INKS_OF_DARK

    def action_help(self) -> None:
        """Explain signs and keys."""
        from natsconsole.tui.help.screen import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())
