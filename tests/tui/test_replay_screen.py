"""A console that shows a recording."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from natsconsole.gateway.replay import Player, Recording, ReplayGateway
from natsconsole.tui.app import ConsoleApp
from screenshots.demo_data import NOW
from screenshots.picture import until
from screenshots.scenes import recorded
from tests.support.fake_gateway import FakeGateway
from tests.tui.consoles import Clock, Console


@asynccontextmanager
async def replaying(player: Player) -> AsyncIterator[Console]:
    clock = Clock()
    app = ConsoleApp(ReplayGateway(player), clock=clock, player=player)
    async with app.run_test(size=(140, 40)) as pilot:
        yield Console(app=app, gateway=FakeGateway(), pilot=pilot, clock=clock)


async def test_the_hosts_of_another_stream_are_not_recorded() -> None:
    async with replaying(recorded()) as it:
        await it.press("C")
        await it.shows("CONSUMERS")
        await it.press("h", "enter")
        await it.shows("a recording shows the hosts of the stream that was shown, no others")


async def test_a_damaged_moment_is_named_and_the_others_are_shown() -> None:
    player = recorded()
    place = player.place + 1
    frame = player.recording.frames[place]
    data = bytearray(player.recording._data)
    data[frame.start : frame.start + frame.length] = b"\xff" * frame.length
    player = Player(Recording(bytes(data)), clock=lambda: NOW)
    player.step(place - 1)
    async with replaying(player) as it:
        await it.press("C")
        await it.shows("billing")
        await it.press("]")
        await it.shows("is damaged")
        await it.press("escape")
        await it.shows("is damaged")
        assert "shop-prod" in it.text
        await it.press("[")
        await until(it.pilot, lambda: "is damaged" not in it.text)
        assert it.app.is_running
