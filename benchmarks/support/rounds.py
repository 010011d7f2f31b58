"""Measures two things by turns and prints what they did, one beside the other."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence

Measure = Callable[[], Awaitable[float]]

NOISE = (
    "Both run by turns on this machine, which other work may share: trust the ratio, "
    "not the figures."
)


async def compare(
    ours: tuple[str, Measure],
    other: tuple[str, Measure],
    *,
    rounds: int,
    unit: str,
    at_least: float,
) -> bool:
    """Run A B A B, print each round and the medians; return whether the ratio is reached."""
    figures: tuple[list[float], list[float]] = ([], [])
    for number in range(1, rounds + 1):
        for (name, measure), found in zip((ours, other), figures, strict=True):
            found.append(await measure())
            print(f"  round {number}  {name:<34} {found[-1]:>12,.0f} {unit}", flush=True)
    for (name, _), found in zip((ours, other), figures, strict=True):
        print(f"{name:<44} {spread(found)} {unit}")
    ratios = [mine / theirs for mine, theirs in zip(*figures, strict=True)]
    ratio = statistics.median(ratios)
    print(
        f"ratio {ratio:.2f} (rounds {min(ratios):.2f} to {max(ratios):.2f}; "
        f"wanted at least {at_least:g}): {'reached' if ratio >= at_least else 'NOT reached'}"
    )
    print(NOISE)
    return ratio >= at_least


def spread(figures: Sequence[float]) -> str:
    """Return median and range as text."""
    return (
        f"median {statistics.median(figures):,.0f} "
        f"(range {min(figures):,.0f} to {max(figures):,.0f}, {len(figures)} rounds)"
    )
