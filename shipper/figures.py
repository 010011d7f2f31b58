"""What one shipper has counted since it started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Figures:
    """Counters; each only grows."""

    lines: int = 0
    """Line ends in what the stream has acknowledged."""
    bytes: int = 0
    """Bytes of log files that the stream has acknowledged."""
    acks: int = 0
    """Messages that the stream has acknowledged."""
    duplicates: int = 0
    """Those of them which the stream had already."""
    retries: int = 0
    """Messages that were refused, or not answered, and sent again."""
