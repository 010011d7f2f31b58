"""Says each problem once when it starts and once when it is over, however often it is met."""

from __future__ import annotations

import logging
from collections.abc import Hashable

logger = logging.getLogger(__name__)


class Problems:
    """The problems there are now, and who has them."""

    def __init__(self) -> None:
        self._kind_of: dict[Hashable, str] = {}
        self._who_has: dict[str, set[Hashable]] = {}
        self._sentences: dict[str, str] = {}

    def started(self, who: Hashable, kind: str, sentence: str) -> None:
        """Take note that ``who`` has a problem; it ends any other that it had."""
        if self._kind_of.get(who) == kind:
            return
        self.ended(who)
        self._kind_of[who] = kind
        if kind not in self._who_has:
            self._who_has[kind] = set()
            self._sentences[kind] = sentence
            logger.warning("%s", sentence)
        self._who_has[kind].add(who)

    def ended(self, who: Hashable) -> None:
        """Take note that ``who`` has no problem any more."""
        kind = self._kind_of.pop(who, None)
        if kind is None:
            return
        self._who_has[kind].discard(who)
        if not self._who_has[kind]:
            del self._who_has[kind]
            logger.info("it is over: %s", self._sentences.pop(kind))

    @property
    def sentences(self) -> tuple[str, ...]:
        """The problems there are now."""
        return tuple(self._sentences.values())

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of each of them what kind it is, in the same order."""
        return tuple(self._sentences)
