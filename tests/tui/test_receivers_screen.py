import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec

from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.receiver.screen import ReceiversScreen
from screenshots.demo_data import receiver
from screenshots.picture import until
from screenshots.scenes import disk_full, flowing, two
from tests.support.fake_gateway import FakeDemo, FakeGateway, with_receivers
from tests.tui.consoles import Console, console

ROWS = ["policy", "answer", "ack_wait", "max_ack_pending", "max_deliver", "backoff", "disk"]


def screen(it: Console) -> ReceiversScreen:
    assert isinstance(it.app.screen, ReceiversScreen)
    return it.app.screen


async def open_receivers(it: Console) -> None:
    await it.press("R")
    await it.shows("ack policy")


async def go_to(it: Console, row: str) -> None:
    rows = screen(it).form_rows
    rows.choose(row)  # type: ignore[arg-type]
    await it.pilot.pause()


def only(**fields: Any) -> FakeGateway:
    gateway = flowing()
    gateway.home = with_receivers(gateway.home, receiver(**fields))
    return gateway


async def test_all_receivers_are_listed_with_what_is_known() -> None:
    async with console(two()) as it:
        await open_receivers(it)
        for words in (
            "RECEIVERS  2 receivers", "receiver-1, 1 of 2", "p0 p1", "p2 p3",
            "receiver-2 has it", "group archive, with receiver-2", "12.1 GB free",
            "lost 0  doubled 0  out of order 0",
        ):  # fmt: skip
            assert words in it.text, words
        await it.press("tab")
        await it.shows("receiver-2, 2 of 2")
        assert "receiver-1 has it" in it.text
        await it.press("shift+tab")
        await it.shows("receiver-1, 1 of 2")


async def test_a_choice_says_its_cost_before_it_is_asked_for_and_while_it_holds() -> None:
    async with console(only()) as it:
        await open_receivers(it)
        await it.press("right", "right")
        await it.shows("What the")
        assert "is lost, and no one is told" in it.text
        assert "Enter asks receiver-1: ack policy explicit → none" in it.text
        assert it.gateway.asked == []
        await it.press("enter")
        await it.shows("ack policy is now none")
        assert it.gateway.asked == [("policy", "none")]
        await until(it.pilot, lambda: screen(it).notice.standing[1] == "bad")
        assert "none: the server forgets" in screen(it).notice.standing[0]


async def test_every_answer_can_be_chosen() -> None:
    answers = ["ack", "double-ack", "nak", "nak-delay", "in-progress", "term", "withhold"]
    async with console(only()) as it:
        await open_receivers(it)
        await go_to(it, "answer")
        for before, answer in pairwise(answers):
            await it.press("right")
            await it.shows(f"answer {before} → {answer}")
            await it.press("enter")
            await it.shows(f"now answers {answer}")
            await it.shows(f"[{answer}]")
        assert it.gateway.asked == [("answer", answer) for answer in answers[1:]]


async def test_an_answer_takes_delay_share_and_hosts_with_it() -> None:
    async with console(only()) as it:
        await open_receivers(it)
        await go_to(it, "answer")
        await it.press("right", "right", "right")
        for row, typed in (("delay", "2m"), ("share", "20%"), ("hosts", "web-*")):
            await go_to(it, row)
            await it.press("enter")
            screen(it).input.value = typed
            await it.press("enter")
            await it.shows(f"→ {typed}")
        await it.shows("20 % of the messages of hosts web-*")
        await it.press("enter")
        await it.shows("now answers nak-delay")
        rule = it.gateway.home.receivers[0].rule
        assert (rule.delay_seconds, rule.share, rule.hosts) == (120.0, 0.2, "web-*")


async def test_a_reason_for_term() -> None:
    async with console(only()) as it:
        await open_receivers(it)
        await go_to(it, "answer")
        await it.press(*["right"] * 5)
        await go_to(it, "reason")
        await it.press("enter", *"bad", "enter", "enter")
        await it.shows("now answers term")
        assert it.gateway.home.receivers[0].rule.reason == "bad"


async def type_value(it: Console, row: str, typed: str) -> None:
    await go_to(it, row)
    await it.press("enter")
    screen(it).input.value = typed
    await it.press("enter")


