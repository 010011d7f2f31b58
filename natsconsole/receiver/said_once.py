"""Problems that last are said when they begin, not again in every round."""

from __future__ import annotations

import logging
from collections.abc import Callable

from natsconsole.domain.terminal_text import visible


class SaidOnce:
    """Logs each problem in the first of the rounds in which it is met."""

    def __init__(self, log: logging.Logger, count: Callable[[str], None]) -> None:
        """``count`` is told each problem in each round, as one line safe for a terminal."""
        self._log = log
        self._count = count
        self._before: dict[str, str] = {}
        self._now: dict[str, str] = {}

    def begin_round(self) -> None:
        """Forget the problems that the round before did not meet any more: they are over."""
        self._before, self._now = self._now, {}

    def say(self, what: str, why: str) -> None:
        """Note that there is a problem with ``what``, such as a path."""
        text = visible(f"{what}: {why}")
        if self._now.get(what, self._before.get(what)) != why:
            self._log.warning("%s", text)
        self._now[what] = why
        self._count(text)

    @property
    def current(self) -> tuple[str, ...]:
        """The problems met in this round so far, each as one line safe for a terminal."""
        return tuple(visible(f"{what}: {why}") for what, why in self._now.items())

    def say_error(self, what: str, error: OSError) -> None:
        self.say(what, error.strerror or str(error))
