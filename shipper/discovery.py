"""Which files to follow: from paths and globs to logs, each with its host and its name.

A glob never leads out of its own directory: whoever may write there could otherwise have any
file of the machine shipped by a link to it.
"""

from __future__ import annotations

import errno
import fnmatch
import glob
import hashlib
import os
import resource
import stat
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shipper.rotation import base_names, is_compressed
from shipper.wire import BadHostError, publish_subject

DIRECTORY_FIELD = "{dir}"
FILES_KEPT = 64
"""Descriptors that are left to what is no log."""
_ANY_SUBJECT = "logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlace:
    """Where a log is, and how it is called on the wire."""

    path: str
    """Absolute; the newest file of the chain stands here."""
    root: Path
    """Links are followed only to what lies below."""
    host: str
    name: str
    labels: str = ""
    """What the ``Log-Labels`` header of its messages says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One argument of the command: a path, or a glob."""

    text: str
    root: Path
    is_glob: bool
    host: str = ""
    """A host, or a template with ``{dir}``, of its own; empty where there is none."""
    labels: str = ""
    excludes: tuple[str, ...] = ()
    """Globs of paths or of file names that it does not stand for."""

    @classmethod
    def parse(
        cls, text: str, *, host: str = "", labels: str = "", excludes: Sequence[str] = ()
    ) -> Pattern:
        """Read an argument; a relative one is made absolute, so that it keeps its meaning."""
        found = cls._parse(text)
        return replace(found, host=host, labels=labels, excludes=tuple(excludes))

    @classmethod
    def _parse(cls, text: str) -> Pattern:
        absolute = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 - keeps globs
        path = Path(absolute)
        if not glob.has_magic(absolute) or path.exists():
            return cls(text=absolute, root=resolved(path).parent, is_glob=False)
        fixed = next(i for i, part in enumerate(path.parts) if glob.has_magic(part))
        return cls(text=absolute, root=resolved(Path(*path.parts[:fixed])), is_glob=True)

    def matches(self, path: str) -> bool:
        """Tell whether it stands for a path, which need not exist."""
        if not self.is_glob:
            return path == self.text
        if self._excludes(path):
            return False
        wanted, parts = self.text.split("/"), path.split("/")
        if "**" in wanted:
            return fnmatch.fnmatchcase(path, self.text)
        return len(wanted) == len(parts) and all(map(fnmatch.fnmatchcase, parts, wanted))

    def paths(self) -> Iterator[str]:
        """Yield what there is now. A path stands for itself, also before it exists."""
        if not self.is_glob:
            yield self.text
            return
        for path in sorted(glob.iglob(self.text, recursive=True)):  # noqa: PTH207 - takes any path
            if not is_compressed(path.rpartition("/")[2]) and not self._excludes(path):
                yield path

    def directories(self) -> Iterator[str]:
        """Yield the directories in which what it stands for may appear."""
        if not self.is_glob:
            yield os.path.dirname(self.text)  # noqa: PTH120 - texts are what is compared
            return
        root = os.fspath(self.root)
        above = os.path.dirname(self.text)  # noqa: PTH120
        while len(above) > len(root) or glob.has_magic(above):
            for found in glob.iglob(f"{above}/", recursive=True):  # noqa: PTH207 - as above
                yield found.rstrip("/")
            above = os.path.dirname(above)  # noqa: PTH120
        yield root

    def _excludes(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(
            fnmatch.fnmatchcase(path if "/" in want else name, want) for want in self.excludes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the patterns match now."""

    logs: dict[str, Pattern]
    """Each log's path with the first pattern that stands for it."""
    generations: dict[str, frozenset[str]]
    """By log, what else was matched and was rotated away from it: no logs of their own."""


def find_logs(patterns: Sequence[Pattern], known: Iterable[str] = ()) -> Found:
    """Look for logs.

    Args:
        patterns: what to look for.
        known: logs that a pattern may stand for although they have no file of that name now,
            because it was rotated away and no other was made yet.
    """
    roots: dict[str, Pattern] = {}
    fixed = set()
    for path in known:
        for pattern in patterns:
            if pattern.matches(path):
                roots.setdefault(path, pattern)
                break
    for pattern in patterns:
        for path in pattern.paths():
            roots.setdefault(path, pattern)
            if not pattern.is_glob:
                fixed.add(path)
    generations: dict[str, frozenset[str]] = {}
    for path in roots.keys() - fixed:
        if (log := rotated_from(path, roots)) is not None:
            generations[log] = generations.get(log, frozenset()) | {path}
    rotated = frozenset[str]().union(*generations.values())
    return Found(
        logs={path: pattern for path, pattern in roots.items() if path not in rotated},
        generations=generations,
    )


def rotated_from(path: str, logs: Container[str]) -> str | None:
    """Return the log among ``logs`` whose name, with a rotation's mark behind, is that of a path.

    The shortest such name: ``app.log.1.2`` belongs to ``app.log`` rather than to ``app.log.1``.
    """
    directory, _, name = path.rpartition("/")
    bases = (f"{directory}/{base}" for base in base_names(name))
    return next((base for base in bases if base in logs), None)


def host_of(template: str, path: str) -> str:
    """Return the host of a log.

    Raises:
        BadHostError: it cannot be part of a subject.
    """
    host = template.replace(DIRECTORY_FIELD, path.split("/")[-2])
    publish_subject(_ANY_SUBJECT, host)
    if not host.isprintable() or not _is_text(host):
        raise BadHostError(host)
    return sys.intern(host)  # many logs are of one host


def name_of(path: str, *, is_taken: Callable[[str], bool]) -> str:
    """Return a log's name on the wire: its file's, and where that is taken, a mark of its path."""
    name = shown(path.rpartition("/")[2])
    if not is_taken(name):
        return name
    mark = hashlib.sha256(os.fsencode(path)).hexdigest()[:6]
    return f"{name}-{mark}"


def open_log(path: str | Path, root: Path) -> int:
    """Open a regular file for reading and return its descriptor.

    Never waits on a FIFO, never opens a device for what opening it does, and follows links only
    to what lies below ``root``.

    Raises:
        NotALogError: it is no regular file, or a link leads out of ``root``.
        OSError: it cannot be opened.
    """
    target = resolved(path, strict=True)
    if not target.is_relative_to(root):
        raise NotALogError(f"{shown(path)} leads out of {shown(root)}")
    if not stat.S_ISREG(target.lstat().st_mode):
        raise NotALogError(f"{shown(path)} is no regular file")
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
    file = os.open(target, flags)
    if file >= _most_files():
        # What the connection and the state need must be left to them.
        os.close(file)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotALogError(f"{shown(path)} is no regular file")
    return file


def resolved(path: str | Path, *, strict: bool = False) -> Path:
    """Return where a path leads; a loop of links is an `OSError`, as any other dead end."""
    return Path(os.path.realpath(path, strict=strict))


def _most_files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft - min(FILES_KEPT, soft // 4)


class NotALogError(Exception):
    """A path that is refused, with the reason as one line."""


def shown(path: str | Path) -> str:
    """Return a path as it can be shown: a file's name may hold anything."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _is_text(host: str) -> bool:
    try:
        host.encode()
    except UnicodeEncodeError:
        return False
    return True
