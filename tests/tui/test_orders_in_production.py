"""Orders to shippers, and a new receiver, where a mistake is an incident."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natsconsole.domain.contexts import Context, ContextSettings
from natsconsole.tui.receiver.screen import ReceiversScreen
from screenshots.picture import until
from screenshots.scenes import flowing
from tests.support.fake_gateway import FakeGateway
from tests.tui.consoles import console


def in_production() -> FakeGateway:
    gateway = flowing()
    gateway.context = Context(name="prod", settings=ContextSettings(production=True))
    return gateway


@pytest.mark.parametrize(
    ("order", "name", "words", "asked"),
    [
        ("pause all", "all", "all shippers will publish nothing", ("pause", "all", "")),
        ("pause web-01 why", "web-01", "the shipper of web-01 will", ("pause", "web-01", "why")),
        ("resume all", "all", "all shippers will publish again", ("resume", "all", "")),
    ],
)
async def test_the_red_button_asks_for_whom_it_concerns(
    order: str, name: str, words: str, asked: tuple[str, str, str]
) -> None:
    gateway = in_production()
    async with console(gateway) as it:
        await it.press("B", *order, "enter")
        await it.shows("in PRODUCTION (prod)")
        await it.shows(words)
        await it.press("y", "enter")
        await it.shows(f"that is not {name}")
        await it.press("escape")
        assert gateway.asked == []
        await it.press("B", *order, "enter")
        await it.shows("in PRODUCTION (prod)")
        await it.press(*name, "enter")
        await until(it.pilot, lambda: gateway.asked == [("button", *asked)])


async def test_a_receiver_is_started_only_once_its_name_was_typed_again() -> None:
    started: list[str] = []

    class Starter:
        async def start_receiver(
            self,
            stream: str,
            directory: str,
            name: str,
            *,
            stays: bool,
        ) -> str:
            started.append(name)
            return f"{name} runs"

    async with console(in_production()) as it:
        await it.press("R")
        await it.shows("ack policy")
        page = it.app.screen
        assert isinstance(page, ReceiversScreen)
        page.around = replace(page.around, starter=Starter())
        await it.press("plus", *"/srv/logs", "enter")
        await it.shows("its name")
        await it.press("enter")
        await it.shows("when this console ends")
        await it.press("enter")
        await it.shows("receiver-2: start in PRODUCTION (prod)")
        await it.press("y", "enter")
        await it.shows("that is not receiver-2")
        assert started == []
        await it.press("backspace", *"receiver-2", "enter")
        await it.shows("✓ receiver-2 runs")
        assert started == ["receiver-2"]
