from dataclasses import replace

from natsconsole.domain.actions import (
    DeleteConsumer,
    DeleteMessage,
    EditConsumer,
    PauseConsumer,
    PurgeStream,
    Republish,
    ResetConsumer,
    ResumeConsumer,
    UnpinConsumer,
)
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.triage.lists import ConsumersScreen, StreamsScreen
from screenshots.demo_data import NOW
from screenshots.picture import until
from screenshots.scenes import in_production, not_permitted, shopping
from screenshots.triage_data import CONTEXTS, POISON, shop
from tests.support.fake_gateway import FakeContexts, FakeGateway
from tests.tui.consoles import Console, console


async def open_consumer(it: Console, name: str) -> None:
    await it.press("C")
    await it.shows("CONSUMERS  8")
    screen = it.app.screen
    assert isinstance(screen, ConsumersScreen)
    found = [row.consumer.name for row in screen.table.rows]
    screen.table.cursor = found.index(name)
    await it.press("enter")
    await it.shows(f"> {name}")


async def type_anew(it: Console, text: str) -> None:
    screen = it.app.screen
    screen.input.value = text  # type: ignore[attr-defined]
    await it.press("enter")


async def test_the_lists_sort_narrow_and_say_why() -> None:
    async with console(shopping()) as it:
        await it.press("C")
        await it.shows("CONSUMERS  8  5 need attention")
        await it.shows("▲ archive: unread messages are removed in 2 h")
        await it.press("down", "down", "down")
        await it.shows("▲ billing: 1,000 unacked is max ack pending")
        await it.shows("command  nats consumer info ORDERS billing")
        await it.press("c")
        await it.shows("copied: nats consumer info ORDERS billing")
        assert it.app.clipboard == "nats consumer info ORDERS billing"
        screen = it.app.screen
        assert isinstance(screen, ConsumersScreen)
        assert screen.table.chosen is not None
        assert ("ORDERS", "billing") in it.gateway.looks_at_all.preferred
        await it.press("t")
        await it.shows("5 shown of 8  5 need attention")
        await it.press("escape", "s", "s", "s")
        await it.shows("by lag")
        assert screen.table.rows[0].consumer.name == "fraud"
        await it.press("S")
        await it.shows("by lag reversed")
        assert screen.table.chosen.consumer.name == "billing"
        await it.press("slash", *"audit")
        await it.shows("1 shown of 8")
        await it.press("escape", "M")
        await it.shows("STREAMS  4  2 need attention")
        await it.shows("billing: 1,000 unacked is max ack")
        await it.press("escape")
        await it.shows("HOSTS")
        await it.press("exclamation_mark")
        await it.pilot.pause()
        assert "billing" not in it.text  # it is no consumer of the stream that Home shows


async def test_one_opened_tells_all_and_leads_to_its_message() -> None:
    async with console(shopping(), size=(120, 44), interval=1.0) as it:
        await open_consumer(it, "mail")
        for words in (
            "evidence        sequence 88,214, deliveries 9,203, floor 5 h",
            "remedy          look at it; then mend the worker, or delete the message",
            "stuck on        #88,214 on invoices.de.4711",
            "1 in that state now; 312 redeliveries counted in 22 m",
            "ack floor       #88,213, 1,007 sequences behind the last delivery #89,220",
        ):
            await it.shows(words)
        await it.press("c")
        await it.shows("copied: nats stream get INVOICES 88214")
        await it.press("o")
        await it.shows("MESSAGE  88,214  of INVOICES")
        await it.shows("mail: delivered, not acknowledged, refused (nak) at delivery 9203")
        await it.press("x")
        await it.shows('"sku": "LAMP-7"')
        await it.press("x")
        await it.shows("7b 22 6f 72")
        await it.press("right")
        await it.shows("MESSAGE  88,280")
        await it.press("left", "left")
        await it.shows("MESSAGE  88,174")
        await it.press("left")
        await it.shows("there is none of that subject in this direction")
        await it.press("c")
        assert it.app.clipboard == "nats stream get INVOICES 88174"
        await it.press("r")
        await it.shows("publish a copy on which subject?")
        await it.press("enter")
        await it.shows("Nats-Msg-Id and expectations stay behind")
        await it.press("y")
        await it.shows("done: republish message 88174 of INVOICES")
        await it.press("D")
        await it.shows("this cannot be undone")
        await it.press("y")
        await it.shows("done: delete message 88174 of INVOICES")
        again, deleted = it.gateway.actions
        assert isinstance(again, Republish)
        assert again.headers == (("Traceparent", "00-4bf92f35-00f067aa-01"),)
        assert isinstance(deleted, DeleteMessage)
        assert deleted.sequence == POISON - 40


