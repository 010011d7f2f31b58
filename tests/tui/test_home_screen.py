import asyncio
import re
from dataclasses import replace

import msgspec
import pytest

from natsconsole.domain.lines import HostMarks, LogLine
from natsconsole.domain.shippers import ShipperPulse, ShippersSeen
from natsconsole.domain.snapshots import EMPTY_HOME, Link
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.settings import Settings
from screenshots.demo_data import LINK, NOW, receiver
from screenshots.picture import until
from screenshots.scenes import disk_full, flowing, withholding
from tests.support.fake_gateway import FakeDemo, FakeGateway, with_receivers
from tests.tui.consoles import console


async def test_the_first_look_fills_strip_hosts_panes_and_receiver() -> None:
    async with console(flowing()) as it:
        for words in ("12.4k lines/s", "HOSTS 96", "web-02 · p1 · ● live", "RECEIVER ● receiver-1"):
            assert words in it.text
        await it.shows("─── ack floor 18,228 ─")


async def test_what_is_lost_at_the_source_is_shown() -> None:
    gateway = flowing()
    seen = ShippersSeen(hosts=96, lost_bytes=1_200_000, lost_at=("box1",))
    gateway.home = replace(gateway.home, shippers=seen)
    async with console(gateway) as it:
        await it.shows("at least 1.2 MB are lost at the source, on box1")
        await it.shows("✗ 1.2 MB lost at source")


async def test_hosts_that_are_not_told_of_are_hinted_at() -> None:
    gateway = flowing()
    gateway.home = replace(gateway.home, has_more_hosts=True)
    async with console(gateway) as it:
        await it.shows("HOSTS 96+")


async def test_a_lag_that_the_stream_does_not_tell_is_no_figure() -> None:
    gateway = flowing()
    rows = tuple(replace(row, lag_messages=None) for row in gateway.home.hosts)
    gateway.home = replace(gateway.home, hosts=rows)
    async with console(gateway) as it:
        await it.shows("HOSTS 96")
        assert re.search(r"api-01 [^│┃\n]* \? ", it.text)
        for _ in range(3):
            await it.press("s")
        await it.shows("by lag")


async def test_a_lost_connection_is_said_aged_and_dimmed_and_comes_back() -> None:
    async with console(flowing()) as it:
        it.gateway.link = replace(LINK, state="lost", since=NOW - 14)
        it.clock.now += 14.6
        await it.shows("○ connection lost 29 s ago; data is 15 s old; reconnecting")
        assert it.home.panel.rows.is_stale
        it.gateway.home = replace(it.gateway.home, taken=it.clock.now)
        it.gateway.link = LINK
        await it.shows("● live")
        await until(it.pilot, lambda: not it.home.panel.rows.is_stale)


async def test_a_slow_look_neither_freezes_the_screen_nor_queues_looks() -> None:
    async with console(flowing()) as it:
        it.gateway.gate = asyncio.Event()
        looks = it.gateway.looks
        it.clock.now += 20
        await it.shows("◐ slow: data is 20 s old")
        await it.press("s")
        assert "by host" in it.text
        assert it.gateway.looks <= looks + 1


@pytest.mark.parametrize("failure", [GatewayError("no answer"), ValueError("[/red] broken")])
async def test_a_look_that_fails_says_why_and_goes_on(failure: Exception) -> None:
    async with console(flowing()) as it:
        it.gateway.failure = failure
        await it.shows("this look is incomplete:")
        await it.shows(str(failure))
        it.gateway.failure = None
        await it.shows("✓ flowing")


async def test_a_key_changes_the_receiver_and_shows_what_it_confirmed() -> None:
    changes = {
        "a": (("policy", "all"), "the ack policy is now all", "policy [all]"),
        "r": (("answer", "nak"), "now answers nak", "answer [nak]"),
        "d": (("fault", "disk-full"), "the disk is now full", "disk full, d frees it"),
        "p": (("pause",), "is now paused", "‖ receiver-1 paused"),
    }
    async with console(flowing()) as it:
        for key, (asked, notice, bar) in changes.items():
            await it.press(key)
            await it.shows(notice)
            assert it.gateway.asked[-1] == asked
            await it.shows(bar)
        assert len(it.gateway.asked) == len(changes)


