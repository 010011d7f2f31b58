"""The application: wiring only. What is on the screen is the screens' business."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import ModalScreen

from natsconsole.domain.host_pattern import HostPattern
from natsconsole.gateway.interface import Contexts, Gateway, GatewayError
from natsconsole.gateway.replay import Player
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.keymap import Place, bindings, with_keys
from natsconsole.tui.lab.runner import LabRunner
from natsconsole.tui.lasting_driver import LastingDriver
from natsconsole.tui.page.screen import Page, Surroundings
from natsconsole.tui.pages import page
from natsconsole.tui.palette import ConsoleCommands
from natsconsole.tui.receiver.starter import ReceiverStarter
from natsconsole.tui.settings import DEFAULTS, Settings, ThemeName
from natsconsole.tui.suspension import Suspension
from natsconsole.tui.theme import INKS_OF_DARK, THEMES
from natsconsole.tui.triage.feed import TriageFeed


class ConsoleApp(App[None]):
    """natsconsole on a terminal."""

    CSS_PATH = "theme.tcss"
    TITLE = "natsconsole"
    BINDINGS = bindings("go", "replay", "app", "leave")
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
        player: Player | None = None,
    ) -> None:
        super().__init__()
        self.commands = with_keys(settings.keys)
        self.set_keymap({one.id: one.key for one in self.commands if one.id in settings.keys})
        self._settings = settings
        self._title = title
        self._homes = 0
        self._starter, self._contexts, self._demo, self._clock = starter, contexts, demo, clock
        self._player = player
        self._root = gateway
        """The gateway whose connection is used; another may show another stream over it."""
        self._arrange(gateway)
        for theme in THEMES.values():
            self.register_theme(theme)
        chosen: ThemeName = "monochrome" if self.no_color else settings.theme
        self.theme = THEMES[chosen].name
        self.set_class(chosen == "monochrome", "-monochrome")

    def _arrange(self, gateway: Gateway) -> str:
        """Make Home, and what all screens are given, for a gateway; return the mode's name."""
        settings, title, demo, clock = self._settings, self._title, self._demo, self._clock
        feed = TriageFeed(gateway, clock)
        self.lab = LabRunner(gateway, demo)
        self._around = Surroundings(
            gateway=gateway,
            title=title,
            demo=demo,
            clock=clock,
            interval=max(settings.interval, settings.pace.looks),
            tick=settings.pace.tick,
            starter=self._starter,
            lab=self.lab,
            contexts=self._contexts,
            triage=feed,
            player=self._player,
        )
        self._homes += 1
        mode = "home" if self._homes == 1 else f"home-{self._homes}"
        self.add_mode(
            mode,
            lambda: HomeScreen(
                gateway,
                settings=settings,
                title=title,
                demo=demo,
                clock=clock,
                triage=feed,
                player=self._player,
            ),
        )
        return mode

    def get_driver_class(self) -> type[Driver]:
        """Return Textual's choice; on a terminal of Unix ours, which outlives it."""
        chosen = super().get_driver_class()
        return LastingDriver if chosen is LinuxDriver else chosen

    def on_mount(self) -> None:
        """Resume only what was suspended; where no log stream is, begin with all streams."""
        Suspension().guard()
        self._begin()

    def _begin(self) -> None:
        if not self._around.gateway.has_stream:
            self.action_go("streams")

    def open_gateway(self, gateway: Gateway) -> None:
        """Show another connection in place of the one that is there."""
        self.run_worker(self._leave_scene_for(gateway, keeps_connection=False), group="gateway")

    async def _leave_scene_for(self, gateway: Gateway, *, keeps_connection: bool) -> None:
        if await self._ends_scene():
            self.call_later(self._change_gateway, gateway, keeps_connection=keeps_connection)
            return
        gateway.close()
        if not keeps_connection and self._contexts is not None:
            await self._contexts.leave(gateway)

    async def _change_gateway(self, gateway: Gateway, *, keeps_connection: bool) -> None:
        before, shown = self.current_mode, self._around.gateway
        root, self._root = self._root, self._root if keeps_connection else gateway
        self._around.triage.close()
        mode = self._arrange(gateway)
        await self.switch_mode(mode)
        await self.remove_mode(before)
        shown.close()
        if not keeps_connection and self._contexts is not None:
            await self._contexts.leave(root)
        self._begin()

    def show_stream(self, stream: str, pattern: HostPattern, consumer: str = "") -> None:
        """Show the hosts of a stream on Home, with the marks of one consumer where one is named."""
        try:
            shown = self._around.gateway.showing(stream, pattern, consumer)
        except GatewayError as error:
            self._say(str(error))
        else:
            self.run_worker(self._show_stream(shown), group="gateway")

    async def _show_stream(self, gateway: Gateway) -> None:
        try:
            await gateway.look()
        except GatewayError as error:
            gateway.close()
            self._say(str(error))
            return
        await self._leave_scene_for(gateway, keeps_connection=True)

    async def _ends_scene(self) -> bool:
        """Go the way back of a scene while it is known; return whether nothing is left of it."""
        if not self.lab.state.may_go_back or self._around.gateway.link.state != "live":
            return True
        self._say("first everything is set as it was before the scene of the lab …")
        self.workers.cancel_group(self, "lab")
        await self.lab.go_back()
        if self.lab.state.may_go_back:
            self._say(f"ack lab: {self.lab.state.problem or 'the scene goes on'}")
            return False
        return True

    def _say(self, refusal: str) -> None:
        if isinstance(self.screen, Page):
            self.screen.say(refusal, is_refusal=True)

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

    # A recording

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the keys of a replay work only where there is one."""
        if action.startswith("replay_") and self._player is None:
            return False
        return super().check_action(action, parameters)

    def action_replay_play(self) -> None:
        """Let time go on, or stop it."""
        if self._player is not None:
            self._player.toggle()
            self._moved()

    def action_replay_step(self, frames: int) -> None:
        """Go so many moments on or back."""
        if self._player is not None:
            self._player.step(frames)
            self._moved()

    def action_replay_skip(self, seconds: float) -> None:
        """Go so many seconds on or back."""
        if self._player is not None:
            self._player.go_to(self._player.now + seconds)
            self._moved()

    def action_replay_jump(self) -> None:
        """Ask for a time, and go there."""
        player = self._player
        if player is None or isinstance(self.screen, ModalScreen):
            return
        from natsconsole.tui.replay.jump import JumpScreen

        def go(moment: float | None) -> None:
            if moment is not None:
                player.go_to(moment)
                self._moved()

        self.push_screen(JumpScreen(player.recording.times[-1]), go)

    def _moved(self) -> None:
        """Show the other moment at once."""
        self._around.triage.forget()
        for screen in self.screen_stack:
            if isinstance(screen, HomeScreen | Page):
                screen.look()
