"""Panes: how many, and what their keys do with the lines."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from pathlib import Path

import pytest

from natsconsole.domain.lines import LogLine
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.home import page_feed
from natsconsole.tui.home.line_view import LineView
from natsconsole.tui.home.pane_grid import grid_of
from natsconsole.tui.settings import Settings
from screenshots.demo_data import NOW, lines_of
from screenshots.picture import until
from screenshots.scenes import flowing
from tests.support.fake_gateway import FakeGateway
from tests.tui.consoles import Console, console

LONG = 12_000


def long_log(host: str = "web-02", number: int = LONG) -> FakeGateway:
    """One host has so many lines, a second apart, the last one now."""
    gateway = flowing()
    gateway.lines_of[host] = [
        LogLine(sequence=place + 1, index=0, time=NOW - (number - 1 - place), text=f"line {place}")
        for place in range(number)
    ]
    return gateway


def view_of(it: Console, place: int = 0) -> LineView:
    return it.home.panes[place].view


def texts(view: LineView) -> list[str]:
    return [line.text for line in view.window.lines]


def under_cursor(view: LineView) -> str:
    assert view.cursor is not None
    return view.window.lines[view.cursor].text


# How many


async def test_panes_come_and_go() -> None:
    async with console(flowing(), size=(200, 60)) as it:
        await it.press("plus")
        assert [pane.host for pane in it.home.panes] == ["web-02", "web-06", "api-01"]
        await it.press("down", "plus")
        assert len(it.home.panes) == 4
        await until(it.pilot, lambda: all(len(pane.view.window) for pane in it.home.panes))
        await it.press("plus")
        await it.shows("4 panes are the most")
        await it.press("minus")
        assert [pane.host for pane in it.home.panes] == ["web-02", "web-06", "api-01"]
        await it.press("minus", "minus", "minus")
        await it.shows("one pane stays")
        assert len(it.home.panes) == 1


async def test_a_pane_is_added_for_the_busiest_where_the_chosen_host_has_one() -> None:
    async with console(flowing()) as it:
        await it.press("enter", "plus")
        assert it.home.panes[0].host == "api-01"
        assert len({pane.host for pane in it.home.panes}) == 3


@pytest.mark.parametrize(
    ("panes", "width", "grid"),
    [(1, 90, (1, 1)), (2, 90, (2, 1)), (2, 70, (1, 2)), (3, 90, (2, 2)), (3, 134, (3, 1)),
     (4, 134, (2, 2)), (4, 200, (4, 1)), (4, 42, (1, 4)), (2, 0, (1, 2))],
)  # fmt: skip
def test_panes_stand_beside_each_other_where_lines_fit(
    panes: int, width: int, grid: tuple[int, int]
) -> None:
    assert grid_of(panes, width) == grid


async def test_four_panes_fit_every_size() -> None:
    async with console(flowing(), size=(80, 24)) as it:
        await it.press("plus", "down", "plus")
        for size in ((80, 24), (120, 40), (200, 60)):
            await it.pilot.resize_terminal(*size)
            await until(it.pilot, lambda: all(pane.size.height > 2 for pane in it.home.panes))
            for pane in it.home.panes:
                await it.shows(pane.host)


async def test_zoom_gives_the_panes_all_the_room() -> None:
    async with console(flowing()) as it:
        before = view_of(it).size.width
        await it.press("z")
        await until(it.pilot, lambda: view_of(it).size.width > before)
        assert "HOSTS" not in it.text
        assert view_of(it).has_focus
        await it.press("escape")
        await it.shows("HOSTS")
        assert it.home.panel.rows.has_focus


# Follow, pause, scroll


async def test_a_stream_that_is_made_anew_is_read_from_its_beginning() -> None:
    gateway = long_log(number=50)
    gateway.home = replace(gateway.home, created="2026-01-01T00:00:00Z")
    async with console(gateway) as it:
        assert texts(view_of(it))[-1] == "line 49"
        await it.press("tab", "up")
        gateway.lines_of["web-02"] = [LogLine(sequence=1, index=0, time=NOW, text="the first")]
        gateway.home = replace(gateway.home, created="2026-01-02T00:00:00Z")
        await until(it.pilot, lambda: texts(view_of(it)) == ["the first"])
        assert view_of(it).follows


async def test_pause_counts_what_waits_and_follow_shows_it() -> None:
    async with console(flowing()) as it:
        await it.press("F")
        await it.shows("‖ paused · G follows")
        top = view_of(it).top
        host = it.home.panes[0].host
        last = it.gateway.lines_of[host][-1].sequence
        it.gateway.lines_of[host] += [
            LogLine(sequence=last + 1 + place, index=0, time=NOW, text="fresh")
            for place in range(3)
        ]
        await it.shows("‖ 3 wait · G follows")
        assert view_of(it).top == top
        await it.press("F")
        assert view_of(it).follows
        await it.shows("fresh")


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> int:
    """A pane that keeps fewer lines: the same pages are loaded and dropped, sooner."""
    monkeypatch.setattr(LineView, "capacity", 1000)
    return 1000


async def test_scrolling_goes_back_to_the_beginning_and_keeps_memory_bounded(
    small_window: int,
) -> None:
    async with console(long_log(number=4_000)) as it:
        view = view_of(it)
        await it.press("tab")
        seen = view.window.first_key[0]
        while not view.window.at_start:
            for _ in range(9):
                view.action_rows_page_up()
            await it.pilot.pause()
            assert view.window.first_key[0] <= seen
            assert len(view.window) <= small_window
            seen = view.window.first_key[0]
        assert texts(view)[0] == "line 0"
        assert not view.window.at_end
        numbers = [int(text.split()[1]) for text in texts(view)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_scrolling_down_again_reaches_the_newest_and_follows(small_window: int) -> None:
    async with console(long_log(number=2_500)) as it:
        view = view_of(it)
        await it.press("tab", "g")
        await until(it.pilot, lambda: view.window.at_start)
        while not view.follows:
            for _ in range(9):
                view.action_rows_page_down()
            await it.pilot.pause()
        numbers = [int(text.split()[1]) for text in texts(view)]
        assert numbers == list(range(numbers[0], 2_500))


async def test_the_first_key_goes_to_the_stream_s_oldest_line_and_the_last_follows() -> None:
    async with console(long_log()) as it:
        view = view_of(it)
        await it.press("tab", "g")
        await it.shows("line 0")
        assert under_cursor(view) == "line 0"
        await it.press("G")
        await it.shows(f"line {LONG - 1}")
        assert view.follows


async def test_lines_that_come_while_far_back_are_counted_and_not_lost() -> None:
    async with console(long_log(number=8_000)) as it:
        view = view_of(it)
        await it.press("tab", "g")
        await until(it.pilot, lambda: view.window.at_start)
        it.gateway.lines_of["web-02"] += [
            LogLine(sequence=8_001 + place, index=0, time=NOW, text=f"line {8_000 + place}")
            for place in range(7)
        ]
        await it.shows("‖ 7 wait · G")
        await it.press("G")
        await it.shows("line 8006")
        assert texts(view)[-8:] == [f"line {number}" for number in range(7_999, 8_007)]


async def test_a_page_that_cannot_be_read_is_said_and_asked_for_again() -> None:
    async with console(long_log()) as it:
        view = view_of(it)
        right = it.gateway.lines_before

        async def fail(*_: object) -> list[LogLine]:
            raise GatewayError("no answer")

        it.gateway.lines_before = fail  # type: ignore[method-assign, assignment]
        await it.press("tab", *["pageup"] * 20)
        await it.shows("✗ no answer")
        it.gateway.lines_before = right  # type: ignore[method-assign]
        first = view.window.first_key
        await it.press("up")
        await until(it.pilot, lambda: view.window.first_key < first)


async def test_a_click_puts_the_cursor_and_shift_marks() -> None:
    async with console(flowing()) as it:
        view = view_of(it)
        await it.pilot.click(view, offset=(10, 5))
        first = view.cursor
        assert first is not None
        await it.pilot.click(view, offset=(10, 8), shift=True)
        assert view.marked == (first, first + 3)
        await it.shows("│ 4 marked")


async def test_the_wheel_moves_the_page() -> None:
    async with console(flowing()) as it:
        view = view_of(it)
        top = view.top
        view.on_mouse_scroll_up()
        assert view.top == top - 3
        assert not view.follows
        view.on_mouse_scroll_down()
        assert view.follows


# Jump


async def test_jump_shows_the_line_with_what_stands_around_it() -> None:
    jumps = {"-1m": LONG - 61, "#500": 499, "-2h": LONG - 7_201, "#1": 0}
    async with console(long_log()) as it:
        view = view_of(it)
        await it.press("tab")
        for typed, line in jumps.items():
            await it.press("J", *typed, "enter")
            await until(it.pilot, lambda: view.cursor is not None)
            await until(it.pilot, lambda line=line: under_cursor(view) == f"line {line}")  # type: ignore[misc]
            await it.shows(f"line {line + 1}")
            if line:
                await it.shows(f"line {line - 1}")
            assert it.app.focused is view


async def test_a_jump_that_is_none_is_explained_and_can_be_mended() -> None:
    async with console(long_log()) as it:
        await it.press("tab", "J", *"noon", "enter")
        await it.shows("'noon' is no time and no sequence; try")
        assert it.home.prompt.is_open
        await it.press("escape")
        assert not it.home.prompt.is_open
        assert it.app.focused is view_of(it)


async def test_a_jump_beyond_the_newest_line_says_so() -> None:
    async with console(long_log()) as it:
        await it.press("tab", "J", *"#99999", "enter")
        await it.shows("web-02 has no line at or behind #99,999")
        assert view_of(it).follows


# Search


async def test_search_finds_the_newest_match_and_goes_both_ways() -> None:
    async with console(long_log()) as it:
        view = view_of(it)
        await it.press("tab", "slash", *"99", "enter")
        await until(it.pilot, lambda: view.cursor is not None)
        assert under_cursor(view) == "line 11999"
        await it.press("n", "n")
        assert under_cursor(view) == "line 11997"
        await it.press("N")
        assert under_cursor(view) == "line 11998"
        await it.shows("web-02 · ● live · /99")
        await it.press("escape")
        assert view.search is None


async def test_search_goes_on_in_the_stream_with_progress() -> None:
    gateway = long_log()
    async with console(gateway) as it:
        view = view_of(it)
        gateway.page_gate = asyncio.Event()
        await it.press("tab", "slash", *"line 42", "enter")
        await it.shows("reading …")
        gateway.page_gate.set()
        await until(it.pilot, lambda: view.cursor is not None)
        assert under_cursor(view) == "line 4299"
        await it.shows("line 4290")
        await it.shows("line 4300")
        await it.press("n")
        assert under_cursor(view) == "line 4298"


async def test_a_search_that_finds_nothing_says_how_far_it_looked() -> None:
    async with console(long_log()) as it:
        await it.press("tab", "slash", *"nowhere", "enter")
        await it.shows("'nowhere' is in no other line up to the stream's beginning")
        await it.press("N")
        await it.shows("'nowhere' is in no newer line")


async def test_a_long_search_stops_and_goes_on_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_feed, "SEARCH_LINES", 4_000)
    async with console(long_log()) as it:
        view = view_of(it)
        await it.press("tab", "slash", *"line 33", "enter")
        await it.shows("is not in 4,000 lines; the same key looks further")
        await it.press("n")
        await until(it.pilot, lambda: not it.home.panes[0].searching)
        await it.press("n")
        await until(it.pilot, lambda: view.cursor is not None)
        assert under_cursor(view) == "line 3399"


async def test_a_search_can_be_given_up() -> None:
    gateway = long_log()
    async with console(gateway) as it:
        gateway.page_gate = asyncio.Event()
        await it.press("tab", "slash", *"line 42", "enter")
        await it.shows("reading …")
        await it.press("escape")
        await it.shows("stopped looking")
        gateway.page_gate.set()
        await it.pilot.pause()
        assert "reading …" not in it.text


async def test_a_capital_is_meant_as_one() -> None:
    async with console(long_log()) as it:
        await it.press("tab", "slash", *"Line 11", "enter")
        await it.shows("is in no other line")


# Copy and save


async def test_marked_lines_are_copied_as_they_can_be_pasted() -> None:
    gateway = flowing()
    gateway.lines_of["web-02"] = [
        LogLine(sequence=1, index=0, time=NOW, text="one"),
        LogLine(sequence=2, index=0, time=NOW, text="two \x1b]52;c;x\x07" + "y" * 2_000),
        LogLine(sequence=3, index=0, time=NOW, text="three"),
    ]
    async with console(gateway) as it:
        await it.press("tab", "up", "space", "up", "c")
        await it.shows("✓ copied 2 lines to the clipboard")
        assert it.app.clipboard == f"one\ntwo ␛]52;c;x␇{'y' * 2_000}\n"
        assert view_of(it).marked is None


async def test_without_a_mark_the_newest_line_is_copied() -> None:
    async with console(long_log()) as it:
        await it.press("tab", "c")
        await it.shows("copied 1 line to the clipboard")
        assert it.app.clipboard == f"line {LONG - 1}"


async def test_a_copy_too_large_for_terminals_says_so() -> None:
    gateway = flowing()
    gateway.lines_of["web-02"] = [
        LogLine(sequence=number, index=0, time=NOW, text="z" * 999) for number in range(1, 101)
    ]
    async with console(gateway) as it:
        await it.press("tab", "up", "space", *["pageup"] * 5, "c")
        await it.shows("terminals take no more; s saves all to a file")
        assert len(base64.b64encode(it.app.clipboard.encode())) < 100_000


async def test_lines_are_saved_byte_for_byte_and_never_over_a_file(tmp_path: Path) -> None:
    gateway = flowing()
    gateway.lines_of["web-02"] = [
        LogLine(sequence=1, index=0, time=NOW, text="one\udcff"),
        LogLine(sequence=1, index=1, time=NOW, text="two\x1b[31m" + "x" * 5_000),
    ]
    path = tmp_path / "kept.log"
    async with console(gateway) as it:
        await it.press("tab", "s")
        await it.shows("save 2 lines to")
        it.home.prompt.typed.value = str(path)
        await it.press("enter")
        await until(it.pilot, path.exists)
        await it.shows("✓ saved 2 lines to")
        assert path.read_bytes() == b"one\xff\ntwo\x1b[31m" + b"x" * 5_000 + b"\n"
        assert path.stat().st_mode & 0o777 == 0o600

        await it.press("s")
        it.home.prompt.typed.value = str(path)
        await it.press("enter")
        await it.shows("is there already")
        assert it.home.prompt.is_open
        it.home.prompt.typed.value = str(tmp_path / "no" / "such")
        await it.press("enter")
        await it.shows("No such file or directory")


async def test_a_file_is_proposed_whatever_the_host_is_called() -> None:
    host = "../../etc/passwd"
    gateway = flowing()
    gateway.lines_of[host] = lines_of("web-02", 3)
    async with console(gateway) as it:
        it.home.panes[0].open(host)
        await until(it.pilot, lambda: len(view_of(it).window) > 0)
        await it.press("tab", "s")
        await until(it.pilot, lambda: it.home.prompt.is_open)
        assert "/" not in it.home.prompt.typed.value


# How lines are shown


async def test_wrap_folds_long_lines_and_keeps_the_newest_in_view() -> None:
    gateway = long_log()
    tail = " ".join(f"word{number}" for number in range(30))
    gateway.lines_of["web-02"].append(
        LogLine(sequence=LONG + 1, index=0, time=NOW, text=f"long {tail} end")
    )
    async with console(gateway) as it:
        await it.shows("long word0")
        assert "word29 end" not in it.text
        await it.press("tab", "w")
        await it.shows("word29 end")
        await it.shows("long word0")
        view = view_of(it)
        await it.press("up", *["pageup"] * 4)
        assert not view.follows
        assert under_cursor(view) in it.text
        await it.press(*["pagedown"] * 4, "down", "down")
        assert view.follows
        await it.press("w")
        await it.shows("long lines are cut")


async def test_what_is_cut_off_can_be_moved_into_view() -> None:
    gateway = long_log()
    gateway.lines_of["web-02"].append(
        LogLine(sequence=LONG + 1, index=0, time=NOW, text=f"{'a' * 60}THE END")
    )
    async with console(gateway) as it:
        await it.shows("aaaa")
        await it.press("tab", "right", "right", "right")
        await it.shows("THE END")
        await it.press("left", "left", "left")
        assert "THE END" not in it.text


async def test_times_go_round() -> None:
    async with console(long_log()) as it:
        await it.press("t")
        await it.shows("timestamps: local time")
        await it.press("t")
        await it.shows("timestamps: UTC")
        assert "Z line 11999" in it.text
        await it.press("t")
        await it.shows("-1s line 11998")
        await it.press("t")
        await it.shows("timestamps: off")
        await until(it.pilot, lambda: "17:13:19.0" not in it.text)
        await it.press("t")
        await it.shows("where a line tells none itself")


async def test_settings_say_how_lines_are_shown_at_first() -> None:
    async with console(long_log(), settings=Settings(timestamps="relative", wrap=True)) as it:
        await it.shows("-1s line 11998")
        assert view_of(it).wraps
        await it.press("plus")
        assert it.home.panes[-1].wraps


async def test_a_level_is_seen_in_colour_and_weight() -> None:
    gateway = flowing()
    gateway.lines_of["web-02"] = [LogLine(sequence=1, index=0, time=NOW, text="ERROR closed")]
    async with console(gateway) as it:
        await it.shows("ERROR closed")
        view = view_of(it)
        (piece,) = [part for part in view.render_line(0) if part.text == "ERROR"]
        assert piece.style is not None
        assert piece.style.bold
        assert piece.style.color == view.ink("bad-word").color


async def test_the_keys_of_the_place_are_shown() -> None:
    async with console(flowing(), size=(200, 60)) as it:
        assert "space mark  s sort" in it.text
        await it.press("tab")
        await it.shows(
            "tab pane  F follow  J jump  / search  n older  N newer  space mark  c copy  s save"
        )
        await it.press("escape")
        await it.shows("s sort")
