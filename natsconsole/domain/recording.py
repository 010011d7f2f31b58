"""What the console saw, kept compactly: the form of a recording. Pure.

A recording is a line that says what it is, then frames. Every so many frames one holds all that
was seen, those between only what changed. The frames of such a block are one zlib stream, ended at
a byte with each frame: what a crash cuts off is the last frame, and nothing else.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from natsconsole.domain.advisories import Advisory, EventsSeen
from natsconsole.domain.snapshots import EMPTY_HOME, HomeSnapshot, Link
from natsconsole.domain.triage import EMPTY_TRIAGE, TriageSnapshot

MAGIC = b"natsconsole recording 1\n"
_HEAD = struct.Struct(">cdI")
"""Kind of the frame, its time in seconds since the epoch, bytes that follow."""
KEY, DELTA = b"K", b"D"
BLOCK = 120
"""Frames from one that holds all to the next: so many are read at most to jump anywhere."""
EVENTS = 300
"""Advisories that each moment has at most."""
LATEST = 253_402_300_800.0
"""Seconds since the epoch at which the years have five digits: no frame is of then."""
LARGEST = 64 << 20
"""Bytes that one frame may unpack to: a file from elsewhere may be a trap."""
SHIFTS = 8
"""Places by which a list's items may have moved, as those of a history do."""
DECIMALS = 4
Tree = Any
NO_LINK = Link()


class NoRecordingError(ValueError):
    """A file is no recording, or cannot be read. The text is one line for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that was seen at a moment."""

    home: HomeSnapshot = EMPTY_HOME
    triage: TriageSnapshot = EMPTY_TRIAGE
    link: Link = NO_LINK
    events: tuple[Advisory, ...] = ()
    """Oldest first."""
    history: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class FrameAt:
    """Where a frame is in the file."""

    kind: bytes
    time: float
    start: int
    """Offset of its packed bytes."""
    length: int


_NOT_AS_PACKED = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What a tree raises that is of another shape than was packed."""


class Packer:
    """Makes frames of what is seen."""

    def __init__(self) -> None:
        self._before: Tree = None
        self._left = 0
        self._stream = zlib.compressobj(6)

    def pack(self, seen: Seen, time: float) -> bytes:
        """Return the next frame."""
        tree = _tree_of(seen)
        if self._left == 0:
            kind, content = KEY, tree
            self._left = BLOCK
            self._stream = zlib.compressobj(6)
        else:
            kind, content = DELTA, difference(self._before, tree)
        self._left -= 1
        self._before = tree
        raw = msgspec.msgpack.encode(content)
        packed = self._stream.compress(raw) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        return _HEAD.pack(kind, time, len(packed)) + packed


class Unpacker:
    """Reads the frames of one block, in order."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()
        self._tree: Tree = None

    def unpack(self, frame: FrameAt, packed: bytes) -> Tree:
        """Return the tree of the next frame.

        Raises:
            NoRecordingError: the frame is damaged.
        """
        try:
            if frame.kind == KEY:
                self._stream = zlib.decompressobj()
            raw = self._stream.decompress(packed, LARGEST)
            if self._stream.unconsumed_tail:
                raise NoRecordingError(f"a frame at byte {frame.start:,} is too large to be true")
            content = msgspec.msgpack.decode(raw, strict=False)
            self._tree = content if frame.kind == KEY else applied(self._tree, content)
        except NoRecordingError:
            raise
        except (zlib.error, msgspec.MsgspecError, *_NOT_AS_PACKED) as error:
            raise NoRecordingError(f"the frame at byte {frame.start:,} is damaged") from error
        return self._tree


def frames_of(data: bytes | memoryview) -> Iterator[FrameAt]:
    """Return where each whole frame of a recording is; one that was cut off is left out.

    Raises:
        NoRecordingError: the data is no recording.
    """
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise NoRecordingError("it is no recording of natsconsole")
    at = len(MAGIC)
    while at + _HEAD.size <= len(data):
        kind, time, length = _HEAD.unpack_from(data, at)
        if kind not in (KEY, DELTA) or not 0 <= time < LATEST:
            raise NoRecordingError(f"what stands at byte {at:,} is no frame: the file is damaged")
        start = at + _HEAD.size
        if start + length > len(data):
            return
        yield FrameAt(kind, time, start, length)
        at = start + length


def seen_of(tree: Tree) -> Seen:
    """Return what a tree says was seen.

    Raises:
        NoRecordingError: it does not fit, as of another release.
    """
    try:
        return msgspec.convert(tree, Seen, strict=False)
    except (msgspec.MsgspecError, *_NOT_AS_PACKED) as error:
        raise NoRecordingError(f"it was made by another release: {error}") from error


def events_of(seen: Seen) -> EventsSeen:
    """Return the advisories as the Events screen shows them."""
    counts: dict[Any, int] = {}
    for one in seen.events:
        counts[one.kind] = counts.get(one.kind, 0) + 1
    return EventsSeen(
        events=tuple(reversed(seen.events)),
        counts=tuple(counts.items()),
        history="as it was recorded",
        revision=hash((len(seen.events), seen.events[-1].id if seen.events else "")),
    )


def _tree_of(seen: Seen) -> Tree:
    return _plain(msgspec.to_builtins(seen))


def _plain(value: Tree) -> Tree:
    """Return a tree without what is worked out anew, and with fractions cut short."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if not _is_private(key)}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return round(value, DECIMALS)
    return value


def _is_private(key: object) -> bool:
    return isinstance(key, str) and key.startswith("_")


def difference(before: Tree, after: Tree) -> Tree:
    """Return what makes ``after`` of ``before``; they must differ, or be trees.

    A list of one is the new value; a list of two says how many of the first items go and which
    come at the end; a mapping says what is different at its keys or places.
    """
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        return {
            key: difference(before[key], value)
            for key, value in after.items()
            if before[key] != value
        }
    if isinstance(before, list) and isinstance(after, list):
        for gone in range(min(SHIFTS, len(before)) + 1):
            kept = len(before) - gone
            if 0 < kept <= len(after) and before[gone:] == after[:kept]:
                return [gone, after[kept:]]
        if len(before) == len(after) and isinstance(next(iter(after), None), dict):
            return {
                place: difference(old, new)
                for place, (old, new) in enumerate(zip(before, after, strict=True))
                if old != new
            }
    return [after]


def applied(before: Tree, change: Tree) -> Tree:
    """Return what a difference makes of a tree; the tree itself stays as it is."""
    if isinstance(change, list):
        if len(change) == 1:
            return change[0]
        gone, come = change
        return [*before[gone:], *come]
    if isinstance(before, list):
        items = list(before)
        for place, inner in change.items():
            items[place] = applied(items[place], inner)
        return items
    fields: Mapping[str, Tree] = before
    return {**fields, **{key: applied(fields[key], inner) for key, inner in change.items()}}
