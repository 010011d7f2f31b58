"""Keeps what the console sees in a file, for the post-mortem."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from natsconsole.domain.advisories import EventsSeen
from natsconsole.domain.recording import EVENTS, MAGIC, Packer, Seen
from natsconsole.domain.snapshots import HomeSnapshot, Link
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.gateway.interface import Triage

EVERY = 1.0
"""Seconds between two frames, at least."""
SHARE = 10
"""A frame that took so much CPU to pack is followed by a wait of so many times that."""


class RecordingError(Exception):
    """The file cannot be written. The text is one line for the user."""


class Recorder:
    """Writes a frame whenever something new was seen, at most once a second.

    Frames are packed in a thread of its own: one of 5,000 consumers takes half a second.

    A disk that is full ends the recording, never the console: ``problem`` says so.

    Raises:
        RecordingError: the file exists, or cannot be made.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.problem = ""
        """Why nothing is recorded any more; empty while it is."""
        self.frames = 0
        self.bytes = len(MAGIC)
        self._clock = clock
        self._packer = Packer()
        self._seen = Seen()
        self._written_at = 0.0
        self._is_new = False
        self._wait = EVERY
        self._is_closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._writing: Future[None] | None = None
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise RecordingError(f"{path} exists: name another file for --record") from None
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror or error}: name another file") from None
        self._file: BinaryIO = os.fdopen(descriptor, "wb", buffering=0)
        self._file.write(MAGIC)

    def note(
        self,
        *,
        home: HomeSnapshot | None = None,
        triage: TriageSnapshot | None = None,
        link: Link | None = None,
        events: EventsSeen | None = None,
        context: str | None = None,
    ) -> None:
        """Take in what was seen."""
        seen = self._seen
        self._seen = replace(
            seen,
            home=home or seen.home,
            triage=triage or seen.triage,
            link=link or seen.link,
            events=seen.events if events is None else tuple(reversed(events.events[:EVENTS])),
            history=seen.history if events is None else events.history,
            context=seen.context if context is None else context,
        )
        self._is_new = True
        if self._is_closed or (self._writing is not None and not self._writing.done()):
            return
        self.settle()
        now = self._clock()
        if not self.problem and now - self._written_at >= self._wait:
            self._is_new = False
            self._writing = self._thread.submit(self._write, self._seen, now)

    def settle(self) -> None:
        """Wait until the frame that is being written is in the file."""
        if self._writing is not None:
            self._writing.result()

    def _write(self, seen: Seen, now: float) -> None:
        began = time.thread_time()
        frame = self._packer.pack(seen, now)
        self._wait = max(EVERY, SHARE * (time.thread_time() - began))
        try:
            written = self._file.write(frame)
            if written != len(frame):
                raise OSError(0, "the disk took only a part of a frame")
        except OSError as error:
            self.problem = f"recording ended: {self.path}: {error.strerror or error}"
            return
        self._written_at = now
        self.frames += 1
        self.bytes += len(frame)

    def close(self) -> None:
        """Write what is left, and close the file."""
        self._is_closed = True
        self.settle()
        if self._is_new and not self.problem:
            self._write(self._seen, self._clock())
        self._thread.shutdown()
        self._file.close()


class RecordedTriage:
    """Looks, each of which is recorded."""

    def __init__(self, triage: Triage, recorder: Recorder) -> None:
        self._triage = triage
        self._recorder = recorder

    @property
    def link(self) -> Link:
        """The connection as it is now."""
        return self._triage.link

    async def look(self) -> TriageSnapshot:
        """Take one look and record it."""
        snapshot = None
        try:
            snapshot = await self._triage.look()
        finally:  # an outage is seen by looks that fail
            self._recorder.note(triage=snapshot, link=self._triage.link)
        return snapshot

    def prefer(self, consumers: Iterable[tuple[str, str]]) -> None:
        """Read these first."""
        self._triage.prefer(consumers)
