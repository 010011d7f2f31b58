"""A console that shows a recording."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from natsconsole.gateway.replay import Player, ReplayGateway
from natsconsole.tui.app import ConsoleApp
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
