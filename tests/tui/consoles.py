"""A console on a fake pipeline, for the tests of the screen."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from textual import events
from textual.app import App
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot

from natsconsole.tui.app import ConsoleApp
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.settings import DEFAULTS, Settings
from screenshots.demo_data import NOW
from screenshots.picture import until
from tests.support.fake_gateway import FakeContexts, FakeDemo, FakeGateway


def screen_text(app: App[None]) -> str:
    """Return what is on the screen; a picture says the same at 50 times the cost."""
    strips = app.screen._compositor.render_strips()  # Textual has no public way to its lines
    return "\n".join(strip.text.rstrip() for strip in strips)


class Clock:
    """Time as the test sets it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Console:
    """A running console with everything a test pulls at."""

    app: ConsoleApp
    gateway: FakeGateway
    pilot: Pilot[None]
    clock: Clock

    @property
    def home(self) -> HomeScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, HomeScreen)
        return screen

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def hosts(self) -> list[str]:
        return [row.host for row in self.home.panel.rows.rows]

    async def press(self, *keys: str) -> None:
        """Press keys; the pilot would wait after each until the whole process idles."""
        for key in keys:
            name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
            self.app.post_message(events.Key(name, _character_of(name)))
            await self.is_handled()

    async def is_handled(self) -> None:
        """Wait until no message is on its way, for three rounds: one may call forth another."""
        quiet = 0
        while quiet < 3:
            await self.pilot.pause(0)
            pumps = [self.app, *self.app.screen.walk_children(with_self=True)]
            quiet = 0 if any(pump.message_queue_size for pump in pumps) else quiet + 1

    async def shows(self, words: str) -> None:
        """Wait until these words are on the screen."""
        try:
            await until(self.pilot, lambda: words in self.text)
        except TimeoutError:
            raise AssertionError(f"{words!r} is not on the screen:\n{self.text}") from None

    async def is_drawn(self) -> None:
        """Wait until hosts and lines are there."""
        await until(self.pilot, lambda: bool(self.hosts))
        if self.gateway.lines_of:
            await until(
                self.pilot,
                lambda: all(len(pane.view.window) for pane in self.home.panes if pane.host),
            )
        await self.pilot.pause()


def _character_of(key: str) -> str | None:
    if len(key) == 1:
        return key
    try:
        return unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(key, key)))
    except KeyError:
        return None


@asynccontextmanager
async def console(
    gateway: FakeGateway,
    *,
    size: tuple[int, int] = (140, 40),
    demo: FakeDemo | None = None,
    waits: bool = True,
    settings: Settings = DEFAULTS,
    contexts: FakeContexts | None = None,
    interval: float = 0.2,
) -> AsyncIterator[Console]:
    """Run a console on this gateway."""
    clock = Clock()
    settings = replace(settings, interval=interval)
    app = ConsoleApp(
        gateway, settings=settings, title="demo", demo=demo, clock=clock, contexts=contexts
    )
    async with app.run_test(size=size) as pilot:
        opened = Console(app=app, gateway=gateway, pilot=pilot, clock=clock)
        if waits:
            await opened.is_drawn()
        yield opened