async def test_a_change_under_way_is_shown_and_the_next_one_waits() -> None:
    async with console(flowing()) as it:
        it.gateway.gate = asyncio.Event()
        await it.press("a")
        await it.shows("policy explicit → all …")
        await it.press("r")
        await it.shows("one at a time")
        it.gateway.gate.set()
        await it.shows("policy [all]")
        assert it.gateway.asked == [("policy", "all")]


async def test_the_same_key_pressed_twice_goes_two_steps() -> None:
    async with console(flowing()) as it:
        it.gateway.gate = asyncio.Event()
        await it.press("r", "r")
        await it.shows("answer ack → nak …")
        it.gateway.gate.set()
        await it.shows("answer [withhold]")
        assert it.gateway.asked == [("answer", "nak"), ("answer", "withhold")]


async def test_keys_go_round_all_choices() -> None:
    async with console(flowing()) as it:
        for policy in ("all", "none", "explicit"):
            await it.press("a")
            await it.shows(f"policy [{policy}]")
        for answer in ("nak", "withhold", "ack"):
            await it.press("r")
            await it.shows(f"answer [{answer}]")


async def test_a_change_that_fails_is_one_line() -> None:
    async with console(flowing()) as it:
        it.gateway.refusal = GatewayError("the receiver did not answer within 5 s")
        await it.press("a")
        await it.shows("✗ receiver-1: policy explicit → all: the receiver did not answer")
        assert "policy [explicit]" in it.text


async def test_read_only_refuses_every_change() -> None:
    gateway = flowing()
    gateway.read_only = True
    async with console(gateway) as it:
        assert "READ-ONLY" in it.text
        for key in "ardp":
            await it.press(key)
            await it.shows("✗ read-only")
            it.home.alert_line.notice = None
        assert gateway.asked == []


async def test_only_a_lab_receiver_takes_answers_and_faults() -> None:
    gateway = flowing()
    gateway.home = with_receivers(gateway.home, receiver(lab=False))
    async with console(gateway) as it:
        assert it.home.key_bar.refused == {"receiver.answer", "receiver.disk"}
        await it.press("r")
        await it.shows("receiver-1 is no lab receiver")
        await it.press("d")
        assert gateway.asked == []


async def test_without_a_receiver_the_keys_say_so() -> None:
    gateway = flowing()
    gateway.home = with_receivers(gateway.home)
    async with console(gateway) as it:
        assert "RECEIVER none answers" in it.text
        await it.press("p")
        await it.shows("✗ no receiver answers")


async def test_a_receiver_that_goes_is_missed_by_name() -> None:
    async with console(flowing()) as it:
        it.gateway.home = with_receivers(it.gateway.home)
        await it.shows("▲ receiver-1 is gone")


async def test_crash_exists_only_in_a_demo() -> None:
    async with console(flowing()) as it:
        assert "x crash" not in it.text
        await it.press("x")
        await it.shows("only a demo's receiver")
    demo = FakeDemo()
    async with console(flowing(), demo=demo) as it:
        assert "x crash" in it.text
        await it.press("x")
        await it.shows("restarts 1")
        assert demo.receiver_restarts == 1


async def test_the_cursor_stays_on_its_host() -> None:
    async with console(flowing()) as it:
        await it.press("down", "down", "j")
        assert it.home.panel.rows.chosen == "api-04"
        it.gateway.home = replace(it.gateway.home, hosts=it.gateway.home.hosts[40:])
        await until(it.pilot, lambda: len(it.hosts) == 56)
        it.gateway.home = replace(flowing().home)
        await until(it.pilot, lambda: len(it.hosts) == 96)
        await it.press("g", "s", "s")
        rows = it.home.panel.rows
        host = rows.chosen
        await it.press("S")
        assert rows.chosen == host
        assert rows.top <= rows.cursor < rows.top + rows.size.height


