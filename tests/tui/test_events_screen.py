from dataclasses import replace

from natsconsole.domain.advisories import Advisory, EventsSeen, Kind
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.events.screen import EventsScreen
from screenshots.demo_data import LINK
from screenshots.pages_data import FIRST
from screenshots.picture import until
from screenshots.scenes import flowing, in_flight
from tests.support.fake_gateway import FakeGateway
from tests.tui.consoles import Console, console


def screen(it: Console) -> EventsScreen:
    assert isinstance(it.app.screen, EventsScreen)
    return it.app.screen


async def open_events(it: Console) -> None:
    await it.press("e")
    await it.shows("EVENTS  447 events, 429 of them let go")


async def test_events_are_joined_to_consumer_host_and_message() -> None:
    async with console(in_flight(), size=(200, 40)) as it:
        await open_events(it)
        await it.shows("terminated after 4 deliveries: not a log")
        row = next(line for line in it.text.splitlines() if "not a log" in line)
        for words in ("archive-p1-explicit-1", "18,213", "db-06"):
            assert words in row
        assert "listening since" in it.text
        assert "LOGS_EVENTS" in it.text


async def test_enter_opens_the_message() -> None:
    async with console(in_flight()) as it:
        await open_events(it)
        await it.press("down", "enter")
        await it.shows("MESSAGE  18,205")
        await it.press("escape")
        await it.shows("EVENTS")
        await it.press("G", "enter")
        await it.shows("✗ this event is about no message")


async def test_kinds_go_round_and_escape_shows_all() -> None:
    async with console(in_flight()) as it:
        await open_events(it)
        await it.press("f")
        await it.shows("1 of 447 events")
        assert {one.kind for one in screen(it).rows.rows} == {"max deliver"}
        await it.press("f", "f")
        assert {one.kind for one in screen(it).rows.rows} == {"nak"}
        await it.press("F")
        assert {one.kind for one in screen(it).rows.rows} == {"terminated"}
        await it.press("escape")
        await it.shows("EVENTS  447")
        assert screen(it).kind is None


async def test_the_filter_looks_everywhere() -> None:
    async with console(in_flight()) as it:
        await open_events(it)
        await it.shows("db-06")
        for text in ("not a log", "db-06", "18213"):
            await it.press("slash")
            screen(it).input.value = text
            rows = screen(it).rows
            await until(it.pilot, lambda: {one.sequence for one in rows.rows} == {FIRST + 9})  # noqa: B023
            await it.press("escape")
            await it.shows("EVENTS  447")


async def test_a_new_event_comes_in_on_top_and_a_chosen_one_stays_chosen() -> None:
    async with console(in_flight()) as it:
        await open_events(it)

        def add(name: str, kind: Kind = "leader") -> None:
            seen = it.gateway.seen
            new = Advisory(id=name, kind=kind, time="2027-01-01T00:00:00Z", sentence=name)
            it.gateway.seen = replace(seen, events=(new, *seen.events), revision=seen.revision + 1)

        add("first news")
        await it.shows("first news")
        assert screen(it).rows.cursor == 0
        await it.press("down", "down")
        chosen = screen(it).rows.chosen
        add("second news")
        await it.shows("second news")
        assert screen(it).rows.chosen == chosen
        for pins in range(3):
            add(f"pin {pins}", kind="pinned")
        await it.shows("×3 since 00:00:00: pin 2")
        assert "pin 1" not in it.text


async def test_where_nothing_was_told_it_says_so() -> None:
    async with console(flowing()) as it:
        await it.press("e")
        await it.shows("nothing was told yet")


async def test_why_it_cannot_listen() -> None:
    class Deaf(FakeGateway):
        async def listen(self) -> None:
            raise GatewayError("permissions violation")

    async with console(Deaf(flowing().home, link=LINK)) as it:
        await it.press("e")
        await it.shows("△ cannot listen: permissions violation")


async def test_an_event_without_an_id_or_a_time() -> None:
    gateway = flowing()
    gateway.seen = EventsSeen(
        events=(Advisory(id="", kind="other", time="", sentence="strange"),),
        counts=(("other", 1),),
        revision=3,
    )
    async with console(gateway, size=(80, 24)) as it:
        await it.press("e")
        await it.shows("strange")
