"""Finding a text in lines. Small letters find both cases; a capital is meant as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from natsconsole.tui.home.line_window import ShownLine

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Search:
    """A text that is looked for, as it stands: no character is special."""

    text: str
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        flags = re.NOFLAG if any(char.isupper() for char in self.text) else re.IGNORECASE
        object.__setattr__(self, "_pattern", re.compile(re.escape(self.text), flags))

    def matches(self, text: str) -> bool:
        """Whether the text is in this line."""
        return self._pattern.search(text) is not None

    def spans(self, text: str) -> list[Span]:
        """Return where it is, from left to right."""
        return [found.span() for found in self._pattern.finditer(text) if found[0]]

    def older(self, lines: Sequence[ShownLine], place: int) -> int | None:
        """Return the last place before ``place`` that matches, or None."""
        return next((at for at in range(place - 1, -1, -1) if self._is_in(lines[at])), None)

    def newer(self, lines: Sequence[ShownLine], place: int) -> int | None:
        """Return the first place behind ``place`` that matches, or None."""
        return next((at for at in range(place + 1, len(lines)) if self._is_in(lines[at])), None)

    def _is_in(self, line: ShownLine) -> bool:
        return not line.is_gap and self.matches(line.text)
