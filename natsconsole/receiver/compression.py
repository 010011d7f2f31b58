"""Compresses one rotated file so that a crash at any step leaves its lines on disk.

Write to a temporary name, sync, compare what is on disk with the original byte for byte, rename,
sync the directory, and only then delete the original.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from natsconsole.receiver.rotated_names import COMPRESSED, partial_name

LEVEL = 6
BLOCK = 256 << 10
"""Bytes between two looks at whether to stop: some 10 ms of work."""
_SYNC_EVERY = 8 << 20
"""Bytes: what the disk has to take in one go stays small, for the receiver syncs there too."""
_GZIP = 16 + zlib.MAX_WBITS
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

IsStopped = Callable[[], bool]
Likeness = Literal["equal", "beginning", "different"]


class StoppedError(Exception):
    """Upkeep was asked to stop. Every file is as it was, or done."""


class CompressionError(OSError):
    """What was read back is not what was written, or not of this file. Nothing was deleted."""


class Compressed(NamedTuple):
    """A file that is now compressed; sizes in bytes."""

    before: int
    after: int


def compress_file(
    directory: int, name: str, *, level: int = LEVEL, is_stopped: IsStopped = lambda: False
) -> Compressed:
    """Replace a rotated file by its gzip form, with its mode and mtime.

    ``directory`` is a descriptor. Nobody else may compress there at the same time. Where an earlier
    run was killed on its last step, that step is done.

    Raises:
        StoppedError: ``is_stopped`` said so; it is asked every few milliseconds.
        OSError: it could not be done, for want of room or else; the original is as it was.
    """
    with _opened(directory, name, _READ) as source:
        before = os.fstat(source)
        if not stat.S_ISREG(before.st_mode):
            raise CompressionError(f"{name} is no regular file")
        final = name + COMPRESSED
        if _earlier(directory, final, source, is_stopped) != "equal":
            _write_final(directory, name, source, before, level, is_stopped)
        after = os.stat(final, dir_fd=directory, follow_symlinks=False)
        os.fsync(directory)
        _require_unchanged(directory, name, before)
        os.unlink(name, dir_fd=directory)
        return Compressed(before.st_size, after.st_size)


def _earlier(directory: int, final: str, source: int, is_stopped: IsStopped) -> Likeness:
    """Return what the compressed file that is there already holds; "beginning" where none is.

    Raises:
        CompressionError: it holds something else, and is left alone.
    """
    try:
        with _opened(directory, final, _READ) as packed:
            likeness = compare(source, packed, is_stopped)
    except FileNotFoundError:
        return "beginning"
    if likeness == "different":
        raise CompressionError(f"{final} holds other lines: move one of the two away")
    return likeness


def _write_final(
    directory: int,
    name: str,
    source: int,
    before: os.stat_result,
    level: int,
    is_stopped: IsStopped,
) -> None:
    partial = partial_name(name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(partial, dir_fd=directory)
    try:
        with _opened(directory, partial, _CREATE, 0o600) as packed:
            _write_gzip(source, packed, level, is_stopped)
            _copy_marks(source, packed)
            os.fsync(packed)
            _forget_cached(packed)
            if compare(source, packed, is_stopped) != "equal":
                raise CompressionError(f"{name}: what was compressed reads back otherwise")
        _require_unchanged(directory, name, before)
        os.rename(partial, name + COMPRESSED, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial, dir_fd=directory)
        raise


def _write_gzip(source: int, packed: int, level: int, is_stopped: IsStopped) -> None:
    engine = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    unsynced = 0
    for block in _blocks(source, is_stopped):
        unsynced += _write(packed, engine.compress(block))
        if unsynced >= _SYNC_EVERY:
            os.fsync(packed)
            unsynced = 0
    _write(packed, engine.flush())


def compare(source: int, packed: int, is_stopped: IsStopped = lambda: False) -> Likeness:
    """Say whether a gzip file holds exactly a file's bytes; both are read from their beginning.

    "beginning" means that all that can be read of it agrees, and that the file goes on: it may be
    written anew. What cannot be read at all is "different".
    """
    engine = zlib.decompressobj(_GZIP)
    os.lseek(source, 0, os.SEEK_SET)
    agreed = 0
    try:
        for plain in _unpacked(engine, packed, is_stopped):
            if _read(source, len(plain)) != plain:
                return "different"
            agreed += len(plain)
    except zlib.error:
        return "beginning" if agreed else "different"
    if engine.unused_data:
        return "different"
    return "equal" if engine.eof and not os.read(source, 1) else "beginning"


def _unpacked(engine: zlib._Decompress, packed: int, is_stopped: IsStopped) -> Iterator[bytes]:
    for block in _blocks(packed, is_stopped):
        waiting, is_drained = block, False
        while not engine.eof and not is_drained:
            if is_stopped():
                raise StoppedError
            plain = engine.decompress(waiting, BLOCK)
            yield plain
            waiting = engine.unconsumed_tail
            is_drained = not waiting and len(plain) < BLOCK
        if engine.eof:
            return


def _blocks(file: int, is_stopped: IsStopped) -> Iterator[bytes]:
    left = os.fstat(file).st_size  # one that grows all the time would never end
    os.lseek(file, 0, os.SEEK_SET)
    while left > 0:
        if is_stopped():
            raise StoppedError
        block = os.read(file, min(BLOCK, left))
        if not block:
            return
        left -= len(block)
        yield block


def _read(file: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        block = os.read(file, size - len(data))
        if not block:
            break
        data += block
    return data


def _write(file: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    return len(data)


def _copy_marks(source: int, packed: int) -> None:
    found = os.fstat(source)
    with contextlib.suppress(PermissionError):
        os.fchown(packed, -1, found.st_gid)
    os.fchmod(packed, stat.S_IMODE(found.st_mode) & 0o777)
    os.utime(packed, ns=(found.st_atime_ns, found.st_mtime_ns))


def _forget_cached(file: int) -> None:
    """Make what is read back come from the disk, and leave the cache to the receiver."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)


def _require_unchanged(directory: int, name: str, before: os.stat_result) -> None:
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if _identity(found) != _identity(before):
        raise CompressionError(f"{name} changed while it was compressed: it is kept")


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@contextlib.contextmanager
def _opened(directory: int, name: str, flags: int, mode: int = 0) -> Iterator[int]:
    file = os.open(name, flags, mode, dir_fd=directory)
    try:
        yield file
    finally:
        os.close(file)
