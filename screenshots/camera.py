"""Take a picture: the console, a fake pipeline, a clock that stands still."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from natsconsole.gateway.replay import ReplayGateway
from natsconsole.tui.app import ConsoleApp
from natsconsole.tui.home.line_view import LineView
from screenshots.demo_data import NOW
from screenshots.picture import picture_of, until
from screenshots.scenes import Scene
from tests.support.fake_gateway import FakeContexts

STILL_LOOKS = 5
LOOK_SECONDS = 0.15
_DISTURBING = ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM", "COLORTERM", "TERM")


def path_of(scene: Scene) -> Path:
    """Return where the scene's picture is kept."""
    return Path(__file__).with_name(f"{scene.name}.svg")


def take(scene: Scene) -> str:
    """Return the scene as an SVG that needs nothing from elsewhere."""
    with _still_surroundings():
        return asyncio.run(_take(scene))


async def _take(scene: Scene) -> str:
    gateway = scene.gateway()
    settings = replace(scene.settings, interval=0.2)
    player = scene.replays() if scene.replays is not None else None
    app = ConsoleApp(
        gateway if player is None else ReplayGateway(player),
        settings=settings,
        title=scene.title,
        demo=None if player is not None else scene.demo(),
        clock=lambda: NOW if player is None else player.now,
        player=player,
        contexts=FakeContexts(scene.contexts),
    )
    async with app.run_test(size=scene.size) as pilot:
        await until(pilot, lambda: all(len(view.window) for view in app.screen.query(LineView)))
        await _stillness(pilot)
        await scene.act(pilot, gateway)
        return await _stillness(pilot)


async def _stillness(pilot: Pilot[None]) -> str:
    """Wait until the picture has not changed for longer than anything here takes to change it."""
    picture, still = picture_of(pilot.app), 0
    while still < STILL_LOOKS:
        await pilot.pause(LOOK_SECONDS)
        before, picture = picture, picture_of(pilot.app)
        still = still + 1 if picture == before else 0
    return picture


@contextmanager
def _still_surroundings() -> Iterator[None]:
    before = dict(os.environ)
    for name in _DISTURBING:
        os.environ.pop(name, None)
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        time.tzset()
