"""The keys that act on panes and their lines: what is shown, searched, gone to, copied, saved."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from textual import on

from natsconsole.domain.jump import EXAMPLES, NotAPlaceError, parse_jump
from natsconsole.domain.jump import Sequence as AtSequence
from natsconsole.gateway.interface import Gateway
from natsconsole.tui.commands import key_of
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.format import plural
from natsconsole.tui.home.line_file import copied_text, proposed_name
from natsconsole.tui.home.line_search import Search
from natsconsole.tui.home.line_times import WORDS
from natsconsole.tui.home.line_view import LineView
from natsconsole.tui.home.line_window import Key
from natsconsole.tui.home.log_pane import LogPane, search_progress
from natsconsole.tui.home.page_feed import (
    Copied,
    Direction,
    Landed,
    NotFound,
    NotSaved,
    PageFailed,
    PageFeed,
    PageRead,
    Saved,
    Searching,
    Whose,
)
from natsconsole.tui.home.prompt import Prompt
from natsconsole.tui.home.shipper_keys import ShipperKeys
from natsconsole.tui.settings import TIMESTAMPS, Settings


class PaneKeys(ShipperKeys):
    """A screen with panes, whose keys act on the active one."""

    def __init__(self, gateway: Gateway, demo: DemoControls | None, settings: Settings) -> None:
        super().__init__(gateway, demo)
        self._settings = settings
        self._pages = PageFeed(gateway, self.post_message)

    @property
    def panes(self) -> tuple[LogPane, ...]:
        """The panes, first one first."""
        return tuple(self.query(LogPane))

    @property
    @abstractmethod
    def pane(self) -> LogPane:
        """The pane that keys act on."""

    @abstractmethod
    def moment(self) -> float:
        """Return the time, in seconds since the epoch."""

    @abstractmethod
    def read_lines_soon(self) -> None:
        """Ask for new lines now."""

    def _pane_of(self, whose: Whose) -> LogPane | None:
        return next((pane for pane in self.panes if pane.whose == whose), None)

    # Lines elsewhere in the stream

    @on(LineView.Wants)
    def fetch(self, event: LineView.Wants) -> None:
        """Read the lines that a pane lacks."""
        event.stop()
        pane = next((one for one in self.panes if one.view is event.view), None)
        if pane is None:
            return
        window = event.view.window
        if event.side == "newest":
            self.read_lines_soon()
        elif event.side == "start":
            self._work(pane, partial(self._pages.jump, pane.whose, AtSequence(1)))
        else:
            edge = window.first_key if event.side == "older" else window.last_key
            question = partial(self._pages.page, pane.whose, event.side, edge)
            self.ask(f"{event.side} {id(pane)}", question)

    @on(PageRead)
    def add_page(self, event: PageRead) -> None:
        """Give a pane the lines it asked for."""
        event.stop()
        pane = self._pane_of(event.whose)
        if pane is not None and event.side == "older":
            pane.view.add_older(event.lines)
        elif pane is not None:
            pane.view.add_newer(event.lines)

    @on(PageFailed)
    def say_page_failed(self, event: PageFailed) -> None:
        """Say why there are no more lines, and let them be asked for again."""
        event.stop()
        pane = self._pane_of(event.whose)
        if pane is not None:
            pane.view.ask_again()
            self.say(event.reason, is_refusal=True)

    @on(Landed)
    def land(self, event: Landed) -> None:
        """Show the place that was gone to."""
        event.stop()
        pane = self._pane_of(event.whose)
        if pane is None:
            return
        pane.searching = ""
        pane.resume = None
        pane.view.land(event.lines, event.target, is_start=event.is_start)
        self.read_lines_soon()

    @on(Searching)
    def show_progress(self, event: Searching) -> None:
        """Say how far a search has come."""
        event.stop()
        pane = self._pane_of(event.whose)
        if pane is not None and pane.searching:
            pane.searching = search_progress(event.lines, event.moment)

    @on(NotFound)
    def say_not_found(self, event: NotFound) -> None:
        """Say that a search or a jump led nowhere."""
        event.stop()
        pane = self._pane_of(event.whose)
        if pane is not None:
            pane.searching = ""
            pane.resume = event.resume
        self.say(event.sentence, is_refusal=True)

    def _work(self, pane: LogPane, question: partial) -> None:  # type: ignore[type-arg]
        """Go somewhere for a pane; what it was looking for before is given up."""
        self.stop_search(pane)
        if self.ask(f"work {id(pane)}", question):
            pane.searching = "reading …"

    def stop_search(self, pane: LogPane) -> bool:
        """Give up what a pane is looking for; return whether it was looking."""
        was_searching = bool(pane.searching)
        self.give_up(f"work {id(pane)}")
        pane.searching = ""
        return was_searching

    # Search

    def _with_lines(self) -> LogPane | None:
        pane = self.pane
        if pane.host and len(pane.view.window):
            return pane
        self.say("this pane has no lines yet", is_refusal=True)
        return None

    def action_search_lines(self) -> None:
        """Ask what to look for."""
        pane = self._with_lines()
        if pane is not None:
            search = pane.view.search
            older, newer = key_of(self.app, "lines.older"), key_of(self.app, "lines.newer")
            self.prompt.ask(
                "search",
                f"search {pane.host}",
                value=search.text if search else "",
                hint=f"{older} older, {newer} newer",
            )

    def action_find_older(self) -> None:
        """Go to the match above."""
        self._find("older")

    def action_find_newer(self) -> None:
        """Go to the match below."""
        self._find("newer")

    def _find(self, direction: Direction, *, includes_cursor: bool = False) -> None:
        pane = self._with_lines()
        if pane is None:
            return
        view = pane.view
        if view.search is None:
            self.action_search_lines()
            return
        lines = view.window.lines
        if direction == "older":
            start = len(lines) if view.cursor is None else view.cursor + includes_cursor
            place = view.search.older(lines, start)
        else:
            start = len(lines) if view.cursor is None else view.cursor
            place = view.search.newer(lines, start)
        if place is not None:
            view.go_to(place)
        elif direction == "newer" and view.window.at_end:
            self.say(f"{view.search.text!r} is in no newer line", is_refusal=True)
        elif direction == "older" and view.window.at_start:
            self.say(f"{view.search.text!r} is in no older line", is_refusal=True)
        else:
            self._search_stream(pane, view.search, direction)

    def _search_stream(self, pane: LogPane, search: Search, direction: Direction) -> None:
        window = pane.view.window
        edge: Key = window.first_key if direction == "older" else window.last_key
        if pane.resume is not None and pane.resume_direction == direction:
            edge = pane.resume
        pane.resume_direction = direction
        pane.view.follows = False  # else the lines would go on under the search
        self._work(pane, partial(self._pages.find, pane.whose, search, direction, edge))

    # Prompt

    @on(Prompt.Answered)
    def take_answer(self, event: Prompt.Answered) -> None:
        """Do what was asked for in the prompt."""
        event.stop()
        match event.purpose:
            case "search":
                self._search_for(event.text)
            case "jump":
                self._jump_to(event.text)
            case "save":
                self._save_to(event.text)
            case "button":
                self.press_button(event.text)

    def _search_for(self, text: str) -> None:
        self.prompt.close()
        pane = self.pane
        pane.resume = None
        pane.view.search = Search(text) if text else None
        if text:
            self._find("older", includes_cursor=True)

    def _jump_to(self, text: str) -> None:
        try:
            place = parse_jump(text, self.moment())
        except NotAPlaceError as error:
            self.say(str(error), is_refusal=True)
            return
        self.prompt.close()
        self._work(self.pane, partial(self._pages.jump, self.pane.whose, place))

    def action_jump(self) -> None:
        """Ask where to go."""
        pane = self._with_lines()
        if pane is not None:
            self.prompt.ask("jump", f"go to, in {pane.host}", hint=EXAMPLES)

    # Copy and save

    def _chosen_lines(self, *, else_all: bool) -> tuple[Key, Key] | None:
        pane = self._with_lines()
        if pane is None:
            return None
        view, lines = pane.view, pane.view.window.lines
        if view.marked is not None:
            first, last = view.marked
        elif else_all:
            first, last = 0, len(lines) - 1
        else:
            first = last = view.cursor if view.cursor is not None else view.visible_places[1]
        return lines[first].key, lines[min(last, len(lines) - 1)].key

    def action_mark_lines(self) -> None:
        """Mark lines from here on, or leave it."""
        pane = self._with_lines()
        if pane is not None:
            pane.view.mark()

    def action_copy_lines(self) -> None:
        """Read the chosen lines for the clipboard."""
        keys = self._chosen_lines(else_all=False)
        if keys is not None:
            self.ask("copy", partial(self._pages.copy, self.pane.host, *keys))

    @on(Copied)
    def copy(self, event: Copied) -> None:
        """Put lines on the clipboard, as far as terminals take them."""
        event.stop()
        text, whole = copied_text(event.lines)
        self.app.copy_to_clipboard(text)
        self.pane.view.marked_from = None
        if whole < len(event.lines):
            save = key_of(self.app, "lines.save")
            what = plural(whole, "line") if whole else "the line's beginning"
            self.say(
                f"copied {what} of {len(event.lines):,}: terminals take no more; "
                f"{save} saves all to a file",
                is_refusal=True,
            )
        else:
            self.say(f"copied {plural(whole, 'line')} to the clipboard")

    def action_save_lines(self) -> None:
        """Ask where to save."""
        keys = self._chosen_lines(else_all=True)
        if keys is not None:
            marked = self.pane.view.marked
            number = marked[1] - marked[0] + 1 if marked else len(self.pane.view.window)
            self.prompt.ask(
                "save",
                f"save {plural(number, 'line')} to",
                value=proposed_name(self.pane.host, self.moment()),
                hint="a new file, readable by you only",
            )

    def _save_to(self, text: str) -> None:
        keys = self._chosen_lines(else_all=True)
        if not text.strip():
            self.say("a file needs a name", is_refusal=True)
        elif keys is not None:
            path = Path(text.strip()).expanduser().absolute()
            self.ask("save", partial(self._pages.save, self.pane.host, *keys, path))

    @on(Saved)
    def say_where(self, event: Saved) -> None:
        """Say where the lines are."""
        event.stop()
        self.prompt.close()
        self.pane.view.marked_from = None
        self.say(f"saved {plural(event.lines, 'line')} to {event.path}")

    @on(NotSaved)
    def say_not_saved(self, event: NotSaved) -> None:
        """Say why there is no file; the prompt stays, for another name."""
        event.stop()
        self.say(event.reason, is_refusal=True)

    # How lines are shown

    def action_toggle_follow(self) -> None:
        """Pause, or follow."""
        view = self.pane.view
        view.follows = not view.follows

    def action_toggle_wrap(self) -> None:
        """Fold long lines, or cut them."""
        self._settings = replace(self._settings, wrap=not self._settings.wrap)
        self.show_settings()
        self.say("long lines are folded" if self._settings.wrap else "long lines are cut")

    def action_cycle_times(self) -> None:
        """Tell the time otherwise."""
        following = (TIMESTAMPS.index(self._settings.timestamps) + 1) % len(TIMESTAMPS)
        self._settings = replace(self._settings, timestamps=TIMESTAMPS[following])
        self.show_settings()
        self.say(WORDS[self._settings.timestamps])

    def show_settings(self) -> None:
        """Let the panes show what was chosen."""
        for pane in self.panes:
            pane.wraps = self._settings.wrap
            pane.times = self._settings.timestamps

    def action_lines_left(self) -> None:
        """Go back to the left."""
        self._sideways(-1)

    def action_lines_right(self) -> None:
        """Show what is cut off."""
        self._sideways(1)

    def _sideways(self, steps: Literal[-1, 1]) -> None:
        self.pane.view.move_sideways(steps)
