import asyncio

from natsconsole.tui.triage.feed import TriageFeed
from screenshots.triage_data import shop
from tests.support.fake_gateway import FakeGateway


async def test_whoever_asks_gets_the_look_that_is_under_way_or_fresh() -> None:
    gateway, now = FakeGateway(), [1_000.0]
    triage = gateway.looks_at_all
    triage.snapshot = shop()
    feed = TriageFeed(gateway, lambda: now[0])
    found = await asyncio.gather(feed.look(), feed.look(), feed.look())
    assert triage.looks == 1
    assert {id(one) for one in found} == {id(triage.snapshot)}
    now[0] += 1.9
    await feed.look()
    assert triage.looks == 1
    now[0] += 0.2
    await feed.look()
    assert triage.looks == 2
    await feed.look_again()
    assert triage.looks == 3
