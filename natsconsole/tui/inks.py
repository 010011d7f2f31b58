"""How each ink looks. Code names an ink; this table says what it is, in the theme's colours.

Textual's component classes could say the same, but are matched against the whole stylesheet for
each widget whenever the focus moves: that took most of the time between a key and its paint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.color import Color as RichColor
from rich.style import Style
from textual.app import App
from textual.color import Color

from natsconsole.tui.theme import INKS_OF_DARK


class Look(NamedTuple):
    """A theme's variable or a colour for the text, how it stands out, and one for behind it."""

    colour: str = ""
    style: str = ""
    behind: str = ""


LOOKS: Mapping[str, Look] = {
    "plain": Look("foreground"),
    "strong": Look("foreground", "bold"),
    "muted": Look("ink-muted"),
    "faint": Look("ink-faint"),
    "good": Look("success"),
    "warn": Look("warning"),
    "bad": Look("error"),
    "warn-word": Look("warning", "bold"),
    "bad-word": Look("error", "bold"),
    "match": Look("match-text", "bold", "match"),
    "marked": Look(behind="marked"),
    "accent": Look("accent"),
    "key": Look("ink-key", "bold"),
    "title": Look("foreground", "bold"),
    "calm": Look("ink-calm"),
    "spark": Look("ink-spark"),
    "cursor": Look(behind="cursor-blurred"),
    "context-red": Look("#ffffff", "bold", "#b3261e"),
    "context-yellow": Look("#1c1c1c", "bold", "#e6b800"),
    "context-green": Look("#ffffff", "bold", "#1e7a3c"),
    "context-blue": Look("#ffffff", "bold", "#1f5fbf"),
    "context-magenta": Look("#ffffff", "bold", "#9c2f8f"),
    "context-cyan": Look("#ffffff", "bold", "#0b7285"),
}
"""A context's colour is its user's choice: the same in every theme that has hues."""
PALES = frozenset(
    [
        "plain",
        "strong",
        "good",
        "calm",
        "warn",
        "bad",
        "warn-word",
        "bad-word",
        "accent",
        "spark",
        "muted",
    ]
)
"""Inks that are all of one faint colour where figures are no longer sure."""
WITHOUT_HUES = {
    "warn": "underline",
    "bad": "bold",
    "warn-word": "bold underline",
    "bad-word": "bold reverse",
    "match": "bold underline",
}
"""Without hues, weight and line say what colour says elsewhere."""

_PALETTES: dict[tuple[str, bool, bool, bool], Mapping[str, Style]] = {}


def palette(app: App[object], *, is_stale: bool, is_focused: bool) -> Mapping[str, Style]:
    """Return the style of each ink in the app's theme."""
    is_plain = app.has_class("-monochrome")
    key = (app.theme, is_plain, is_stale, is_focused)
    found = _PALETTES.get(key)
    if found is None:
        colours = INKS_OF_DARK | app.get_css_variables()
        found = _PALETTES[key] = {
            ink: _style(
                ink, look, colours, is_stale=is_stale, is_focused=is_focused, is_plain=is_plain
            )
            for ink, look in LOOKS.items()
        }
    return found


def _style(
    ink: str,
    look: Look,
    colours: Mapping[str, str],
    *,
    is_stale: bool,
    is_focused: bool,
    is_plain: bool,
) -> Style:
    if is_stale and ink in PALES:
        look = Look("ink-stale")
    elif is_focused and ink == "title":
        look = look._replace(colour="accent")
    elif is_plain and ink.startswith("context-"):
        look = Look("foreground", "bold reverse")
    words = WITHOUT_HUES.get(ink, look.style) if is_plain else look.style
    return Style(
        color=_colour(look.colour, colours) if look.colour else None,
        bgcolor=_colour(look.behind, colours) if look.behind else None,
    ) + Style.parse(words)


def _colour(name: str, colours: Mapping[str, str]) -> RichColor:
    return Color.parse(colours.get(name, name)).rich_color
