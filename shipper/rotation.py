"""How rotation names files: which siblings of a log are its older generations, and their age."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_MARK = re.compile(
    r"[.\-_](?:(?P<number>\d{1,5})|\d[\w.:+\-]*|old|bak|prev|save|rotated)", re.ASCII
)
_COMPRESSED = re.compile(r"\.(?:gz|bz2|xz|zst|lz4|lzma|zip|br|Z|tgz)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A regular file in a log's directory."""

    path: Path
    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> Entry:
        """Make one from what ``stat`` says."""
        return cls(
            path=path,
            device=status.st_dev,
            inode=status.st_ino,
            size=status.st_size,
            modified_ns=status.st_mtime_ns,
        )

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode


def is_compressed(name: str) -> bool:
    """Tell whether a file's name says that it is compressed: its lines were shipped before."""
    return _COMPRESSED.search(name) is not None


def rotation_mark(name: str, log_name: str) -> re.Match[str] | None:
    """Match what rotation appended to a log's name, as in ``.1``, ``-20260131`` or ``.old``."""
    if not name.startswith(log_name) or is_compressed(name):
        return None
    return _MARK.fullmatch(name, len(log_name))


def base_names(name: str) -> Iterator[str]:
    """Yield the names of logs from which a file of this name may have been rotated away."""
    for place in range(1, len(name)):
        if name[place] in ".-_" and rotation_mark(name, name[:place]):
            yield name[:place]


def regular_files(directory: Path, is_wanted: Callable[[os.DirEntry[str]], bool]) -> list[Entry]:
    """Return the wanted regular files in a directory; what vanishes meanwhile is not among them."""
    entries = []
    with os.scandir(directory) as listing:
        for found in listing:
            if not is_wanted(found):
                continue
            try:
                status = found.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                entries.append(Entry.of(Path(found.path), status))
    return entries


def older_generations(log_name: str, entries: list[Entry]) -> list[Entry]:
    """Return the rotated generations of a log, oldest first.

    Numbers count from the youngest, whatever the clock says; dates and other marks go by the
    time of the last change.
    """
    marked = [(e, m) for e in entries if (m := rotation_mark(e.path.name, log_name))]
    if all(mark["number"] for _, mark in marked):
        marked.sort(key=lambda pair: -int(pair[1]["number"]))
    else:
        marked.sort(key=lambda pair: (pair[0].modified_ns, pair[0].path.name))
    return [entry for entry, _ in marked]
