"""Walks the hosts' directories and deletes in them, without ever leaving the archive.

Whoever may write to the archive can swap a directory for a link at any moment. So every step goes
by a directory's descriptor and follows no link: what is reached is always below the archive's root.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator

from natsconsole.receiver.retention import FoundFile
from natsconsole.receiver.rotated_names import read_rotated

_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STRIDE = 16
"""Directories between two pauses."""

Report = Callable[[str, OSError], None]
"""Is told the path below the root, and what failed there."""


def find_files(
    root: int, *, report: Report, pause: Callable[[], None] = lambda: None
) -> Iterator[FoundFile]:
    """Yield the files in every host's directory; what cannot be looked at is reported and left.

    ``root`` is the archive's descriptor. ``pause`` is called every few directories, to give way to
    other threads or to raise. Names that begin with a dot, the receiver's state first of all, are
    no hosts. Links are never followed, and directories below a host's are not entered.
    """
    with os.scandir(root) as hosts:
        names = [
            entry.name
            for entry in hosts
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        ]
    for count, host in enumerate(names):
        if count % _STRIDE == 0:
            pause()
        try:
            with open_host(root, host) as directory:
                yield from _files_in(directory, host, report)
        except FileNotFoundError:
            continue
        except OSError as error:
            report(host, error)


def _files_in(directory: int, host: str, report: Report) -> Iterator[FoundFile]:
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                if not entry.is_file(follow_symlinks=False):
                    continue
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                report(f"{host}/{entry.name}", error)
                continue
            yield FoundFile(
                path=f"{host}/{entry.name}",
                size=found.st_size,
                mtime=found.st_mtime,
                changed=found.st_ctime,
                rotated=read_rotated(entry.name),
            )


def delete_file(root: int, path: str) -> None:
    """Delete one file of a host.

    Raises:
        OSError: it is gone, is no regular file, or cannot be deleted.
    """
    host, _, name = path.partition("/")
    with open_host(root, host) as directory:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is no regular file")
        os.unlink(name, dir_fd=directory)


@contextlib.contextmanager
def open_host(root: int, host: str) -> Iterator[int]:
    """Open a host's directory and yield its descriptor.

    Raises:
        OSError: it is not there, or is a link.
    """
    directory = os.open(host, _DIRECTORY_FLAGS, dir_fd=root)
    try:
        yield directory
    finally:
        os.close(directory)
