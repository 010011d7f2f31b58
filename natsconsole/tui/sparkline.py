"""A rate's recent past as one row of blocks."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇"
"""Without the full block, which would touch the line above."""


def sparkline(values: Sequence[float], width: int, peak: float | None = None) -> str:
    """Return the newest values as blocks, right-aligned; ``peak`` lets two share one scale."""
    shown = list(values[-width:]) if width > 0 else []
    top = max(peak or 0.0, *shown, 0.0) if shown else 0.0
    steps = len(BLOCKS) - 1
    drawn = (
        BLOCKS[0] if top <= 0 else BLOCKS[min(steps, round(max(0.0, value) / top * steps))]
        for value in shown
    )
    return "".join(drawn).rjust(width)