async def test_settings_are_typed_weighed_and_asked_for() -> None:
    values = {
        ("ack_wait", "30s"): "ack_wait_seconds=30.0",
        ("max_ack_pending", "50"): "max_ack_pending=50",
        ("max_deliver", "5"): "max_deliver=5",
        ("backoff", "1s 5s"): "backoff_seconds=(1.0, 5.0)",
        ("backoff", "1s"): "backoff_seconds=(1.0,)",
    }
    async with console(only()) as it:
        await open_receivers(it)
        for (row, typed), asked in values.items():
            it.gateway.asked.clear()
            await type_value(it, row, typed)
            await it.shows(f"→ {typed}  enter applies")
            assert it.gateway.asked == []
            await it.press("enter")
            await it.shows("is agreed on in the group")
            assert it.gateway.asked == [("settings", asked)]
            screen(it).say("")


async def test_a_value_that_cannot_be_is_explained() -> None:
    wrong = {
        "ack_wait": "soon", "max_ack_pending": "none", "max_deliver": "0", "backoff": "1 x",
    }  # fmt: skip
    async with console(only()) as it:
        await open_receivers(it)
        for row, typed in wrong.items():
            await type_value(it, row, typed)
            await it.shows("cannot be used")
            screen(it).say("")
        assert it.gateway.asked == []


async def test_a_finite_max_deliver_is_red_while_it_holds() -> None:
    async with console(only(max_deliver=3)) as it:
        await open_receivers(it)
        await it.shows("▲ receiver-1: after 3 deliveries the server gives a message up")


async def test_the_disk_can_be_filled() -> None:
    async with console(only()) as it:
        await open_receivers(it)
        await go_to(it, "disk")
        await it.press("right", "enter")
        await it.shows("disk is now full")
        assert it.gateway.asked == [("fault", "disk-full")]


async def test_a_receiver_that_is_no_lab_explains_what_it_refuses() -> None:
    async with console(only(lab=False)) as it:
        await open_receivers(it)
        assert "takes no answer that costs lines" in it.text
        for row in ("answer", "disk"):
            await go_to(it, row)
            await it.press(*["right"] * 2, "enter")
            await it.shows("no lab receiver")
        assert it.gateway.asked == []
        await go_to(it, "answer")
        await it.press("left", "enter")
        await it.shows("now answers double-ack")


async def test_escape_drops_what_is_chosen_then_leaves() -> None:
    async with console(only()) as it:
        await open_receivers(it)
        await it.press("right")
        await it.shows("Esc drops it")
        await it.press("escape")
        assert "Esc drops it" not in it.text
        await it.press("enter")
        await it.shows("ack policy is explicit already")
        await it.press("escape")
        await it.shows("HOSTS 96")


async def test_pause_resume_and_drain_which_is_asked_twice() -> None:
    async with console(two()) as it:
        await open_receivers(it)
        await it.press("p")
        await it.shows("receiver-1 pulls no more")
        await it.shows("‖ receiver-1")
        await it.press("p")
        await it.shows("receiver-1 pulls again")
        await it.press("tab", "D")
        await it.shows("D again: receiver-2")
        assert ("drain",) not in it.gateway.asked
        await it.press("D")
        await it.shows("receiver-2 finishes what it has, and ends")
        assert it.gateway.asked == [("pause",), ("resume",), ("drain",)]


async def test_a_receiver_is_drained_only_when_it_was_asked_for_twice() -> None:
    async with console(two()) as it:
        await open_receivers(it)
        await it.press("D")
        await it.shows("D again: receiver-1")
        await it.press("tab", "D")
        await it.shows("D again: receiver-2")
        assert it.gateway.asked == []


async def test_one_change_at_a_time_and_a_failure_is_one_line() -> None:
    async with console(only()) as it:
        await open_receivers(it)
        it.gateway.gate = asyncio.Event()
        await it.press("right", "enter")
        await it.shows("receiver-1: asking …")
        await it.press("enter")
        await it.shows("one at a time")
        it.gateway.refusal = GatewayError("the receiver did not answer")
        it.gateway.gate.set()
        await it.shows("✗ receiver-1: the receiver did not answer")