async def test_the_filter_narrows_and_escape_shows_all() -> None:
    async with console(flowing()) as it:
        await it.press("slash", "d", "b", "q")
        assert "no host passes the filter" in it.text
        await it.press("backspace")
        assert "HOSTS 14/96" in it.text
        await it.press("enter")
        assert it.app.focused is it.home.panel.rows
        await it.shows("/db")
        await it.press("escape")
        assert len(it.hosts) == 96


async def test_sort_goes_round_and_marks_its_column() -> None:
    async with console(flowing()) as it:
        await it.press("s")
        assert "host▲" in it.text
        await it.press("s")
        assert "lines/s▼" in it.text
        assert it.hosts[0] == "web-02"
        await it.press("S")
        assert "lines/s▲" in it.text


async def test_a_click_on_a_column_sorts_by_it_and_turns_it_round() -> None:
    async with console(flowing()) as it:
        at = it.text.splitlines()[4].index("lines/s") + 2
        await it.pilot.click("HostHeader", offset=(at, 0))
        await it.shows("lines/s▼")
        assert it.hosts[0] == "web-02"
        await it.pilot.click("HostHeader", offset=(at, 0))
        await it.shows("lines/s▲")
        await it.pilot.click("HostHeader", offset=(4, 0))
        await it.shows("host▲")


async def test_marked_hosts_are_opened_in_a_pane_each() -> None:
    async with console(flowing()) as it:
        await it.press("space", "space", "space")
        await it.shows("◆ 3 marked")
        assert it.text.count("◆") == 4
        await it.press("enter")
        assert [pane.host for pane in it.home.panes] == ["api-01", "api-02", "api-03"]
        await until(it.pilot, lambda: all(len(pane.view.window) for pane in it.home.panes))
        assert "◆" not in it.text
        await it.press("g", "space", "enter")
        assert [pane.host for pane in it.home.panes] == ["api-01"]


async def test_more_marks_than_panes_say_how_many_were_left_out() -> None:
    async with console(flowing()) as it:
        await it.press(*["space"] * 6, "enter")
        await it.shows("4 panes are the most: 2 marked hosts left out")
        assert len(it.home.panes) == 4


async def test_marks_can_be_taken_back() -> None:
    async with console(flowing()) as it:
        await it.press("space", "up", "space")
        assert "marked" not in it.text
        await it.press("space", "space", "escape")
        assert "marked" not in it.text


async def test_a_filter_can_exclude_and_be_fuzzy() -> None:
    async with console(flowing()) as it:
        await it.press("slash")
        await it.shows("web   !web   ~wb1")
        await it.press("exclamation_mark", *"web")
        assert "HOSTS 60/96" in it.text
        await it.press("enter", "escape", "slash", "tilde", *"q8")
        assert it.hosts == ["queue-08"]


async def test_each_host_has_a_chart_of_its_rate() -> None:
    gateway = flowing()
    rows = tuple(replace(row, history=(1.0, 4.0, 2.0, 8.0)) for row in gateway.home.hosts)
    gateway.home = replace(gateway.home, hosts=rows)
    async with console(gateway) as it:
        await it.shows("▂▄▃▇")
    async with console(gateway, settings=Settings(bandwidth="low")) as it:
        assert "▂▄▃▇" not in it.text


async def test_a_silent_host_stands_first_and_is_named() -> None:
    gateway = flowing()
    rows = tuple(
        replace(row, state="silent", last_seen=NOW - 700.0) if row.host == "cache-04" else row
        for row in gateway.home.hosts
    )
    gateway.home = replace(gateway.home, hosts=rows)
    async with console(gateway) as it:
        await it.shows("△ 1 host is silent: cache-04 (12 min); look whether its shipper runs")
        assert it.hosts[0] == "cache-04"
        assert "! cache-04" in it.text


