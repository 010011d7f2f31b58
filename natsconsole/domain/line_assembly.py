"""Whole lines from messages that may end within one.

A shipper splits a line that is longer than a message, and a file may end without a line end. What
waits for its end is kept by host and log, so that nothing of another log comes between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LONGEST = 1 << 20
"""Bytes of one line that are kept together at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a line comes from. All of it is untrusted."""

    host: str
    log: str = ""
    """The source log's name, where the message tells it."""
    subject: str = ""
    sequence: int = 0
    """Stream sequence of the message in which the line begins."""
    time: str = ""
    """When the stream stored that message, RFC 3339."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLine:
    """A line, or what there is of it."""

    place: Place
    data: bytes
    """Without its line end."""
    has_end: bool = True
    """Whether its line end was there."""

    @property
    def text(self) -> str:
        """The line as text; bytes that are not UTF-8 are surrogate escapes."""
        return self.data.decode("utf-8", "surrogateescape")


class LineAssembly:
    """Joins what belongs to one line."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], tuple[FoundLine, float]] = {}

    def take(self, place: Place, payload: bytes, now: float) -> list[FoundLine]:
        """Return the lines that end in this payload, the first with what came before of it.

        Args:
            place: where the payload comes from.
            payload: lines; the last may have no end.
            now: in seconds, by any clock that ``overdue`` is told, too.
        """
        key = (place.host, place.log)
        before, _ = self._open.pop(key, (None, 0.0))
        *whole, rest = payload.split(b"\n")
        if before is not None and whole:
            first = replace(before, data=before.data + whole[0], has_end=True)
            found = [first, *(FoundLine(place=place, data=one) for one in whole[1:])]
        else:
            found = [FoundLine(place=place, data=one) for one in whole]
        if before is not None and not whole:
            last = replace(before, data=before.data + rest)
        else:
            last = FoundLine(place=place, data=rest, has_end=False)
        if len(last.data) > LONGEST:
            found.append(last)
        elif last.data:
            self._open[key] = (last, now)
        return found

    def overdue(self, before: float = float("inf")) -> list[FoundLine]:
        """Return, and let go of, what has waited for its end since earlier than a moment."""
        late = [key for key, (_, since) in self._open.items() if since < before]
        return [self._open.pop(key)[0] for key in late]
