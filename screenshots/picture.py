"""A picture of a running console, and the words in it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from html import unescape

from textual.app import App
from textual.pilot import Pilot

_FONT_FACE = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)
_TEXT = re.compile(r'<text class="[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')
_UNIQUE_ID = re.compile(r"terminal-\d+")


def picture_of(app: App[None]) -> str:
    """Return the screen as an SVG that needs nothing from elsewhere."""
    picture = app.export_screenshot(title="natsconsole", simplify=True)
    return _UNIQUE_ID.sub("terminal", _FONT_FACE.sub("\n", picture))


def text_of(picture: str) -> str:
    """Return the words of a picture, line by line, for a difference that people can read."""
    lines: dict[float, list[tuple[float, str]]] = {}
    for x, y, words in _TEXT.findall(picture):
        lines.setdefault(float(y), []).append((float(x), unescape(words).replace("\xa0", " ")))
    return "\n".join(
        "".join(words for _, words in sorted(lines[y])).rstrip() for y in sorted(lines)
    )


async def until(pilot: Pilot[None], condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            break
        await pilot.pause(0.02)
    else:
        return
    raise TimeoutError("the console did not come to the state that was waited for")
