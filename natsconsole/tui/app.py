"""The application: wiring only. What is on the screen is the screens' business."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.app import App
from textual.screen import ModalScreen

from natsconsole.gateway.interface import Contexts, Gateway
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.keymap import Place, bindings, with_keys
from natsconsole.tui.lab.runner import LabRunner
from natsconsole.tui.page.screen import Page, Surroundings
from natsconsole.tui.pages import page
from natsconsole.tui.palette import ConsoleCommands
from natsconsole.tui.receiver.starter import ReceiverStarter
from natsconsole.tui.settings import DEFAULTS, Settings, ThemeName
from natsconsole.tui.suspension import Suspension
from natsconsole.tui.theme import INKS_OF_DARK, THEMES


class ConsoleApp(App[None]):
    """natsconsole on a terminal."""

    CSS_PATH = "theme.tcss"
    TITLE = "natsconsole"
    BINDINGS = bindings("go", "app", "leave")
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
        starter: ReceiverStarter | None = None,
        contexts: Contexts | None = None,
    ) -> None:
        super().__init__()
        self.commands = with_keys(settings.keys)
        self.set_keymap({one.id: one.key for one in self.commands if one.id in settings.keys})
        self.add_mode(
            "home",
            lambda: HomeScreen(gateway, settings=settings, title=title, demo=demo, clock=clock),
        )
        self.lab = LabRunner(gateway, demo)
        self._around = Surroundings(
            gateway=gateway,
            title=title,
            demo=demo,
            clock=clock,
            interval=max(settings.interval, settings.pace.looks),
            tick=settings.pace.tick,
            starter=starter,
            lab=self.lab,
            contexts=contexts,
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

    async def restore(self) -> None:
        """Set as it was what a scene of the lab has changed on receivers that go on."""
        if self._around.demo is None:
            await self.lab.go_back()

    def action_go(self, place: Place) -> None:
        """Go to another screen beside Home, in place of the one that is there."""
        from natsconsole.tui.alerts.screen import AlertsScreen

        if isinstance(self.screen, AlertsScreen):
            self.pop_screen()
        while isinstance(self.screen, Page) and place != self.screen.PLACE:
            self.pop_screen()
        if not isinstance(self.screen, ModalScreen | Page):
            self.push_screen(page(place, self._around))
