import asyncio
from dataclasses import replace
from typing import Any

import pytest

from natsconsole.domain.host_pattern import HostPattern
from natsconsole.domain.lab_scenes import SCENES
from natsconsole.domain.receivers import AnswerRule, HostStatus
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.lab.runner import BACK_WITHIN
from natsconsole.tui.lab.screen import LabScreen
from screenshots.demo_data import receiver
from screenshots.picture import until
from screenshots.scenes import flowing
from tests.support.fake_gateway import FakeDemo, FakeGateway, with_receivers
from tests.tui.consoles import Console, console


def counted(**fields: Any) -> dict[str, HostStatus]:
    values: dict[str, Any] = {"delivered": 9, "written": 9, "written_lines": 40, **fields}
    return {"web-01": HostStatus(host="web-01", partition=0, **values)}


def lab() -> FakeGateway:
    gateway = flowing()
    gateway.known = counted()
    return gateway


def screen(it: Console) -> LabScreen:
    assert isinstance(it.app.screen, LabScreen)
    return it.app.screen


async def test_scenes_are_listed_and_the_chosen_one_is_told() -> None:
    async with console(lab(), demo=FakeDemo()) as it:
        await it.press("L")
        await it.shows("ACK LAB  10 scenes")
        await it.shows("The receiver is killed with -9")
        await it.press("down", "down")
        await it.shows("The receiver's disk fills")
        for words in ("watch:", "STEPS", "· there is room again"):
            assert words in it.text


async def test_a_scene_is_played_by_its_number_proved_and_gone_back_from() -> None:
    async with console(lab(), demo=FakeDemo()) as it:
        await it.press("L", "5")
        await it.shows("▸ max ack pending 20")
        await until(it.pilot, lambda: ("answer", "withhold") in it.gateway.asked)
        assert it.gateway.asked[0] == ("settings", "max_ack_pending=20")
        await it.shows("PROOF")
        assert "none, as promised" in it.text
        await it.press("b")
        await it.shows("everything is as it was")
        (status,) = it.gateway.home.receivers
        assert status.rule == AnswerRule()
        assert status.max_ack_pending == 400


async def test_a_scene_goes_on_while_other_screens_are_looked_at() -> None:
    async with console(lab(), demo=FakeDemo()) as it:
        await it.press("L", "3", "u")
        await it.shows("UNACKED")
        await until(it.pilot, lambda: ("fault", "disk-full") in it.gateway.asked)
        await it.press("L")
        await it.shows("▌3  disk full")
        await it.press("b")
        await it.shows("everything is as it was")
        assert it.gateway.home.receivers[0].fault == "none"


async def test_a_crash_in_a_demo_is_a_real_one() -> None:
    demo = FakeDemo()
    async with console(lab(), demo=demo) as it:
        await it.press("L", "1")
        await until(it.pilot, lambda: "crash" in demo.asked)
        fields = {"started": it.clock.now, "unacked": 0}
        it.gateway.home = with_receivers(it.gateway.home, receiver(**fields))
        it.gateway.known = counted(written_lines=44)
        await it.shows("✓ kill -9 the receiver")
        it.gateway.known = counted(written_lines=50)
        await it.shows("1 restart without losing: played")
        assert "+10" in it.text
        await it.shows("a crash loses nothing")


async def test_what_is_not_as_promised_is_red() -> None:
    async with console(lab(), demo=FakeDemo()) as it:
        await it.press("L", "3")
        await it.shows("PROOF")
        it.gateway.known = counted(lost=3)
        await it.shows("✗ NOT as promised")


async def test_it_never_runs_on_a_stream_of_the_users() -> None:
    async with console(lab()) as it:
        await it.press("L", "enter")
        await it.shows("never runs on a stream of")
        assert it.gateway.asked == []


async def test_without_a_receiver_there_is_nothing_to_play_with() -> None:
    gateway = lab()
    gateway.home = with_receivers(gateway.home)
    async with console(gateway, demo=FakeDemo()) as it:
        await it.press("L", "enter")
        await it.shows("no receiver answers")


async def test_one_scene_at_a_time() -> None:
    async with console(lab(), demo=FakeDemo()) as it:
        await it.press("L", "b")
        await it.shows("nothing to go back from")
        await it.press("3")
        await until(it.pilot, lambda: bool(it.gateway.asked))
        await it.press("6")
        await it.shows("one scene at a time")


async def test_read_only_plays_nothing() -> None:
    gateway = lab()
    gateway.read_only = True
    async with console(gateway, demo=FakeDemo()) as it:
        await it.press("L", "3")
        await it.shows("read-only")
        assert gateway.asked == []


async def test_a_change_that_is_refused_ends_the_scene_and_the_way_back_is_there() -> None:
    async with console(lab(), demo=FakeDemo()) as it:
        it.gateway.refusal = GatewayError("the receiver did not answer")
        await it.press("L", "3")
        await it.shows("the receiver did not answer")
        await it.shows("✗ the disk is full")
        it.gateway.refusal = None
        await it.press("b")
        await it.shows("everything is as it was")


async def test_leaving_the_console_restores_receivers_that_go_on() -> None:
    gateway = lab()
    gateway.home = replace(gateway.home, is_lab=True)
    async with console(gateway) as it:
        await it.press("L", "6")
        await until(it.pilot, lambda: gateway.home.receivers[0].answer == "nak")
        async with asyncio.timeout(30):
            await it.app.restore()
        assert gateway.home.receivers[0].rule == AnswerRule()


async def test_another_stream_is_shown_when_the_scene_is_gone_back_from() -> None:
    async with console(lab(), demo=FakeDemo()) as it:
        await it.press("L", "5")
        await until(it.pilot, lambda: ("answer", "withhold") in it.gateway.asked)
        runner = it.app.lab
        it.app.show_stream("ORDERS", HostPattern.parse("orders.{host}"))
        await until(it.pilot, lambda: it.gateway.is_closed)
        assert it.app.lab is not runner
        assert runner.state.phase == "back"
        (status,) = it.gateway.home.receivers
        assert status.rule == AnswerRule()
        assert status.max_ack_pending == 400


async def test_a_way_back_that_fails_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("natsconsole.tui.lab.runner.BACK_WITHIN", 0.5)
    async with console(lab(), demo=FakeDemo()) as it:
        await it.press("L", "5")
        await until(it.pilot, lambda: ("answer", "withhold") in it.gateway.asked)
        runner = it.app.lab
        before = runner.state.before
        it.gateway.refusal = GatewayError("not now")
        await it.press("b")
        await until(it.pilot, lambda: runner.state.phase == "stranded")

        await runner.play(SCENES[2])
        assert runner.state.phase == "stranded"
        it.app.show_stream("ORDERS", HostPattern.parse("orders.{host}"))
        await it.shows("ack lab: not everything is as it was: not now")
        assert it.app.lab is runner
        assert runner.state.before is before
        assert [one.is_closed for one in it.gateway.others] == [True]

        monkeypatch.setattr("natsconsole.tui.lab.runner.BACK_WITHIN", BACK_WITHIN)
        it.gateway.refusal = None
        await it.press("b")
        await it.shows("everything is as it was")
        assert it.gateway.home.receivers[0].max_ack_pending == 400


async def test_every_size_shows_what_matters() -> None:
    async with console(lab(), size=(60, 16), demo=FakeDemo()) as it:
        await it.press("L", "3")
        for size in ((60, 16), (80, 24), (120, 40), (200, 60)):
            await it.pilot.resize_terminal(*size)
            for words in ("ACK LAB", "disk full", "STEPS", "▸ the disk is full", "Esc back"):
                await it.shows(words)