async def test_read_only_refuses() -> None:
    gateway = only()
    gateway.read_only = True
    async with console(gateway) as it:
        await open_receivers(it)
        for keys in (["right", "enter"], ["p"], ["D"], ["plus"]):
            await it.press(*keys)
            await it.shows("✗ read-only")
            screen(it).say("")
        assert gateway.asked == []


async def test_none_answers() -> None:
    gateway = flowing()
    gateway.home = with_receivers(gateway.home)
    async with console(gateway) as it:
        await it.press("R")
        await it.shows("no receiver answers; + starts one")
        await it.press("enter")
        await it.shows("nothing to change")


async def test_alarms_parked_hosts_and_quarantine_are_told() -> None:
    gateway = only(alarms=("the stream was made anew",), parked_hosts=2, quarantined=3, lost=7)
    async with console(gateway) as it:
        await open_receivers(it)
        for words in ("△ 1 alarm", "△ the stream was made anew", "△ 2 hosts parked",
                      "△ 3 messages in quarantine", "lost 7"):  # fmt: skip
            assert words in it.text, words


async def test_a_held_receiver_says_why() -> None:
    async with console(disk_full()) as it:
        await open_receivers(it)
        await it.shows("no space left on device")
        assert "◐ held" in it.text


class Starter:
    def __init__(self) -> None:
        self.started: list[tuple[str, str, str, bool]] = []

    async def start_receiver(self, stream: str, directory: str, name: str, *, stays: bool) -> str:
        self.started.append((stream, directory, name, stays))
        if directory == "bad":
            raise GatewayError("the receiver ended at once: bad cannot be written")
        return f"{name} runs"


async def start(it: Console, directory: str, answer: str) -> Starter:
    starter = Starter()
    await open_receivers(it)
    page = screen(it)
    page.around = replace(page.around, starter=starter)
    await it.press("plus")
    page.input.value = directory
    await it.press("enter")
    await until(it.pilot, lambda: page.notice.question == "its name" or not directory)
    await it.press("enter")
    await until(it.pilot, lambda: page.notice.question.startswith("when this console ends"))
    page.input.value = answer
    await it.press("enter")
    return starter


async def test_a_receiver_is_started_as_a_child_that_ends_or_stays() -> None:
    gateway = only()
    gateway.home = replace(gateway.home, stream="ORDERS")
    async with console(gateway) as it:
        starter = await start(it, "/srv/logs", "stays")
        await it.shows("✓ receiver-2 runs")
        assert starter.started == [("ORDERS", "/srv/logs", "receiver-2", True)]


async def test_a_receiver_that_cannot_start_says_why() -> None:
    async with console(only()) as it:
        await start(it, "bad", "ends")
        await it.shows("✗ the receiver ended at once")


async def test_neither_ends_nor_stays_starts_nothing() -> None:
    async with console(only()) as it:
        starter = await start(it, "/srv/logs", "perhaps")
        await it.shows("neither ends nor stays")
        assert starter.started == []


async def test_without_a_starter_it_says_what_to_run() -> None:
    async with console(only()) as it:
        await open_receivers(it)
        await it.press("plus")
        await it.shows("run `natsconsole receive --dir DIR`")


async def test_in_a_demo_plus_starts_the_second_receiver() -> None:
    demo = FakeDemo()
    async with console(only(), demo=demo) as it:
        await open_receivers(it)
        await it.press("plus")
        await it.shows("a second receiver runs; it ends with the demo")
        assert demo.asked == ["start second"]


async def test_every_size_shows_what_matters() -> None:
    async with console(two(), size=(60, 16)) as it:
        await open_receivers(it)
        for size in ((60, 16), (80, 24), (120, 40), (200, 60)):
            await it.pilot.resize_terminal(*size)
            for words in ("receiver-1", "[explicit]", "[ack]", "ack wait", "Esc back"):
                await it.shows(words)


def test_a_receiver_of_an_older_version_has_a_rule_too() -> None:
    status = msgspec.json.decode(msgspec.json.encode(receiver()), type=ReceiverStatus)
    assert status.rule.answer == "ack"
