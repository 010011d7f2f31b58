"""What the server refuses this login, in words: never shown as nothing or zero."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal, TypeVar

from shipper.connection import PermissionDeniedError

Task = Literal["account", "streams", "stream", "consumers", "messages", "past"]
NAMED = 3
"""Streams that are named in one line at most."""
ENOUGH = 16
"""Refusals of one kind after which, without one that was granted, nothing more of it is asked."""

_WORDS: dict[Task, str] = {
    "account": "see what the account uses and may",
    "streams": "list streams",
    "stream": "see stream {}",
    "consumers": "list the consumers of {}",
    "messages": "read messages of {}, so lag in seconds is not known",
    "past": "read past advisories from {}",
}
_Answer = TypeVar("_Answer")


class Denials:
    """Refusals of one look."""

    def __init__(self) -> None:
        self._subjects: dict[Task, dict[str, str]] = {}
        """By what was to be done and the stream: the subject that may not be published to."""
        self._granted: set[Task] = set()

    def clear(self) -> None:
        """Begin a look."""
        self._subjects.clear()
        self._granted.clear()

    async def unless_denied(
        self, asked: Awaitable[_Answer], task: Task, stream: str = ""
    ) -> _Answer | None:
        """Return the answer, or None where this login may not ask: that is kept.

        Raises:
            PermissionDeniedError: it may not hear the answers to anything.
        """
        try:
            answer = await asked
        except PermissionDeniedError as error:
            if error.subject.endswith(".>"):  # an inbox: no request has such a subject
                raise
            self._subjects.setdefault(task, {})[stream] = error.subject
            return None
        self._granted.add(task)
        return answer

    def refuses(self, task: Task, stream: str = "") -> bool:
        """Whether this was refused, in this look."""
        return stream in self._subjects.get(task, {})

    def is_hopeless(self, task: Task) -> bool:
        """Whether so many of a kind were refused, and none granted, that more would be, too."""
        return task not in self._granted and len(self._subjects.get(task, {})) >= ENOUGH

    def lines(self) -> tuple[str, ...]:
        """Return what is refused, one line a kind, with what would have to be granted."""
        return tuple(
            self._line(task, subjects) for task, subjects in self._subjects.items() if subjects
        )

    def _line(self, task: Task, subjects: dict[str, str]) -> str:
        streams = list(subjects)
        names = ", ".join(streams[:NAMED])
        if len(streams) > NAMED:
            names += f" and {len(streams) - NAMED:,} more"
        needed = subjects[streams[0]]
        if len(streams) > 1:
            needed = needed.removesuffix(streams[0]) + "*"
        return f"not permitted: to {_WORDS[task].format(names)}; it needs to publish to {needed}"