async def test_all_alerts_are_one_key_away_and_say_how_long() -> None:
    gateway = disk_full()
    status = gateway.home.receivers[0]
    gateway.home = with_receivers(
        gateway.home, msgspec.structs.replace(status, ack_policy="none", max_deliver=3)
    )
    async with console(gateway) as it:
        await it.shows("+2 more · ! all")
        it.clock.now += 75
        gateway.home = replace(gateway.home, taken=it.clock.now)
        await it.press("exclamation_mark")
        await it.shows("alerts 3")
        await it.shows("75s  receiver-1 p3: disk full")
        for words in ("ack policy none", "max deliver 3"):
            assert words in it.text
        gateway.home = flowing().home
        await it.shows("alerts 0")
        await it.press("escape")
        await it.shows("HOSTS 96")
        await it.pilot.click("#alert", offset=(5, 0))
        await it.shows("alerts 0")


@pytest.mark.parametrize(("bell", "rung"), [(True, 1), (False, 0)])
async def test_a_new_alert_rings_only_where_that_was_asked_for(bell: bool, rung: int) -> None:
    rings: list[None] = []
    async with console(flowing(), settings=Settings(bell=bell)) as it:
        it.app.bell = lambda: rings.append(None)  # type: ignore[method-assign]
        it.gateway.home = disk_full().home
        await it.shows("disk full")
        it.clock.now += 5
        await it.shows("holding 212 messages for 9 s")
    assert len(rings) == rung


async def test_panes_are_guessed_until_rates_are_known_then_left_alone() -> None:
    gateway = flowing()
    known = gateway.home
    unknown = tuple(replace(row, lines_per_second=0.0) for row in known.hosts)
    gateway.home = replace(known, hosts=unknown)
    async with console(gateway) as it:
        assert [pane.host for pane in it.home.panes] == ["api-01", "api-02"]
        gateway.home = known
        await until(it.pilot, lambda: it.home.panes[0].host == "web-02")
        gateway.home = replace(known, hosts=known.hosts[:40])
        await until(it.pilot, lambda: len(it.hosts) == 40)
        assert [pane.host for pane in it.home.panes] == ["web-02", "web-06"]


async def test_a_line_tells_its_own_time_once() -> None:
    gateway = flowing()
    for lines in gateway.lines_of.values():
        last = lines[-1].sequence
        text = "2026-11-24T17:13:19.250Z INFO ready"
        lines.append(LogLine(sequence=last + 1, index=0, time=NOW, text=text))
    async with console(gateway) as it:
        await it.shows("· 2026-11-24T17:13:19.250Z INFO")


async def test_enter_opens_the_host_in_the_marked_pane() -> None:
    async with console(flowing()) as it:
        await it.press("enter")
        assert [pane.host for pane in it.home.panes] == ["api-01", "web-06"]
        await it.press("tab", "tab")
        assert it.app.focused is it.home.panes[1].view
        await it.press("escape", "down", "enter")
        assert [pane.host for pane in it.home.panes] == ["api-01", "api-02"]
        await until(it.pilot, lambda: len(it.home.panes[1].view.window) > 0)


async def test_scrolling_up_stops_following_and_counts_what_comes() -> None:
    async with console(flowing()) as it:
        await it.press("tab", "up")
        await it.shows("‖ paused · G follows")
        pane = it.home.panes[0]
        shown = pane.view.top
        it.gateway.lines_of[pane.host] += [
            LogLine(sequence=20_000 + place, index=0, time=NOW, text="new") for place in range(124)
        ]
        await it.shows("‖ 124 wait · G follows")
        assert pane.view.top == shown
        await it.press("G")
        assert pane.view.follows
        assert "124 wait" not in it.text


async def test_the_fate_of_each_line_is_in_the_gutter() -> None:
    async with console(withholding()) as it:
        await it.shows("✓ 17:")
        await it.shows("↻3 17:")
        await it.shows("▸ 17:")
        await it.shows("unacked 400/400")


async def test_the_floor_moves_through_the_lines() -> None:
    async with console(flowing()) as it:
        host = it.home.panes[0].host
        last = it.gateway.lines_of[host][-1].sequence
        it.gateway.marks_of[host] = HostMarks(delivered=last, ack_floor=last - 3, read_at=NOW)
        await it.shows(f"ack floor {last - 3:,}")


