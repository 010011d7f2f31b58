from dataclasses import replace

from natsconsole.domain.actions import Republish
from natsconsole.domain.messages import StreamMessage
from natsconsole.domain.streams import StreamState
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.settings import Settings
from natsconsole.tui.unacked.message_screen import MessageScreen
from natsconsole.tui.unacked.screen import UnackedScreen
from screenshots.demo_data import LINK, NOW
from screenshots.pages_data import FIRST, flying
from screenshots.picture import until
from screenshots.scenes import flowing, in_flight
from tests.support.fake_gateway import FakeGateway
from tests.tui.consoles import Console, console


def screen(it: Console) -> UnackedScreen:
    assert isinstance(it.app.screen, UnackedScreen)
    return it.app.screen


async def open_unacked(it: Console) -> None:
    await it.press("u")
    await it.shows("UNACKED  64 messages")
    await it.shows("GET /api/items")


async def test_every_message_is_listed_with_countdown_and_first_line() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        row = next(line for line in it.text.splitlines() if "18,204" in line and "web-01" in line)
        for words in ("↻", " 3 ", "9.7s", "receiver-1", "GET /api/items 200"):
            assert words in row
        assert "26 messages came more than once; the ack floor stands before 18,204" in it.text


async def test_the_countdown_runs_without_a_new_look() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        it.gateway.link = replace(LINK, state="lost")
        it.clock.now += 3

        def runs_on() -> bool:
            row = next((line for line in it.text.splitlines() if " 18,230 " in line), "")
            return " 1s " in row

        await until(it.pilot, runs_on)


async def test_nothing_in_flight_says_how_to_see_some() -> None:
    async with console(flowing()) as it:
        await it.press("u")
        await it.shows("no message is in flight")
        await it.press("a")
        await it.shows("✗ this needs a message in flight")


async def test_a_key_answers_the_chosen_message() -> None:
    answers: list[tuple[list[str], tuple[str, ...], str]] = [
        (["n"], ("message", "nak", "18204"), "comes again at once"),
        (["i"], ("message", "in-progress", "18204"), "its countdown starts anew"),
        (["N", "enter"], ("message", "nak-delay", "18204", "5"), "comes again later"),
        (["N", "backspace", "2", "m", "enter"], ("message", "nak-delay", "18204", "120"), "later"),
        (["a"], ("message", "ack", "18204"), "acknowledged"),
        (["T", "b", "a", "d", "enter"], ("message", "term", "18205", "bad"), "quarantine"),
    ]
    async with console(in_flight()) as it:
        await open_unacked(it)
        for keys, asked, words in answers:
            await it.press(*keys)
            await it.shows(words)
            assert it.gateway.asked == [asked]
            it.gateway.asked.clear()
            screen(it).say("")
            if keys == ["a"]:
                await it.shows("UNACKED  63 messages")


async def test_an_acknowledged_message_leaves_and_the_cursor_stays_near() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        await it.press("down", "down", "a")
        await it.shows("UNACKED  63 messages")
        chosen = screen(it).rows.chosen
        assert chosen is not None
        assert chosen.sequence == FIRST + 3


async def test_escape_takes_an_answer_back_before_it_is_sent() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        await it.press("T", "x", "escape")
        await it.press("N", "backspace", "x", "enter")
        await it.shows("'x' is no time")
        assert it.gateway.asked == []
        assert it.app.focused is screen(it).rows


async def test_what_costs_lines_is_refused_where_the_receiver_is_no_lab() -> None:
    gateway = in_flight()
    gateway.flying = flying(is_lab=False)
    async with console(gateway) as it:
        await open_unacked(it)
        for key in ("n", "N", "T"):
            await it.press(key)
            await it.shows("receiver-1 is no lab receiver")
        assert gateway.asked == []
        await it.press("a")
        await it.shows("acknowledged")


async def test_a_receiver_that_refuses_is_heard() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        it.gateway.refusal = GatewayError("message 18204 is not in flight here")
        await it.press("a")
        await it.shows("✗ message 18204 is not in flight here")


async def test_read_only_refuses() -> None:
    gateway = in_flight()
    gateway.read_only = True
    async with console(gateway) as it:
        await open_unacked(it)
        await it.press("a")
        await it.shows("✗ read-only")
        assert gateway.asked == []


async def test_filter_and_sort() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        await it.press("slash", "d", "b")
        await it.shows("of 64 messages")
        assert all("db" in one.message.host for one in screen(it).rows.rows)
        await it.press("enter")
        assert "/db  Esc shows all" in it.text
        await it.press("escape")
        await it.shows("UNACKED  64 messages")
        for words in ("due▲", "↻▲", "age▲", "host▲", "sequence▲"):
            await it.press("s")
            assert words in it.text
        await it.press("S")
        await it.shows("oldest first reversed")
        assert screen(it).rows.rows[0].sequence == FIRST + 63


async def test_a_list_that_is_cut_says_so() -> None:
    gateway = in_flight()
    gateway.flying = flying(64)
    async with console(gateway) as it:
        await open_unacked(it)
        page = screen(it)
        page.found = replace(page.found, total=700)
        page._entitle(64)
        assert "64 of 700 messages" in it.text


async def test_a_receiver_that_is_silent_is_named() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        page = screen(it)
        page.found = replace(page.found, silent=("receiver-9",))
        page._entitle(64)
        await it.shows("△ receiver-9 did not answer")