async def test_changes_show_their_plan_first() -> None:
    async with console(shopping(), size=(120, 44), interval=1.0) as it:
        await open_consumer(it, "shipping")
        await it.press("p")
        await it.shows("pause it for how long?")
        await type_anew(it, "2h")
        await it.shows("nats consumer pause ORDERS shipping '2026-09-21 19")
        await it.press("escape")
        assert it.gateway.actions == []
        await it.press("p")
        await type_anew(it, "15m")
        await it.shows("nothing is delivered until")
        await it.press("y")
        await it.shows("done: pause ORDERS > shipping")
        await it.press("r")
        await type_anew(it, "#2,208,000")
        await it.shows("up to 511 messages acknowledged before are delivered once more")
        await it.press("y")
        await it.shows("done: reset ORDERS > shipping")
        await it.press("r")
        await type_anew(it, "soon")
        await it.shows("'soon' is no time and no sequence")
        await it.press("x")
        await it.shows("client NhT4aF2 of group ship is no longer served alone")
        await it.press("y")
        await it.shows("done: unpin ORDERS > shipping")
        await it.press("i")
        await type_anew(it, "max_ack_pending=2000")
        await it.shows("max_ack_pending: 1000 → 2000")
        await it.shows("nats consumer edit ORDERS shipping --max-pending=2000")
        await it.press("y")
        await it.shows("done: edit ORDERS > shipping")
        await it.press("D")
        await it.shows("nats consumer rm ORDERS shipping")
        await it.press("y")
        await it.shows("done: delete ORDERS > shipping")
        paused, reset, unpinned, edited, deleted = it.gateway.actions
        assert isinstance(paused, PauseConsumer)
        assert paused.until == NOW + 900
        assert isinstance(reset, ResetConsumer)
        assert reset.sequence == 2_208_000
        assert isinstance(unpinned, UnpinConsumer)
        assert isinstance(edited, EditConsumer)
        assert edited.changes == {"max_ack_pending": 2_000}
        assert isinstance(deleted, DeleteConsumer)
        await it.press("escape")
        await open_consumer(it, "search-index")
        await it.press("p", "y")
        await it.shows("done: resume ORDERS > search-index")
        assert isinstance(it.gateway.actions[-1], ResumeConsumer)


async def test_production_wants_the_name_typed_and_read_only_refuses_all() -> None:
    gateway = in_production()
    async with console(gateway, size=(120, 44), interval=1.0) as it:
        await it.press("M")
        await it.shows("STREAMS  4")
        await it.press("enter")
        await it.shows("STREAM  ORDERS")
        await it.press("P")
        await type_anew(it, "keep 100")
        await it.shows("purge ORDERS in PRODUCTION (shop-prod)")
        await it.press("y", "enter")
        await it.shows("that is not ORDERS")
        assert gateway.actions == []
        await it.press("backspace", *"ORDERS", "enter")
        await it.shows("done: purge ORDERS")
        (action,) = gateway.actions
        assert isinstance(action, PurgeStream)
        assert action.keep == 100
        await it.press("P")
        await type_anew(it, "lots")
        await it.shows("✗ write: all, below 1200")
        gateway.read_only = True
        await it.press("P")
        await it.shows("read-only")
        assert gateway.actions == [action]


async def test_what_is_not_permitted_is_said_and_never_zero() -> None:
    async with console(not_permitted()) as it:
        await it.press("M")
        await it.shows("1 of an unknown number: listing is not permitted")
        await it.shows("not permitted: to list streams")
        await it.shows("1?")
        await it.press("enter")
        await it.shows("not permitted, or not read yet")
        await it.press("escape", "C")
        await it.shows("not permitted: to list the consumers of AUDIT")
        assert "there are no consumers" not in it.text
        await it.press("K")
        await it.shows("its limits are not permitted to be known")


async def test_a_list_that_is_cut_says_of_how_many() -> None:
    gateway = shopping()
    gateway.looks_at_all.snapshot = replace(shop(), streams_total=700)
    async with console(gateway) as it:
        await it.press("M")
        await it.shows("STREAMS  4 of 700")


async def test_any_token_becomes_the_host() -> None:
    gateway = shopping()
    async with console(gateway) as it:
        await open_consumer(it, "billing")
        await it.press("h")
        await it.shows("which part of the subject is the host?")
        await type_anew(it, "orders.x")
        await it.shows("✗")
        await it.press("h")
        await type_anew(it, "orders.{host}.*")
        await it.shows("HOSTS")
        ((stream, pattern, consumer),) = gateway.shown
        assert (stream, consumer) == ("ORDERS", "billing")
        assert pattern is not None
        assert pattern.filter_subject == "orders.*.*"


async def test_what_is_not_shown_any_more_is_closed() -> None:
    gateway = shopping()
    async with console(gateway) as it:
        gateway.failure = GatewayError("there is no such stream")
        await open_consumer(it, "billing")
        await it.press("h")
        await type_anew(it, "orders.{host}.*")
        await it.shows("there is no such stream")
        assert [one.is_closed for one in gateway.others] == [True]
        assert not gateway.is_closed

        gateway.failure = None
        await it.press("h")
        await type_anew(it, "orders.{host}.*")
        await it.shows("HOSTS")
        await until(it.pilot, lambda: gateway.is_closed)
        assert not gateway.others[1].is_closed


async def test_another_context_is_opened_without_a_restart() -> None:
    gateway, other = shopping(), FakeGateway(context=CONTEXTS[1])
    other.has_stream = False
    other.looks_at_all.snapshot = shop()
    contexts = FakeContexts(CONTEXTS, **{"shop-prod": other})
    async with console(gateway, contexts=contexts) as it:
        await it.press("K")
        await it.shows("CONTEXTS  5 contexts")
        await it.shows("storage 22.2 GB of 50.0 GB")
        await it.press("G", "enter")
        await it.shows("✗ the credentials file")
        await it.press("up", "enter")
        await it.shows("no server answers for edge-berlin")
        await it.press("g", "down", "enter")
        await it.shows("PRODUCTION")
        await it.shows("STREAMS  4")  # it has no log stream: all streams come first
        assert contexts.left == [gateway]
        assert isinstance(it.app.screen, StreamsScreen)
        await it.press("escape")
        await it.shows("READ-WRITE")


async def test_why_there_is_nothing_is_said_in_full() -> None:
    gateway = shopping()
    reason = "JetStream is not enabled here, or not for this account: " + "enable it " * 9 + "now"
    gateway.looks_at_all.snapshot = TriageSnapshot(taken=NOW, problem=reason)
    gateway.has_stream = False
    async with console(gateway, size=(80, 24)) as it:
        await it.shows("JetStream is not enabled here")
        await it.shows("   now")
        assert "not permitted" not in it.text
        assert "nothing is wrong" not in it.text
