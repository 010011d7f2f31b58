"""Finds the generations of one log in its directory, by what they are and in which order."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from shipper.claims import Claims
from shipper.discovery import LogPlace, NotALogError, open_log, resolved, shown
from shipper.fingerprint import HEAD_BYTES, TAIL_BYTES, Position, holds
from shipper.rotation import (
    Entry,
    numbered_before_extension,
    older_generations,
    regular_files,
)

_TRIES = 5
_DIRECTORIES_BELOW = 64


class Newest(NamedTuple):
    """The youngest file of a log that is known, from which on others are looked for."""

    modified_ns: int
    """When it was last written; where that is known, while it still had the log's name."""
    key: tuple[int, int] | None
    """Device and inode; None where the file was not found any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Which rotated generations a log never seen begins with, besides its current file."""

    paths: frozenset[str] = frozenset()
    """Those that were asked for by name."""
    key: tuple[int, int] | None = None
    """Device and inode of the file that was current when the log was found: it may have been
    rotated away before it was opened."""
    since_ns: int | None = None
    """What was written since then; a whole life of a log may fit between two looks."""

    @property
    def is_plain(self) -> bool:
        """Only the current file is wanted."""
        return not self.paths and self.key is None and self.since_ns is None


PLAIN = Beginning()


class _Generations(NamedTuple):
    older: list[Entry]
    """Oldest first."""
    current: Entry | None

    @property
    def in_order(self) -> list[Entry]:
        return self.older + ([self.current] if self.current else [])


class Chain:
    """The names that a log's files have now. They change at any time; nothing is kept of them."""

    __slots__ = ("_claims", "_place")

    def __init__(self, place: LogPlace, claims: Claims) -> None:
        self._place = place
        self._claims = claims

    def open_younger(
        self,
        newest: Newest | None,
        wanted: Beginning = PLAIN,
        *,
        before: tuple[int, int] | None = None,
    ) -> list[int]:
        """Open the files younger than ``newest`` that no log reads yet, oldest first.

        Args:
            newest: None for a log never seen: then its current file, and what is ``wanted``.
            wanted: what a log never seen begins with.
            before: device and inode of a file to stop at; without it, none younger is wanted.

        Raises:
            NotALogError: what the log's path names is refused.
            OSError: a file cannot be opened.
        """
        # The usual cases need no listing, which in a directory of many logs would be the most work.
        current = self._current()
        if newest is None and (wanted.is_plain or _is_only(wanted, current)):
            return self._open([current] if current and not self._is_known(current) else [])
        if newest is not None and current is not None and newest.key == current.key:
            return []
        for _ in range(_TRIES):
            known = (newest.key, newest.modified_ns) if newest is not None else (wanted.key, None)
            found = self._generations(*known)
            younger = _younger(found, newest, wanted)
            if before is not None:
                keys = _keys(younger)
                younger = younger[: keys.index(before)] if before in keys else []
            younger = [e for e in younger if not self._is_known(e)]
            opened = self._open(younger)
            # Another rotation while we looked would have moved each name on by one file.
            if _keys(self._generations(*known).in_order) == _keys(found.in_order) and (
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
        for entry in same or self._same_inode(position.inode):
            if not self._claims.is_taken(entry.key):
                return self._open_same(entry, position)
        return None

    def inodes(self) -> set[int]:
        """Return those of all files in the log's directory."""
        directory = resolved(self._place.path).parent
        return {entry.inode for entry in self._entries(directory, lambda _: True)}

    def is_beside(self, inode: int) -> bool:
        """Tell whether the log's directory has a file, whatever its name; if unknown, it has."""
        directory = resolved(self._place.path).parent
        try:
            return bool(regular_files(directory, lambda found: found.inode() == inode))
        except OSError:
            return True

    def open_copy(
        self, position: Position, is_it: Callable[[int], bool] | None = None
    ) -> int | None:
        """Open the copy that was made of a file before it was truncated, if there is one.

        Args:
            position: how far the file was read; its content must be the copy's, too.
            is_it: tells whether an open file is the copy of a file of which nothing was read.
        """
        if not position.offset and is_it is None:
            return None
        for entry in self._copies(position):
            if entry.size < position.offset or self._claims.is_taken(entry.key):
                continue
            file = self._try_open(entry)
            if file is None:
                continue
            if holds(file, position) and (position.offset or is_it is None or is_it(file)):
                return file
            os.close(file)
        return None

    def _copies(self, position: Position) -> list[Entry]:
        """Files that may be a copy, youngest first; only their content tells."""
        path = resolved(self._place.path)
        copies = self._generations().older[::-1]
        if position.offset >= TAIL_BYTES:
            copies += self._entries(
                path.parent,
                lambda found: numbered_before_extension(found.name, path.name) is not None,
            )
        return copies

    def _current(self) -> Entry | None:
        target = resolved(self._place.path)
        try:
            status = target.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise NotALogError(f"{shown(self._place.path)} is no regular file")
        return Entry.of(target, status)

    def _generations(
        self, known: tuple[int, int] | None = None, current_ns: int | None = None
    ) -> _Generations:
        path = resolved(self._place.path)
        stem = path.stem
        entries = self._entries(path.parent, lambda found: found.name.startswith(stem))
        return _Generations(
            older_generations(path.name, entries, known, current_ns), self._current()
        )

    def _same_inode(self, inode: int) -> list[Entry]:
        """Look for a file beside the log and, as logrotate's ``olddir`` has it, one level below."""
        directory = resolved(self._place.path).parent
        found = self._entries(directory, lambda entry: entry.inode() == inode)
        if not found:
            for below in _directories_in(directory):
                found += self._entries(below, lambda entry: entry.inode() == inode)
        return found

    def _entries(
        self, directory: Path, is_wanted: Callable[[os.DirEntry[str]], bool]
    ) -> list[Entry]:
        try:
            return regular_files(directory, is_wanted)
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


def _is_only(wanted: Beginning, current: Entry | None) -> bool:
    if wanted.paths or wanted.since_ns is not None or current is None:
        return False
    return wanted.key == current.key


def _directories_in(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as listing:
            found = [Path(e.path) for e in listing if e.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return found[:_DIRECTORIES_BELOW]


def _younger(generations: _Generations, newest: Newest | None, wanted: Beginning) -> list[Entry]:
    current = [generations.current] if generations.current else []
    in_order = generations.in_order
    if newest is None:
        keys = _keys(in_order)
        first = keys.index(wanted.key) if wanted.key in keys else len(generations.older)
        since = wanted.since_ns
        return [
            entry
            for place, entry in enumerate(generations.older)
            if place >= first
            or os.fspath(entry.path) in wanted.paths
            or (since is not None and entry.modified_ns >= since)
        ] + current
    if newest.key is not None and newest.key in _keys(in_order):
        return in_order[_keys(in_order).index(newest.key) + 1 :]
    return [e for e in generations.older if e.modified_ns >= newest.modified_ns] + current


def _keys(entries: list[Entry]) -> list[tuple[int, int]]:
    return [entry.key for entry in entries]


def _key_of(file: int) -> tuple[int, int]:
    status = os.fstat(file)
    return status.st_dev, status.st_ino
