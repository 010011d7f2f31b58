"""The application: wiring only. What is on the screen is the screens' business."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.app import App
from textual.screen import ModalScreen

from natsconsole.gateway.interface import Gateway
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.keymap import bindings
from natsconsole.tui.lab.runner import LabRunner
from natsconsole.tui.page.keys import Place
from natsconsole.tui.page.screen import Page, Surroundings
from natsconsole.tui.pages import page
from natsconsole.tui.palette import ConsoleCommands
from natsconsole.tui.receiver.starter import ReceiverStarter
from natsconsole.tui.theme import INK_VARIABLES, NATSCONSOLE


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
        interval: float = 1.0,
        title: str = "",
        demo: DemoControls | None = None,
        clock: Callable[[], float] = time.time,
        starter: ReceiverStarter | None = None,
    ) -> None:
        super().__init__()
        self.add_mode(
            "home",
            lambda: HomeScreen(gateway, interval=interval, title=title, demo=demo, clock=clock),
        )
        self.lab = LabRunner(gateway, demo)
        self._around = Surroundings(
            gateway=gateway,
            title=title,
            demo=demo,
            clock=clock,
            interval=interval,
            starter=starter,
            lab=self.lab,
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

    async def restore(self) -> None:
        """Set as it was what a scene of the lab has changed on receivers that go on."""
        if self._around.demo is None:
            await self.lab.go_back()

    def action_go(self, place: Place) -> None:
        """Go to another screen beside Home, in place of the one that is there."""
        while isinstance(self.screen, Page) and place != self.screen.PLACE:
            self.pop_screen()
        if not isinstance(self.screen, ModalScreen | Page):
            self.push_screen(page(place, self._around))
