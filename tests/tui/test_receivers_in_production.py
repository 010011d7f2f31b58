"""Changes of receivers where a mistake is an incident: a name has to be typed first."""

from __future__ import annotations

import pytest

from natsconsole.domain.contexts import Context, ContextSettings
from natsconsole.domain.messages import InFlightMessage
from natsconsole.domain.receivers import UnackedMessage
from screenshots.demo_data import receiver
from screenshots.picture import until
from screenshots.scenes import flowing
from tests.support.fake_gateway import FakeGateway, with_receivers
from tests.tui.consoles import console


def in_production() -> FakeGateway:
    gateway = flowing()
    gateway.home = with_receivers(gateway.home, receiver(lab=True))
    gateway.context = Context(name="prod", settings=ContextSettings(production=True))
    message = UnackedMessage(
        sequence=7, host="web-02", partition=0, deliveries=2, age=1, remaining=4, written=True
    )
    gateway.flying = [InFlightMessage(receiver="receiver-1", message=message, is_lab=True)]
    return gateway


@pytest.mark.parametrize(
    ("keys", "title", "asked"),
    [
        (["a"], "receiver-1: policy explicit → all in PRODUCTION (prod)", "policy"),
        (["p"], "receiver-1: pause running → paused", "pause"),
        (["R", "right", "enter"], "receiver-1: ack policy explicit → all", "policy"),
        (["R", "p"], "receiver-1: pause in PRODUCTION", "pause"),
        (["R", "D"], "receiver-1: drain", "drain"),
        (["u", "a"], "receiver-1: ack for message 7", "message"),
    ],
)
async def test_nothing_is_asked_of_a_receiver_before_its_name_is_typed(
    keys: list[str], title: str, asked: str
) -> None:
    gateway = in_production()
    async with console(gateway) as it:
        for key in keys:
            await it.press(key)
            if key == "R":
                await it.shows("ack policy")
            if key == "u":
                await it.shows("web-02")
        await it.shows(title)
        await it.press("y", "enter")
        await it.shows("that is not receiver-1")
        await it.press("escape")
        assert gateway.asked == []
        await it.press(keys[-1])
        await it.shows(title)
        await it.press(*"receiver-1", "enter")
        await until(it.pilot, lambda: [one[0] for one in gateway.asked] == [asked])


async def test_elsewhere_a_key_is_enough() -> None:
    gateway = in_production()
    gateway.context = Context(name="staging")
    async with console(gateway) as it:
        await it.press("p")
        await until(it.pilot, lambda: gateway.asked == [("pause",)])
