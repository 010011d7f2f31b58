"""A real disk that is small enough to be filled, for one test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from benchmarks.chaos.small_disk import SmallDisk, enter_private_mounts

_may_mount = cache(enter_private_mounts)
"""Mounts are this process's own from the first call on, and its children's."""


@contextlib.contextmanager
def small_disk(path: Path, size: int) -> Iterator[SmallDisk]:
    """Mount a disk of ``size`` bytes; skips the test where that is not permitted."""
    if not _may_mount():
        pytest.skip("only root on Linux may mount a small disk")
    path.mkdir()
    try:
        disk = SmallDisk(path, size)
    except PermissionError:
        pytest.skip("a small disk may not be mounted here, though we are root")
    try:
        yield disk
    finally:
        disk.unmount(keep=False)
