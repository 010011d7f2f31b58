"""Finds the generations of one log in its directory, by what they are and in which order."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from shipper.claims import Claims
from shipper.discovery import LogPlace, NotALogError, open_log, resolved, shown
from shipper.fingerprint import HEAD_BYTES, Position, holds
from shipper.rotation import Entry, older_generations, regular_files

_TRIES = 5


class Newest(NamedTuple):
    """The youngest file of a log that is known, from which on others are looked for."""

    modified_ns: int
    key: tuple[int, int] | None
    """Device and inode; None where the file was not found any more."""


class _Generations(NamedTuple):
    older: list[Entry]
    """Oldest first."""
    current: Entry | None

    @property
    def in_order(self) -> list[Entry]:
        return self.older + ([self.current] if self.current else [])


class Chain:
    """The names that a log's files have now. They change at any time; nothing is kept of them."""

    def __init__(self, place: LogPlace, claims: Claims) -> None:
        self._place = place
        self._claims = claims

    def open_younger(self, newest: Newest | None, wanted: AbstractSet[Path]) -> list[int]:
        """Open the files younger than ``newest`` that no log reads yet, oldest first.

        Args:
            newest: None for a log never seen: then its current file, and what is ``wanted``.
            wanted: rotated generations that a log never seen begins with.

        Raises:
            NotALogError: what the log's path names is refused.
            OSError: a file cannot be opened.
        """
        # The usual cases need no listing, which in a directory of many logs would be the most work.
        current = self._current()
        if newest is None and not wanted:
            return self._open([current] if current and not self._is_known(current) else [])
        if newest is not None and current is not None and newest.key == current.key:
            return []
        for _ in range(_TRIES):
            before = self._generations()
            younger = [e for e in _younger(before, newest, wanted) if not self._is_known(e)]
            opened = self._open(younger)
            # Another rotation while we looked would have moved each name on by one file.
            if _keys(self._generations().in_order) == _keys(before.in_order) and (
                [_key_of(file) for file in opened] == _keys(younger)
            ):
                return opened
            for file in opened:
                os.close(file)
        return []

    def open_again(self, position: Position) -> int | None:
        """Open the file that was read up to a position, whatever its name is now."""
        current = self._current()
        same = [current] if current and current.inode == position.inode else []
        for entry in same or self._entries(lambda found: found.inode() == position.inode):
            if not self._claims.is_taken(entry.key):
                return self._open_same(entry, position)
        return None

    def open_copy(self, position: Position) -> int | None:
        """Open the copy that was made of a file before it was truncated, if there is one."""
        if not position.offset:
            return None
        for entry in reversed(self._generations().older):
            if entry.size < position.offset or self._claims.is_taken(entry.key):
                continue
            file = self._try_open(entry)
            if file is None:
                continue
            if holds(file, position):
                return file
            os.close(file)
        return None

    def _current(self) -> Entry | None:
        target = resolved(self._place.path)
        try:
            status = target.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise NotALogError(f"{shown(self._place.path)} is no regular file")
        return Entry.of(target, status)

    def _generations(self) -> _Generations:
        name = resolved(self._place.path).name
        entries = self._entries(lambda found: found.name.startswith(name))
        return _Generations(older_generations(name, entries), self._current())

    def _entries(self, is_wanted: Callable[[os.DirEntry[str]], bool]) -> list[Entry]:
        try:
            return regular_files(resolved(self._place.path).parent, is_wanted)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return []

    def _open(self, entries: list[Entry]) -> list[int]:
        opened: list[int] = []
        try:
            opened.extend(open_log(entry.path, self._place.root) for entry in entries)
        except BaseException as error:
            for file in opened:
                os.close(file)
            if isinstance(error, FileNotFoundError):
                return []
            raise
        return opened

    def _open_same(self, entry: Entry, position: Position) -> int | None:
        # A device may get another number when the machine restarts; much content still tells.
        if entry.device != position.device and position.offset < HEAD_BYTES:
            return None
        file = self._try_open(entry)
        if file is None or (_key_of(file) == entry.key and holds(file, position)):
            return file
        os.close(file)
        return None

    def _is_known(self, entry: Entry) -> bool:
        if self._claims.is_taken(entry.key):
            return True
        file = self._try_open(entry)
        if file is None:
            return False
        try:
            return self._claims.is_retired(file)
        finally:
            os.close(file)

    def _try_open(self, entry: Entry) -> int | None:
        try:
            return open_log(entry.path, self._place.root)
        except (FileNotFoundError, NotALogError):
            return None


def _younger(
    generations: _Generations, newest: Newest | None, wanted: AbstractSet[Path]
) -> list[Entry]:
    current = [generations.current] if generations.current else []
    if newest is None:
        return [e for e in generations.older if e.path in wanted] + current
    in_order = generations.in_order
    if newest.key is not None and newest.key in _keys(in_order):
        return in_order[_keys(in_order).index(newest.key) + 1 :]
    return [e for e in generations.older if e.modified_ns >= newest.modified_ns] + current


def _keys(entries: list[Entry]) -> list[tuple[int, int]]:
    return [entry.key for entry in entries]


def _key_of(file: int) -> tuple[int, int]:
    status = os.fstat(file)
    return status.st_dev, status.st_ino
