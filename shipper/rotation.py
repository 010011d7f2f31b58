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
_INFIX_DATE = re.compile(r"[.\-_](?:19|20)\d{2}[.\-_]?\d{2}[.\-_]?\d{2}[\w.:+\-]*", re.ASCII)
_INFIX_NUMBER = re.compile(r"[.\-_](?P<number>\d{1,5})", re.ASCII)
_COMPRESSED = re.compile(r"\.(?:gz|bz2|xz|zst|lz4|lzma|zip|br|Z|tgz)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A regular file in a log's directory."""

    path: Path
    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int = 0
    """When it was last written, renamed or otherwise changed."""

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> Entry:
        """Make one from what ``stat`` says."""
        return cls(
            path=path,
            device=status.st_dev,
            inode=status.st_ino,
            size=status.st_size,
            modified_ns=status.st_mtime_ns,
            changed_ns=status.st_ctime_ns,
        )

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode


def is_compressed(name: str) -> bool:
    """Tell whether a file's name says that it is compressed: its lines were shipped before."""
    return _COMPRESSED.search(name) is not None


def rotation_mark(name: str, log_name: str) -> re.Match[str] | None:
    """Match what rotation put into a log's name: ``app.log.1``, ``app-20260131.log``.

    A number before the extension is no mark: ``worker-1.log`` is as likely a log of its own.
    """
    if is_compressed(name):
        return None
    if name.startswith(log_name):
        return _MARK.fullmatch(name, len(log_name))
    return _infix(_INFIX_DATE, name, log_name)


def numbered_before_extension(name: str, log_name: str) -> re.Match[str] | None:
    """Match names such as ``app-1.log`` or ``app.1.log`` for ``app.log``."""
    return _infix(_INFIX_NUMBER, name, log_name)


def _infix(mark: re.Pattern[str], name: str, log_name: str) -> re.Match[str] | None:
    stem, extension = os.path.splitext(log_name)  # noqa: PTH122 - a name, no path
    if not extension or not name.startswith(stem) or not name.endswith(extension):
        return None
    end = len(name) - len(extension)
    return mark.fullmatch(name, len(stem), end) if end > len(stem) else None


def base_names(name: str) -> Iterator[str]:
    """Yield the names of logs from which a file of this name may have been rotated away."""
    for place in range(1, len(name)):
        if name[place] in ".-_" and rotation_mark(name, name[:place]):
            yield name[:place]
    extension = os.path.splitext(name)[1]  # noqa: PTH122 - a name, no path
    if extension and (dated := _INFIX_DATE.search(name, 1, len(name) - len(extension))):
        yield name[: dated.start()] + extension


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


def older_generations(
    log_name: str,
    entries: list[Entry],
    known: tuple[int, int] | None = None,
    current_ns: int | None = None,
) -> list[Entry]:
    """Return the rotated generations of a log, oldest first.

    Numbers count from the youngest, whatever the clock says, unless each was renamed after those
    below it; dates and other marks go by the time of the last change.

    Args:
        log_name: the log's own name.
        entries: the files of its directory.
        known: device and inode of a file that was the log's. Only where that one was renamed to
            a name such as ``app-1.log`` are others of this kind generations, too.
        current_ns: when that one was last written while it had the log's name, as far as is known.
    """
    mark_of = rotation_mark
    if any(e.key == known and numbered_before_extension(e.path.name, log_name) for e in entries):
        mark_of = numbered_before_extension
    marked = [(e, m) for e in entries if (m := mark_of(e.path.name, log_name))]
    if all(mark.groupdict().get("number") for _, mark in marked):
        marked.sort(key=lambda pair: int(pair[1]["number"]))
        upwards = [entry for entry, _ in marked]
        return upwards if _youngest_is_last(upwards, known, current_ns) else upwards[::-1]
    marked.sort(key=lambda pair: (pair[0].modified_ns, pair[0].path.name))
    return [entry for entry, _ in marked]


def _youngest_is_last(
    numbered: list[Entry], known: tuple[int, int] | None, current_ns: int | None
) -> bool:
    """Tell whether numbers grow with each rotation, so that only the newest file is ever renamed.

    Where all are moved on by one, each is renamed a moment before those below it. Late lines in a
    file could hide that, so what stands below the known file must be untouched since that one was
    current.
    """
    for times in ([e.changed_ns for e in numbered], [e.modified_ns for e in numbered]):
        if not times or times[0] == times[-1] or times != sorted(times):
            return False
    keys = [entry.key for entry in numbered]
    if current_ns is None or known not in keys:
        return True
    return all(entry.changed_ns < current_ns for entry in numbered[: keys.index(known)])
