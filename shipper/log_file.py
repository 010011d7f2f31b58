"""One open file of a log: how far it was read, how far acknowledged, and what changed about it."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from shipper.batches import Batch, cut, digest_of
from shipper.fingerprint import HEAD_BYTES, TAIL_BYTES, Position, read_head, read_tail
from shipper.wire import SourceRange

_last_identity = 0


class ContentChangedError(Exception):
    """The bytes before the read position are others than were read there."""


class LogFile:
    """A file held open until it is drained, whatever becomes of its name.

    Args:
        file: its descriptor, closed by `close`.
        position: how far it was acknowledged before; without one it is a new file.
    """

    __slots__ = (
        "_acked_lines",
        "_acked_tail",
        "_head",
        "_head_digest",
        "_lag_mark",
        "_lag_since",
        "_marker",
        "_stuck_at",
        "acked",
        "current_ns",
        "device",
        "file",
        "grown_at",
        "identity",
        "inode",
        "lines",
        "modified_ns",
        "read",
        "shrunk_from",
        "size",
        "unread_since",
    )

    def __init__(self, file: int, position: Position | None = None) -> None:
        status = os.fstat(file)
        self.file = file
        self.device, self.inode = status.st_dev, status.st_ino
        self.identity = position.identity if position else new_identity(status.st_ino)
        self.read = self.acked = position.offset if position else 0
        self.lines = self._acked_lines = position.lines if position else 0
        self._marker = self._acked_tail = read_tail(file, self.read)
        self._head, self._head_digest = b"", ""
        self._take_head(read_head(file, self.read))
        self.size = status.st_size
        self.shrunk_from = 0
        self.modified_ns = status.st_mtime_ns
        self.current_ns = position.modified_ns if position else status.st_mtime_ns
        """When it was last written while it had the log's name, as far as is known."""
        # A file that nobody wrote for a while needs no time to settle.
        self.grown_at = time.monotonic() - max(0.0, time.time() - status.st_mtime)
        self.unread_since = self._lag_since = self.grown_at
        self._lag_mark = self.size
        self._stuck_at = -1

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    @property
    def unread(self) -> int:
        """How many bytes are there and not read."""
        return self.size - self.read

    @property
    def is_waiting(self) -> bool:
        """What is unread is part of a line, and waits for the rest of it."""
        return self._stuck_at == self.size

    def lag(self, now: float) -> float:
        """Return for how many seconds, at most, bytes have waited for an acknowledgement."""
        return now - self._lag_since if self.acked < self.size else 0.0

    def skip_to_end(self) -> None:
        """Begin with the lines that are written from now on."""
        tail = os.pread(self.file, min(self.size, 1 << 16), max(0, self.size - (1 << 16)))
        end = self.size - (len(tail) - (tail.rfind(b"\n") + 1 or len(tail)))
        self.read = self.acked = end
        self._marker = self._acked_tail = read_tail(self.file, end)
        self._take_head(read_head(self.file, end))

    def measure(self, status: os.stat_result, now: float) -> None:
        """Take note of the file's size."""
        self.modified_ns = status.st_mtime_ns
        if status.st_size == self.size:
            return
        if not self.unread:
            self.unread_since = now
        if self.acked >= self.size:
            self._lag_since, self._lag_mark = now, status.st_size
        if status.st_size < self.size:
            self.shrunk_from = self.size
        self.size = status.st_size
        self.grown_at = now

    def next_batch(
        self, host: str, name: str, *, limit: int, max_line: int, final: bool
    ) -> Batch | None:
        """Read the next message's bytes; None where no whole line is there.

        Raises:
            ContentChangedError: the file was rewritten.
            OSError: the file system fails.
        """
        if self._stuck_at == self.size and not final:
            return None
        marker = self._marker
        want = min(limit, self.unread)
        content = os.pread(self.file, want, self.read)
        # Looked at behind the reading, so that no rewriting goes unseen in between.
        if self.is_rewritten():
            raise ContentChangedError
        place = cut(
            content,
            limit=limit,
            max_line=max_line,
            inside_line=bool(marker) and not marker.endswith(b"\n"),
            final=final and len(content) == self.unread,
        )
        if place is None:
            self._stuck_at = self.size
            return None
        payload = content if place.size == len(content) else content[: place.size]
        source = SourceRange(
            host=host,
            name=name,
            file=self.identity,
            start=self.read,
            end=self.read + place.size,
            line=self.lines,
            split=place.split,
        )
        batch = Batch(
            source=source, payload=payload, digest=digest_of(payload), lines=payload.count(b"\n")
        )
        self.advance(batch)
        return batch

    def is_rewritten(self) -> bool:
        """Tell whether what was read is not there any more.

        Raises:
            OSError: the file system fails.
        """
        marker = os.pread(self.file, len(self._marker), self.read - len(self._marker))
        return marker != self._marker or not self._begins_as_before()

    def advance(self, batch: Batch) -> None:
        """Count a batch as read."""
        if self.read < HEAD_BYTES:
            self._take_head(self._head + batch.payload[: HEAD_BYTES - self.read])
        self._marker = _tail(self._marker, batch.payload)
        self.read = batch.source.end
        self.lines += batch.lines
        self._stuck_at = -1

    def acknowledge(self, batch: Batch) -> None:
        """Count a batch as stored in the stream."""
        self.acked = batch.source.end
        if self.acked >= self._lag_mark:
            self._lag_since, self._lag_mark = self.grown_at, self.size
        # Ten thousand quiet files hold each tail once, not twice.
        is_all = self.acked == self.read
        self._acked_tail = self._marker if is_all else _tail(self._acked_tail, batch.payload)
        if self.acked >= HEAD_BYTES and not self._head_digest:
            self._head, self._head_digest = b"", digest_of(self._head)
        self._acked_lines += batch.lines

    def rewind(self) -> None:
        """Read again from what was acknowledged."""
        self.read, self.lines, self._marker = self.acked, self._acked_lines, self._acked_tail
        if not self._head_digest:
            self._head = self._head[: self.read]
        self._stuck_at = -1

    def position(self) -> Position:
        """Return how far the file was acknowledged."""
        return Position(
            identity=self.identity,
            device=self.device,
            inode=self.inode,
            offset=self.acked,
            lines=self._acked_lines,
            head=self._head_digest or digest_of(self._head[: self.acked]),
            tail=digest_of(self._acked_tail),
            modified_ns=self.modified_ns,
        )

    def read_position(self) -> Position:
        """Return how far the file was read: what a copy of it must agree with."""
        return replace(
            self.position(),
            offset=self.read,
            head=self._head_digest or digest_of(self._head),
            tail=digest_of(self._marker),
        )

    def continue_in_copy(self, file: int) -> None:
        """Read on from a file with the same content, under the same identity."""
        status = os.fstat(file)
        self.file = file
        self.device, self.inode = status.st_dev, status.st_ino
        self.size, self.modified_ns = status.st_size, status.st_mtime_ns
        self._stuck_at = -1

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.file)

    def _take_head(self, head: bytes) -> None:
        """Keep the head as bytes while it grows, then as a hash."""
        is_whole = self.acked >= HEAD_BYTES
        self._head, self._head_digest = (b"", digest_of(head)) if is_whole else (head, "")

    def _begins_as_before(self) -> bool:
        # An end alone is that of every file whose lines end alike.
        if not self._head_digest:
            return os.pread(self.file, len(self._head), 0) == self._head
        return digest_of(os.pread(self.file, HEAD_BYTES, 0)) == self._head_digest


def new_identity(inode: int) -> str:
    """Return a file identity that was never used before and never will be."""
    global _last_identity  # noqa: PLW0603 - unique in this process, also when the clock stands
    _last_identity = max(_last_identity + 1, time.time_ns())
    return f"{inode:x}-{_last_identity:x}"


def _tail(before: bytes, payload: bytes) -> bytes:
    if len(payload) >= TAIL_BYTES:
        return payload[-TAIL_BYTES:]
    return (before + payload)[-TAIL_BYTES:]