async def test_enter_opens_the_message_and_escape_goes_back() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        await it.press("enter")
        await it.shows("MESSAGE  18,204  delivered 3×")
        for words in ("logs.0.web-01", "Nats-Msg-Id", "POST /login 302", "comes again in 1s"):
            await it.shows(words)
        assert "delivered 3 times to receiver-1" in it.text
        await it.press("x")
        await it.shows("00000000  32 30 32 36")
        await it.press("a")
        await it.shows("it is not in flight")
        assert it.gateway.asked == [("message", "ack", "18204")]
        await it.press("escape")
        await it.shows("UNACKED  63 messages")
        await it.press("escape")
        await it.shows("HOSTS 96")


async def test_a_message_that_is_gone_says_so() -> None:
    gateway = in_flight()
    gateway.stored.clear()
    async with console(gateway) as it:
        await it.press("u")
        await it.shows("(the stream has it no more)")
        await it.press("enter")
        await it.shows("the stream has message 18,204 no more")


async def test_a_message_of_another_client_and_many_lines_scrolls() -> None:
    gateway = in_flight()
    payload = b"".join(b"line %d\n" % number for number in range(500))
    gateway.stored[FIRST] = StreamMessage(
        sequence=FIRST, subject="other", host="", time=NOW, headers=(), payload=payload
    )
    async with console(gateway) as it:
        await it.press("u", "enter")
        await it.shows("a client of another kind sent it")
        await it.press("G")
        await it.shows("line 499")
        assert isinstance(it.app.screen, MessageScreen)


async def test_a_copy_goes_where_the_message_was_published() -> None:
    gateway = in_flight()
    async with console(gateway) as it:
        await it.press("u", "enter", "r")
        await it.shows("it is not known on which subject it was published")
    logs = StreamState(
        name="LOGS", subjects=("logs.>",), transforms="logs.>",
        transform="logs.{{partition(10)}}.>",
    )  # fmt: skip
    gateway.looks_at_all.snapshot = TriageSnapshot(taken=NOW, streams=(logs,))
    stored = gateway.stored[FIRST]
    async with console(gateway) as it:
        await it.press("u", "enter")
        await it.shows(stored.subject)
        await it.press("r", "enter")
        await it.shows("Nats-Msg-Id and expectations stay behind")
        await it.press("y")
        await until(it.pilot, lambda: bool(gateway.actions))
    (done,) = gateway.actions
    assert isinstance(done, Republish)
    assert stored.subject.startswith("logs.")
    assert (stored.subject.count("."), done.subject) == (2, f"logs.{stored.host}")


async def test_help_explains_this_screen_and_its_keys() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        await it.press("question_mark")
        await it.shows("help: unacked")
        await it.shows("Give it up for good")
        await it.press("escape")
        await it.shows("UNACKED")


async def test_keys_lead_from_screen_to_screen_and_home_again() -> None:
    names = {"u": "UNACKED", "e": "EVENTS", "R": "RECEIVERS", "L": "ACK LAB"}
    async with console(in_flight()) as it:
        for place in names:
            for key in (*names, place):
                await it.press(key)
                await it.shows(names[key])
                assert len(it.app.screen_stack) == 2
            await it.press("escape")
            await it.shows("HOSTS 96")


async def test_keys_lead_from_the_alerts_to_another_screen_and_home_again() -> None:
    async with console(in_flight()) as it:
        await it.press("exclamation_mark")
        await it.shows("withholds its acks")
        await it.press("u")
        await it.shows("UNACKED")
        assert len(it.app.screen_stack) == 2
        await it.press("escape")
        await it.shows("HOSTS 96")


async def test_a_users_keys_work_and_are_shown_here_too() -> None:
    keys = {"unacked.sort": "y", "go.unacked": "U", "app.help": "f2"}
    async with console(in_flight(), settings=Settings(keys=keys)) as it:
        await it.press("U")
        await it.shows("y sort")
        before = screen(it).order.key
        await it.press("s")
        assert screen(it).order.key == before
        await it.press("y")
        await until(it.pilot, lambda: screen(it).order.key != before)
        await it.press("f2")
        await it.shows("help: unacked")


async def test_every_size_shows_what_matters() -> None:
    async with console(in_flight(), size=(60, 16)) as it:
        await it.press("u")
        for size in ((60, 16), (80, 24), (120, 40), (200, 60)):
            await it.pilot.resize_terminal(*size)
            for words in ("18,204", "web-01", "Esc back", "q quit", "GET"):
                await it.shows(words)


async def test_the_connection_may_be_lost_and_come_back() -> None:
    gateway: FakeGateway = in_flight()
    async with console(gateway) as it:
        await open_unacked(it)
        gateway.link = replace(LINK, state="lost", since=NOW - 4)
        await it.shows("connection lost")
        await it.press("a")
        await it.shows("there is no connection")
        gateway.link = LINK
        await until(it.pilot, lambda: not screen(it).rows.is_stale)


async def test_the_palette_offers_what_can_be_done_here() -> None:
    async with console(in_flight()) as it:
        await open_unacked(it)
        await it.press("colon", *"in", "space", *"prog")
        await it.shows("unacked: in progress")
        await it.press("enter")
        await until(it.pilot, lambda: it.gateway.asked == [("message", "in-progress", "18204")])
