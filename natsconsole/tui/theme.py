"""The one place with colours: calm, high in contrast, few accents.

Four palettes of the same names. The colour-blind one tells good from bad by blue and orange, which
every kind of colour vision keeps apart. The monochrome one has no hue: there, and wherever colours
are off, weight, underline and reverse in ``inks.py`` say what colour says elsewhere.
"""

from __future__ import annotations

from textual.theme import Theme

from natsconsole.tui.settings import ThemeName

INKS_OF_DARK = {
    "ink-muted": "#8494a6",
    "ink-faint": "#465364",
    "ink-stale": "#66758a",
    "ink-spark": "#4a76a8",
    "ink-calm": "#5f9e72",
    "ink-key": "#79b8ff",
    "band": "#161c26",
    "cursor": "#22304a",
    "cursor-blurred": "#1a2231",
    "marked": "#1d2a3f",
    "match": "#7a5c12",
    "match-text": "#fff3d0",
}
"""Colours that Textual's own themes do not know; these stand in for them there."""
INKS_OF_LIGHT = {
    "ink-muted": "#5a6878",
    "ink-faint": "#a9b4c0",
    "ink-stale": "#8a96a3",
    "ink-spark": "#6d97c4",
    "ink-calm": "#3c7f52",
    "ink-key": "#0a5cb8",
    "band": "#e8edf3",
    "cursor": "#d3e3f7",
    "cursor-blurred": "#e4eaf1",
    "marked": "#dfeafb",
    "match": "#ffd75e",
    "match-text": "#1c232c",
}
INKS_OF_COLOUR_BLIND = {
    **INKS_OF_DARK,
    "ink-spark": "#5b87b5",
    "ink-calm": "#5b9bd0",
    "ink-key": "#9ecbff",
    "match": "#6b5a00",
    "match-text": "#fff7b0",
}
INKS_OF_MONOCHROME = {
    "ink-muted": "#a0a0a0",
    "ink-faint": "#5c5c5c",
    "ink-stale": "#7c7c7c",
    "ink-spark": "#8c8c8c",
    "ink-calm": "#c0c0c0",
    "ink-key": "#ffffff",
    "band": "#1c1c1c",
    "cursor": "#3a3a3a",
    "cursor-blurred": "#282828",
    "marked": "#303030",
    "match": "#d0d0d0",
    "match-text": "#101010",
}


def _theme(name: str, inks: dict[str, str], *, dark: bool = True, **colours: str) -> Theme:
    background, surface = colours["background"], colours["surface"]
    border, bar, bar_hover = colours.pop("border"), colours.pop("bar"), colours.pop("bar_hover")
    return Theme(
        name=name,
        secondary=inks["ink-muted"],
        accent=colours["primary"],
        dark=dark,
        variables={
            **inks,
            "border": border,
            "border-blurred": border,
            "scrollbar": bar,
            "scrollbar-hover": bar_hover,
            "scrollbar-active": colours["primary"],
            "scrollbar-background": background,
            "scrollbar-background-hover": surface,
            "scrollbar-background-active": surface,
            "scrollbar-corner-color": background,
            "input-cursor-background": colours["foreground"],
            "input-cursor-foreground": background,
            "input-selection-background": f"{colours['primary']} 35%",
        },
        **colours,  # type: ignore[arg-type]
    )


THEMES: dict[ThemeName, Theme] = {
    "dark": _theme(
        "natsconsole",
        INKS_OF_DARK,
        primary="#79b8ff",
        foreground="#d4dce6",
        background="#0e131a",
        surface="#131922",
        panel="#1a2230",
        success="#7cc48d",
        warning="#e3b04b",
        error="#f0716b",
        border="#2a3545",
        bar="#2f3c4f",
        bar_hover="#46566d",
    ),
    "light": _theme(
        "natsconsole-light",
        INKS_OF_LIGHT,
        dark=False,
        primary="#0a5cb8",
        foreground="#1c232c",
        background="#fbfcfd",
        surface="#f2f5f8",
        panel="#e8edf3",
        success="#1f7a3d",
        warning="#8f5a00",
        error="#b3261e",
        border="#c4ced9",
        bar="#c4ced9",
        bar_hover="#9fb0c2",
    ),
    "colour-blind": _theme(
        "natsconsole-colour-blind",
        INKS_OF_COLOUR_BLIND,
        primary="#9ecbff",
        foreground="#dde3ea",
        background="#0e131a",
        surface="#131922",
        panel="#1a2230",
        success="#6cb6f5",
        warning="#f0e442",
        error="#ff9248",
        border="#2a3545",
        bar="#2f3c4f",
        bar_hover="#46566d",
    ),
    "monochrome": _theme(
        "natsconsole-monochrome",
        INKS_OF_MONOCHROME,
        primary="#ffffff",
        foreground="#dcdcdc",
        background="#101010",
        surface="#181818",
        panel="#202020",
        success="#dcdcdc",
        warning="#f0f0f0",
        error="#ffffff",
        border="#4a4a4a",
        bar="#4a4a4a",
        bar_hover="#6a6a6a",
    ),
}
"""By the names that users choose from."""
