"""What a user may choose once and for all. Values only: the file is read elsewhere.

Each field's words are its documentation: ``--print-config`` shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from natsconsole.domain.contexts import ContextSettings

ThemeName = Literal["dark", "light", "colour-blind", "monochrome"]
THEMES: tuple[ThemeName, ...] = get_args(ThemeName)
Timestamps = Literal["auto", "local", "utc", "relative", "off"]
TIMESTAMPS: tuple[Timestamps, ...] = get_args(Timestamps)
Bandwidth = Literal["normal", "low"]
BANDWIDTHS: tuple[Bandwidth, ...] = get_args(Bandwidth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the terminal is sent what."""

    lines: float
    """Seconds between two paintings of a pane: lines that scroll change every cell."""
    tick: float
    """Seconds between two movements of clock and ages."""
    looks: float
    """Seconds between two looks, at least."""
    sparks: bool
    """Whether rates are drawn as small charts: they change with every look."""


PACES: dict[Bandwidth, Pace] = {
    "normal": Pace(lines=0.7, tick=0.5, looks=0.0, sparks=True),
    "low": Pace(lines=2.5, tick=2.0, looks=3.0, sparks=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A user's choices."""

    theme: ThemeName = "dark"
    interval: float = 1.0
    timestamps: Timestamps = "auto"
    wrap: bool = False
    mouse: bool = True
    bell: bool = False
    silent_after: float = 600.0
    bandwidth: Bandwidth = "normal"
    keys: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, ContextSettings] = field(default_factory=dict)
    """What holds for single contexts of the nats CLI, by their names."""

    @property
    def pace(self) -> Pace:
        """How often the terminal is sent what."""
        return PACES[self.bandwidth]


DEFAULTS = Settings()