async def test_a_held_partition_stands_first() -> None:
    async with console(disk_full()) as it:
        assert "◐ api-04" in it.text
        assert it.hosts[0] == "api-04"
        assert "▲ receiver-1 p3: disk full, holding 212 messages for 4 s; nothing lost" in it.text


async def test_an_empty_pipeline_says_so() -> None:
    gateway = FakeGateway(replace(EMPTY_HOME, taken=NOW, stream="LOGS"), link=LINK)
    async with console(gateway, waits=False) as it:
        await it.shows("no host yet")
        await it.shows("△ no receiver answers")


async def test_before_the_first_look_nothing_is_claimed() -> None:
    gateway = FakeGateway(link=Link(state="connecting", address="nats:4222"))
    gateway.gate = asyncio.Event()
    async with console(gateway, waits=False) as it:
        await it.shows("◌ connecting")
        await it.shows("connecting to nats:4222")
        assert "RECEIVER not known yet" in it.text


async def test_every_size_shows_what_matters() -> None:
    words = ("● live", "12.4k", "lost 0", "HOSTS 96", "receiver-1", "? help", "q quit")
    async with console(flowing(), size=(60, 16), demo=FakeDemo()) as it:
        for size in ((60, 16), (80, 24), (100, 30), (120, 36), (200, 60)):
            await it.pilot.resize_terminal(*size)
            for word in words:
                await it.shows(word)


async def test_a_terminal_too_small_says_how_small() -> None:
    async with console(flowing(), size=(20, 5), waits=False) as it:
        for size in ((20, 5), (59, 30), (100, 15)):
            await it.pilot.resize_terminal(*size)
            await it.shows("too small"[: size[0]])
            assert "HOSTS" not in it.text


@pytest.mark.parametrize("keys", [("q",), ("question_mark", "q"), ("slash", "ctrl+c")])
async def test_quitting_works_from_everywhere(keys: tuple[str, ...]) -> None:
    async with console(flowing()) as it:
        await it.press(*keys)
        await until(it.pilot, lambda: not it.app.is_running or it.app._exit)


async def test_help_shows_every_key_and_the_palette_every_command() -> None:
    async with console(flowing()) as it:
        await it.press("question_mark")
        await it.shows("Switch the ack policy")
        await it.press("escape")
        await it.press("colon", *"policy")
        await it.shows("receiver: policy")
        await it.press("enter")
        await until(it.pilot, lambda: it.gateway.asked == [("policy", "all")])


async def test_a_click_on_a_key_is_as_good_as_the_key() -> None:
    async with console(flowing()) as it:
        await it.pilot.click("#keys", offset=(3, 0))
        await until(it.pilot, lambda: it.gateway.asked == [("policy", "all")])


async def test_the_red_button_takes_a_typed_order_and_says_what_holds() -> None:
    async with console(flowing(), size=(200, 60)) as it:
        await it.press("B")
        await it.shows("RED BUTTON")
        await it.shows("pause all, or pause HOST why")
        await it.press("enter")
        await it.shows("is no order: type pause or resume")
        assert it.gateway.asked == []
        await it.press(*"pause web-01 swap", "enter")
        await it.shows("✓ the shipper of web-01: paused")
        assert it.gateway.asked == [("button", "pause", "web-01", "swap")]
        home = it.gateway.home
        pulse = ShipperPulse(machine="box1", is_paused=True, backlog_bytes=3_200_000)
        rows = (replace(home.hosts[0], state="paused", shipper=pulse), *home.hosts[1:])
        seen = ShippersSeen(alive=1, hosts=1, paused_hosts=1, backlog_bytes=3_200_000)
        it.gateway.home = replace(home, hosts=rows, shippers=seen)
        await it.shows("HOSTS 96  ‖ 3.2 MB in files")
        row = next(line for line in it.text.splitlines() if "3.2MB" in line)
        assert "‖" in row
        assert "web-01" in row
        it.home.alert_line.notice = None
        await it.shows("the red button pauses web-01")
        it.gateway.read_only = True
        await it.press("B")
        await it.shows("✗ read-only")
