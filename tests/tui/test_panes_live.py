"""Panes on a real stream: what they show comes by direct get, however far back it is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from textual.pilot import Pilot

from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.tui.app import ConsoleApp
from natsconsole.tui.home.line_view import LineView
from natsconsole.tui.home.screen import HomeScreen
from natsconsole.tui.settings import Settings
from screenshots.picture import until
from shipper.connection import Connection
from tests.support.pipeline import Source, make_stream

MESSAGES, EACH = 300, 10


@pytest.fixture
async def pilot(connection: Connection) -> AsyncIterator[Pilot[None]]:
    """A console on a stream in which web1 has 3,000 lines between another host's."""
    await make_stream(connection)
    source, other = Source(connection, "web1"), Source(connection, "db1")
    for number in range(MESSAGES):
        lines = [f"line {number * EACH + place}\n" for place in range(EACH)]
        await source.publish("".join(lines).encode())
        await other.publish(b"ERROR of another host\n")
    gateway = LiveGateway(connection, "LOGS")
    await gateway.look()
    app = ConsoleApp(gateway, settings=Settings(interval=0.2))
    async with app.run_test(size=(140, 40)) as running:
        newest = [f"line {MESSAGES * EACH - 1}"]
        await until(running, lambda: texts(view_of(running))[-1:] == newest)
        view = view_of(running)
        view.focus()
        yield running


def home_of(pilot: Pilot[None]) -> HomeScreen:
    screen = pilot.app.screen
    assert isinstance(screen, HomeScreen)
    return screen


def view_of(pilot: Pilot[None]) -> LineView:
    panes = home_of(pilot).panes
    return next((pane.view for pane in panes if pane.host == "web1"), panes[0].view)


def texts(view: LineView) -> list[str]:
    return [line.text for line in view.window.lines]


async def test_scrolling_reaches_every_line_of_the_stream(pilot: Pilot[None]) -> None:
    view = view_of(pilot)
    while not view.window.at_start:
        for _ in range(5):
            view.action_rows_page_up()
        await pilot.pause(0.01)

    assert texts(view) == [f"line {number}" for number in range(MESSAGES * EACH)]


async def test_search_and_jump_go_anywhere(pilot: Pilot[None], connection: Connection) -> None:
    view = view_of(pilot)
    await pilot.press("slash", *"line 77", "enter")
    await until(pilot, lambda: view.cursor is not None)
    assert view.cursor is not None
    assert texts(view)[view.cursor] == "line 779"

    await pilot.press("J", *"#100", "enter")
    await until(pilot, lambda: view.window.lines[view.cursor or 0].sequence == 101)
    moment = time.time()
    await Source(connection, "web1", name="late.log").publish(b"late\n")
    await pilot.press("J", *f"-{time.time() - moment + 5:.0f}s", "enter")
    await until(pilot, lambda: view.window.lines[view.cursor or 0].time >= moment - 6)
    await pilot.press("G")
    await until(pilot, lambda: texts(view)[-1] == "late")
    assert view.follows


async def test_a_pane_looks_without_a_trace(pilot: Pilot[None], connection: Connection) -> None:
    jetstream = await make_stream(connection)
    await pilot.press("g", "slash", *"line 2999", "enter", "n")
    await pilot.pause(0.2)

    assert await jetstream.consumers("LOGS") == []
