"""Sentences folded to a width. Pure."""

from __future__ import annotations

import textwrap

from natsconsole.domain.terminal_text import visible

LONGEST = 2_000


def wrapped(sentence: str, width: int) -> list[str]:
    """Return a sentence in lines of at most so many characters; at least one line."""
    text = visible(sentence, LONGEST)
    return textwrap.wrap(text, max(10, width), break_on_hyphens=False) or [""]
