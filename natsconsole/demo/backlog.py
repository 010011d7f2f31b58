"""How much of what the fleet wrote the receiver has not: by the files' sizes alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from natsconsole.demo.directory import HostLogPaths
from natsconsole.demo.host_log import log_files

_NAMED = 3
_POLL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The whole fleet's bytes at both ends, and whose are missing."""

    source_bytes: int
    output_bytes: int
    missing: tuple[tuple[str, int], ...]
    """Hosts whose output is shorter than their source, with the bytes it lacks."""

    def __str__(self) -> str:
        """One line for people."""
        if not self.missing:
            return "everything is written"
        named = ", ".join(f"{host} lacks {count:,} bytes" for host, count in self.missing[:_NAMED])
        more = len(self.missing) - _NAMED
        return f"{named} and {more} more hosts are behind" if more > 0 else named


def measure(logs: Iterable[HostLogPaths]) -> Backlog:
    """Compare the sizes of sources and outputs."""
    source_bytes = output_bytes = 0
    lacking: dict[str, int] = {}
    for log in logs:
        source = sum(map(_size, log_files(log.source)))
        output = _size(log.output)
        source_bytes += source
        output_bytes += output
        if output < source:
            lacking[log.host] = lacking.get(log.host, 0) + source - output
    return Backlog(
        source_bytes=source_bytes, output_bytes=output_bytes, missing=tuple(lacking.items())
    )


async def wait_until_written(
    logs: Callable[[], Iterable[HostLogPaths]],
    stalled_after: float,
    progress: Callable[[Backlog], None] = lambda _: None,
) -> Backlog:
    """Wait until every output is as long as its source.

    Returns early, with what is missing, once nothing has grown for ``stalled_after`` seconds.
    """
    written, since = -1, time.monotonic()
    while True:
        backlog = await asyncio.to_thread(lambda: measure(logs()))
        progress(backlog)
        if backlog.output_bytes > written:
            written, since = backlog.output_bytes, time.monotonic()
        if not backlog.missing or time.monotonic() - since > stalled_after:
            return backlog
        await asyncio.sleep(_POLL)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
