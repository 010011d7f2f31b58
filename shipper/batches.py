"""Which bytes of a file make the next message: whole lines, or a piece of one that is too long.

Nothing here decodes, changes or drops a byte: the pieces of a file, joined, are the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from shipper.wire import SourceRange, Split

MAX_BATCH = 512 << 10
"""Bytes of one message; behind, larger ones gain nothing."""
HEADERS_ROOM = 4 << 10
"""What a message's headers may take of the server's max_payload."""
SMALLEST_BATCH = 1 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One message to be: some bytes of a file, and which they are."""

    source: SourceRange
    payload: bytes
    digest: str
    """Tells after a restart whether the range still holds the same bytes."""
    lines: int
    """How many lines end in it."""


def digest_of(payload: bytes) -> str:
    """Return a short hash of some content."""
    return hashlib.sha256(payload).hexdigest()[:32]


class Cut(NamedTuple):
    """Where to cut: the first ``size`` bytes are the next message. Of nothing there is none."""

    size: int
    split: Split | None = None


def batch_limit(max_payload: int) -> int:
    """Return how many bytes of a file one message may hold."""
    return max(SMALLEST_BATCH, min(MAX_BATCH, max_payload - HEADERS_ROOM))


def cut(
    content: bytes, *, limit: int, max_line: int, inside_line: bool, final: bool = False
) -> Cut | None:
    """Return the next message at the beginning of ``content``, or None to wait for more.

    Args:
        content: the file's bytes from the position on.
        limit: the most bytes of one message.
        max_line: a line with more bytes, its end included, is split.
        inside_line: the byte before ``content`` ends no line.
        final: no more will follow, so that a last line without an end goes too.
    """
    piece = min(max_line, limit)
    if inside_line:
        return _rest_of_line(content, piece, final=final)
    whole = 0
    while whole < limit:
        end = content.rfind(b"\n", whole, min(whole + piece, limit))
        if end < 0:
            break
        whole = end + 1
    rest = len(content) - whole
    if whole and not (final and 0 < rest < piece and len(content) <= limit):
        return Cut(whole)
    if rest >= piece:
        return Cut(piece, None if final and rest == piece else "head")
    return Cut(len(content)) if final and content else None


def _rest_of_line(content: bytes, piece: int, *, final: bool) -> Cut | None:
    end = content.find(b"\n", 0, piece)
    if end >= 0:
        return Cut(end + 1, "tail")
    if len(content) >= piece and not (final and len(content) == piece):
        return Cut(piece, "middle")
    return Cut(len(content), "tail") if final and content else None
