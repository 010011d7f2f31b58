"""How much of what the fleet wrote the receiver has not: by the files' sizes alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from natsconsole.demo.directory import HostLogPaths
from natsconsole.demo.host_log import log_files

_NAMED = 3


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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
