"""Asking the gateway for lines elsewhere in the stream: values go in, messages come out.

Every answer carries the pane's generation: one that comes when the pane shows something else by
then is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textual.message import Message

from natsconsole.domain.jump import At
from natsconsole.domain.jump import Sequence as AtSequence
from natsconsole.domain.lines import LogLine
from natsconsole.gateway.interface import Gateway, GatewayError
from natsconsole.tui.home.line_file import write_new
from natsconsole.tui.home.line_search import Search
from natsconsole.tui.home.line_window import Key, shown

PAGE = 500
"""Lines asked for at once."""
CONTEXT = 250
"""Lines before and behind the one that was gone to."""
SEARCH_PAGE = 2_000
SEARCH_LINES = 200_000
"""Lines that one search reads in the stream; asked again, it goes on."""
MOST_BYTES = 64 << 20
"""Of lines that are copied or saved."""

Direction = Literal["older", "newer"]


@dataclass(frozen=True, slots=True)
class Whose:
    """The lines that are asked about: one host's, in one state of its pane."""

    host: str
    generation: int


@dataclass
class PageRead(Message):
    """Lines next to those that a pane has; none where the stream has none."""

    whose: Whose
    side: Direction
    lines: Sequence[LogLine]


@dataclass
class PageFailed(Message):
    """Lines could not be read now."""

    whose: Whose
    reason: str


@dataclass
class Landed(Message):
    """Lines around the place that was asked for."""

    whose: Whose
    lines: Sequence[LogLine]
    target: Key
    is_start: bool
    """Whether the stream has none before them."""
    found: bool = False
    """Whether a search led here."""


@dataclass
class Searching(Message):
    """How far a search in the stream has come."""

    whose: Whose
    lines: int
    moment: float

    def can_replace(self, message: Message) -> bool:
        """Only the newest state matters."""
        return isinstance(message, Searching)


@dataclass
class NotFound(Message):
    """A search or a jump led nowhere."""

    whose: Whose
    sentence: str
    resume: Key | None = None
    """Where a search stopped that may go on."""


@dataclass
class Copied(Message):
    """Lines for the clipboard."""

    lines: Sequence[str]


@dataclass
class Saved(Message):
    """Lines were written to a file."""

    path: Path
    lines: int


@dataclass
class NotSaved(Message):
    """Lines could not be copied or written."""

    reason: str


class PageFeed:
    """The questions, each with its answer as a message."""

    def __init__(self, gateway: Gateway, post: Callable[[Message], object]) -> None:
        self._gateway = gateway
        self._post = post

    async def page(self, whose: Whose, side: Direction, edge: Key) -> None:
        """Read the lines on one side of a line."""
        sequence, index = edge
        try:
            if side == "older":
                # Of a message of which only the end is there, the rest comes first.
                before = sequence + (index > 0)
                lines = await self._gateway.lines_before(whose.host, before, PAGE)
            else:
                lines = await self._behind(whose.host, edge, PAGE)
        except GatewayError as error:
            self._post(PageFailed(whose, str(error)))
        else:
            self._post(PageRead(whose, side, lines))

    async def jump(self, whose: Whose, place: At | AtSequence) -> None:
        """Go to a moment or a sequence."""
        try:
            if isinstance(place, At):
                sequence = await self._gateway.sequence_at(whose.host, place.moment)
            else:
                sequence = place.number
            if sequence is None or not await self._land(whose, (sequence, 0)):
                words = "so late" if isinstance(place, At) else f"at or behind #{place.number:,}"
                self._post(NotFound(whose, f"{whose.host} has no line {words}"))
        except GatewayError as error:
            self._post(NotFound(whose, str(error)))

    async def find(self, whose: Whose, search: Search, direction: Direction, edge: Key) -> None:
        """Look for a text in the stream, from the edge of what is loaded on."""
        try:
            await self._find(whose, search, direction, edge)
        except GatewayError as error:
            self._post(NotFound(whose, str(error)))

    async def _find(self, whose: Whose, search: Search, direction: Direction, edge: Key) -> None:
        count = 0
        while count < SEARCH_LINES:
            if direction == "older":
                before = edge[0] + (edge[1] > 0)
                page = await self._gateway.lines_before(whose.host, before, SEARCH_PAGE)
                page = [line for line in page if (line.sequence, line.index) < edge][::-1]
            else:
                page = await self._behind(whose.host, edge, SEARCH_PAGE)
            if not page:
                end = "the stream's beginning" if direction == "older" else "its newest line"
                self._post(NotFound(whose, f"{search.text!r} is in no other line up to {end}"))
                return
            for line in page:
                if search.matches(shown(line).text):
                    await self._land(whose, (line.sequence, line.index), found=True)
                    return
            count += len(page)
            edge = (page[-1].sequence, page[-1].index)
            self._post(Searching(whose, count, page[-1].time))
            await asyncio.sleep(0)
        sentence = f"{search.text!r} is not in {count:,} lines; the same key looks further"
        self._post(NotFound(whose, sentence, edge))

    async def _behind(self, host: str, edge: Key, limit: int) -> Sequence[LogLine]:
        """Read on behind a line, which need not be its message's last."""
        lines = await self._gateway.lines_after(host, edge[0] - 1, limit)
        lines = [line for line in lines if (line.sequence, line.index) > edge]
        return lines or await self._gateway.lines_after(host, edge[0], limit)

    async def _land(self, whose: Whose, target: Key, *, found: bool = False) -> bool:
        after = await self._gateway.lines_after(whose.host, target[0] - 1, CONTEXT)
        if not after:
            return False
        target = max(target, (after[0].sequence, after[0].index))
        before = await self._gateway.lines_before(whose.host, after[0].sequence, CONTEXT)
        self._post(Landed(whose, [*before, *after], target, not before, found))
        return True

    async def copy(self, host: str, first: Key, last: Key) -> None:
        """Read lines for the clipboard, whole ones."""
        lines = await self._lines(host, first, last)
        if lines is not None:
            self._post(Copied([line.text for line in lines]))

    async def save(self, host: str, first: Key, last: Key, path: Path) -> None:
        """Write lines to a new file, byte for byte as they were stored."""
        lines = await self._lines(host, first, last)
        if lines is None:
            return
        try:
            await asyncio.to_thread(write_new, path, [line.text for line in lines])
        except OSError as error:
            reason = f"{path} is there already" if isinstance(error, FileExistsError) else ""
            self._post(NotSaved(reason or f"{path}: {error.strerror or error}"))
        else:
            self._post(Saved(path, len(lines)))

    async def _lines(self, host: str, first: Key, last: Key) -> list[LogLine] | None:
        found: list[LogLine] = []
        size, after = 0, first[0] - 1
        try:
            while after < last[0] and size < MOST_BYTES:
                page = await self._gateway.lines_after(host, after, PAGE)
                if not page:
                    break
                for line in page:
                    if first <= (line.sequence, line.index) <= last:
                        found.append(line)
                        size += len(line.text)
                after = page[-1].sequence
        except GatewayError as error:
            self._post(NotSaved(str(error)))
            return None
        if not found:
            self._post(NotSaved("the stream no longer has these lines"))
            return None
        return found
