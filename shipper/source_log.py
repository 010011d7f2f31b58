"""One log: a rotation chain, read oldest first as one sequence of lines.

Files are known by what they are, not by name. A descriptor is held until its file is drained and
quiet, so neither a rename nor a deletion takes unread lines away.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from shipper.batches import MAX_BATCH, Batch, digest_of
from shipper.chain import PLAIN, Beginning, Chain, Newest
from shipper.checkpoint import Flight, LogRecord
from shipper.claims import Claims
from shipper.discovery import LogPlace, shown
from shipper.fingerprint import Position
from shipper.log_file import ContentChangedError, LogFile

logger = logging.getLogger(__name__)

_LOOK_AGAIN_AFTER = 1.0
"""Seconds between looks at what stands in the log's place and is not to be shipped."""
_MOVED_PATIENCE = 10
"""So many times longer than a rotated file a log that was moved away is watched for late lines:
nothing has taken its place, so whoever wrote it may still do so."""
_SEARCH_AGAIN_AFTER = 60.0
"""Seconds between searches of a directory for a log's file that has another name now."""
_FILES_HELD = 8
_RETIRED_KEPT = 64
_RETIRED_AT_MOST = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How files are read. Times are in seconds."""

    max_line: int = MAX_BATCH
    """Lines with more bytes are split."""
    linger: float = 0.05
    """How long lines wait for others to share their message."""
    grace: float = 0.2
    """How long a rotated file must have been quiet before its successor is read."""
    retire_after: float = 60.0
    """How long a drained, rotated file is watched for late lines."""
    once: bool = False
    """Read to the end that each file has at first sight, a last partial line included."""


class SourceLog:
    """Reads one log. Used from one thread at a time.

    Args:
        record: what is known of it from before; None for a log never seen.
        from_end: of a log never seen, skip what is there.
        wanted: what a log never seen begins with besides its current file.

    Raises:
        NotALogError: its path is nothing that is shipped.
        OSError: its file cannot be opened.
    """

    __slots__ = (
        "__weakref__",
        "_chain",
        "_claims",
        "_files",
        "_is_path_there",
        "_look_again_at",
        "_newest",
        "_reading",
        "_retired",
        "_search_at",
        "in_hand",
        "is_dirty",
        "lost_bytes",
        "place",
        "restarts",
    )

    def __init__(
        self,
        place: LogPlace,
        reading: Reading,
        claims: Claims,
        *,
        record: LogRecord | None = None,
        from_end: bool = False,
        wanted: Beginning = PLAIN,
    ) -> None:
        self.place = place
        self.in_hand: list[Batch] = []
        """Read and not acknowledged, in order."""
        self.is_dirty = True
        """Something is not in the checkpoint yet."""
        self.restarts = 0
        """How often a file's content was replaced under us."""
        self.lost_bytes = 0
        """At least so many bytes were taken away before they were read, as copytruncate does."""
        self._reading = reading
        self._claims = claims
        self._chain = Chain(place, claims)
        self._files: list[LogFile] = []
        self._newest: Newest | None = None
        self._retired: dict[tuple[int, int], Position] = {}
        self._look_again_at = self._search_at = 0.0
        self._is_path_there = True
        try:
            if record is not None:
                self._resume(record)
            self._adopt_successors(wanted)
        except BaseException:
            self.close()
            raise
        if record is None and from_end:
            for file in self._files:
                file.skip_to_end()

    # What the agent asks.

    def look(self, now: float) -> bool:
        """See what was written, rotated, truncated or deleted; return whether anything is to do.

        Raises:
            NotALogError: something else than a file took the log's place.
            OSError: the file system fails.
        """
        if self._reading.once:
            return True
        try:
            status = os.stat(self.place.path)  # noqa: PTH116 - most of what a quiet log costs
        except (FileNotFoundError, NotADirectoryError):
            status = None
        if self._is_path_there and status is None:
            self._search_at = now + _MOVED_PATIENCE * self._reading.retire_after
        self._is_path_there = status is not None
        newest = self._files[-1] if self._files else None
        is_same = newest and status and newest.key == (status.st_dev, status.st_ino)
        if newest and status and is_same and self._is_quiet(newest, status, now):
            return False
        known_ns = newest.modified_ns if newest else 0
        for file in self._files[:-1] if is_same else self._files:
            file.measure(os.fstat(file.file), now)
        if status and not is_same and now >= self._look_again_at:
            self._look_again_at = now + _LOOK_AGAIN_AFTER
            if newest is not None and not newest.read and newest.modified_ns != known_ns:
                self._insert_between(Newest(known_ns, None), newest)
            self._adopt_successors()
        for file in list(self._files):
            if file.unread < 0:
                self._start_over(file)
        self._retire_quiet(now)
        return True

    def _is_quiet(self, newest: LogFile, status: os.stat_result, now: float) -> bool:
        """Measure the newest file; return whether there is nothing to do about any."""
        is_touched = status.st_mtime_ns != newest.modified_ns
        if is_touched and not newest.read:
            # Nothing was read by which to tell that it was written, copied and truncated.
            self._insert_between(Newest(newest.modified_ns, None), newest)
        newest.measure(status, now)
        newest.current_ns = newest.modified_ns
        if is_touched and not newest.unread and newest.is_rewritten():
            self._start_over(newest)
            return False
        return not newest.unread and len(self._files) == 1

    def next_batch(self, limit: int, now: float, *, only_full: bool = False) -> Batch | None:
        """Read the next message, oldest file first; None where there is none yet.

        Args:
            limit: the most bytes of one message.
            now: the time of a monotonic clock.
            only_full: leave less than a full one for later.
        """
        for file in list(self._files):
            is_settled = self._is_settled(file, now)
            if file.unread > 0:
                if not self._is_due(file, limit, now, only_full=only_full):
                    return None
                return self._read(file, limit, final=is_settled)
            if not is_settled:
                return None
        return None

    def acknowledge(self, batch: Batch) -> None:
        """Take note that a batch is in the stream."""
        if not self.in_hand or self.in_hand[0] is not batch:
            return
        del self.in_hand[0]
        self.is_dirty = True
        file = self._file(batch.source.file)
        if file is not None:
            file.acknowledge(batch)

    def rewind(self) -> None:
        """Give back what is in hand, to be read again in other portions."""
        self.in_hand.clear()
        self.is_dirty = True
        for file in self._files:
            file.rewind()

    def record(self) -> LogRecord:
        """Return what the checkpoint keeps."""
        return LogRecord(
            name=self.place.name,
            files=(*self._retired.values(), *(file.position() for file in self._files)),
            flights=tuple(Flight(source=b.source, digest=b.digest) for b in self.in_hand),
        )

    @property
    def unread(self) -> int:
        """How many bytes are there and not read."""
        return sum(max(0, file.unread) for file in self._files)

    @property
    def behind(self) -> int:
        """How many bytes are there and not known to be in the stream."""
        return sum(max(0, file.size - file.acked) for file in self._files)

    def lag(self, now: float) -> float:
        """Return for how many seconds, at most, bytes have waited to be in the stream."""
        return max((file.lag(now) for file in self._files), default=0.0)

    @property
    def file_count(self) -> int:
        """How many files are held open."""
        return len(self._files)

    @property
    def is_restless(self) -> bool:
        """It must be looked at again soon, whether or not something is heard of it."""
        if len(self._files) != 1 or not self._is_path_there:
            return True
        (file,) = self._files
        return not self.in_hand and file.unread != 0 and not file.is_waiting

    @property
    def is_gone(self) -> bool:
        """The file was deleted, and all of it is shipped."""
        return not self._is_path_there and not self._files and not self.in_hand

    def due_at(self, now: float) -> float | None:
        """When lines that wait for others are to be sent; None where none wait."""
        for file in self._files:
            if file.unread > 0 and not self.in_hand:
                due = file.unread_since + self._reading.linger
                return due if due > now else None
        return None

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            self._claims.release(file.key)
            file.close()
        self._files.clear()

    # Which file is next.

    def _is_due(self, file: LogFile, limit: int, now: float, *, only_full: bool) -> bool:
        if file.unread >= limit:
            return True
        if only_full:
            return False
        return self._reading.once or now >= file.unread_since + self._reading.linger

    def _is_settled(self, file: LogFile, now: float) -> bool:
        """Tell whether nobody writes a file any more, as far as we can know."""
        if self._reading.once:
            return True
        place = self._files.index(file)
        is_followed = any(younger.size for younger in self._files[place + 1 :])
        return is_followed and now - file.grown_at >= self._reading.grace

    def _read(self, file: LogFile, limit: int, *, final: bool) -> Batch | None:
        try:
            batch = file.next_batch(
                self.place.host,
                self.place.name,
                limit=limit,
                max_line=self._reading.max_line,
                final=final,
            )
        except ContentChangedError:
            self._start_over(file)
            return None
        if batch is not None:
            self.in_hand.append(batch)
            self.is_dirty = True
        elif final:  # it became shorter since it was measured
            file.measure(os.fstat(file.file), file.grown_at)
            if file.unread < 0:
                self._start_over(file)
        return batch

    def _retire_quiet(self, now: float) -> None:
        while len(self._files) > 1 or (self._files and not self._is_path_there):
            file = self._files[0]
            is_last = len(self._files) == 1
            if file.acked != file.size or not (is_last or self._is_settled(file, now)):
                return
            is_deleted = os.fstat(file.file).st_nlink == 0
            if is_last and not is_deleted and not self._is_moved_away(file, now):
                return
            is_quiet = now - file.grown_at >= self._reading.retire_after
            if not is_quiet and len(self._files) <= _FILES_HELD:
                return
            self._files.pop(0)
            if is_last:
                self._newest = Newest(file.modified_ns, None)
            self._claims.release(file.key)
            if file.acked and (is_last or not is_deleted):
                self._keep_retired(replace(file.position(), is_retired=True))
            file.close()
            self.is_dirty = True

    def _is_moved_away(self, file: LogFile, now: float) -> bool:
        quiet_at = file.grown_at + _MOVED_PATIENCE * self._reading.retire_after
        if now < max(self._search_at, quiet_at):
            return False
        self._search_at = now + _SEARCH_AGAIN_AFTER
        return not self._chain.is_beside(file.inode)

    def _keep_retired(self, position: Position) -> None:
        self._retired[position.key] = position
        self._claims.retire(position)
        if len(self._retired) > _RETIRED_KEPT:
            present = self._chain.inodes()
            for key in [key for key in self._retired if key[1] not in present]:
                self._claims.unretire(self._retired.pop(key))
        while len(self._retired) > _RETIRED_AT_MOST:
            self._claims.unretire(self._retired.pop(next(iter(self._retired))))

    def _file(self, identity: str) -> LogFile | None:
        return next((file for file in self._files if file.identity == identity), None)

    # Rotation.

    def _adopt_successors(self, wanted: Beginning = PLAIN) -> None:
        """Append what is younger than the newest file known, up to what the path names now."""
        if self._files:
            self._newest = Newest(self._files[-1].current_ns, self._files[-1].key)
        for file in self._chain.open_younger(self._newest, wanted):
            self._append(LogFile(file))
            self._look_again_at = 0.0

    def _insert_between(self, newest: Newest, before: LogFile) -> None:
        """Read what was rotated away after ``newest`` and before a file of ours, before that."""
        for opened in map(LogFile, self._chain.open_younger(newest, before=before.key)):
            self._claims.take(opened.key, self.place.path)
            self._files.insert(self._files.index(before), opened)
            self.is_dirty = True

    def _append(self, file: LogFile) -> None:
        self._claims.take(file.key, self.place.path)
        self._files.append(file)
        self.is_dirty = True

    # Truncation, and replacement of the content under the same inode.

    def _start_over(self, file: LogFile) -> None:
        """Read a file from its start as a new one; what it held is looked for in a copy."""
        self.restarts += 1
        self.is_dirty = True
        place = self._files.index(file)
        seen = file.shrunk_from
        successor = LogFile(os.dup(file.file))
        copy = self._chain.open_copy(file.read_position())
        if copy is None:
            self._files[place] = successor
            lost = self._count_lost(seen - file.read)
            logger.warning(
                "%s was truncated or rewritten after %s bytes were read; it is read from its "
                "start, and what was written in between is not there any more: %s",
                shown(self.place.path),
                f"{file.read:,}",
                lost,
            )
            file.close()
            return
        file.close()
        file.continue_in_copy(copy)
        self._claims.take(file.key, self.place.path)
        self._files.insert(place + 1, successor)
        # It may have been copied and truncated more than once since we looked.
        self._insert_between(Newest(file.modified_ns, file.key), successor)
        if seen > file.size:
            logger.warning(
                "%s was truncated; its copy is read to the end, and what was written after the "
                "copy was made is not there any more: %s",
                shown(self.place.path),
                self._count_lost(seen - max(file.size, file.read)),
            )
        else:
            logger.info("%s was truncated; its copy is read to the end", shown(self.place.path))

    def _count_lost(self, seen: int) -> str:
        lost = max(0, seen)
        self.lost_bytes += lost
        return f"at least {lost:,} bytes" if lost else "nothing that was seen"

    # After a restart.

    def _resume(self, record: LogRecord) -> None:
        """Find the files that were being read, whatever they are called now."""
        flights = {flight.source.file: flight for flight in reversed(record.flights)}
        known = self._known_positions(record, flights.keys())
        for position in known:
            is_newest = position is known[-1]
            file = self._chain.open_again(position)
            flight = None if position.offset else flights[position.identity]
            if file is not None and flight is not None and not _holds_flight(file, flight):
                os.close(file)
                file = None
            if file is None and is_newest:
                is_it = None if flight is None else partial(_holds_flight, flight=flight)
                file = self._chain.open_copy(position, is_it)
            if file is not None:
                self._append(LogFile(file, position))
            elif is_newest:
                self._newest = Newest(position.modified_ns, None)
                logger.warning(
                    "the file that %s was is gone or was rewritten; it was shipped up to byte %s",
                    shown(self.place.path),
                    f"{position.offset:,}",
                )
        if record.files and not self._files and self._newest is None:
            self._newest = Newest(record.files[-1].modified_ns, None)
        self._resume_flights(record.flights)

    def _known_positions(self, record: LogRecord, in_flight: Collection[str]) -> list[Position]:
        """Return the positions by which files can be known; keep the retired ones."""
        known: list[Position] = []
        for position in record.files:
            if position.is_retired:
                self._keep_retired(position)
            elif position.offset or position.identity in in_flight:
                known.append(position)
            elif not known and self._newest is None:
                # Nothing was read by which to tell that it is the same file: its inode may be
                # used again, or it was written, copied and truncated while we were stopped.
                self._newest = Newest(position.modified_ns, None)
        return known

    def _resume_flights(self, flights: tuple[Flight, ...]) -> None:
        changed = set()
        lost = 0
        for flight in flights:
            source = flight.source
            file = self._file(source.file)
            if file is None or source.file in changed:
                lost += source.end - source.start
                continue
            payload = os.pread(file.file, source.end - source.start, source.start)
            if file.read != source.start or digest_of(payload) != flight.digest:
                changed.add(source.file)
                lost += source.end - source.start
                continue
            batch = Batch(
                source=source, payload=payload, digest=flight.digest, lines=payload.count(b"\n")
            )
            file.advance(batch)
            self.in_hand.append(batch)
        if lost:
            self.lost_bytes += lost
            logger.warning(
                "%s bytes of %s had been read and are not there any more; whether the stream has "
                "them is not known",
                f"{lost:,}",
                shown(self.place.path),
            )
        for identity in changed:
            file = self._file(identity)
            if file is not None:
                self._start_over(file)


def _holds_flight(file: int, flight: Flight) -> bool:
    """Tell whether an open file holds what was read, and perhaps sent, before the restart."""
    source = flight.source
    return digest_of(os.pread(file, source.end - source.start, source.start)) == flight.digest
