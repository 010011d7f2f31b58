"""The one place with colours: calm, high in contrast, few accents."""

from __future__ import annotations

from textual.theme import Theme

INK_VARIABLES = {
    "ink-muted": "#8494a6",
    "ink-faint": "#465364",
    "ink-stale": "#66758a",
    "ink-spark": "#4a76a8",
    "ink-calm": "#5f9e72",
    "ink-key": "#79b8ff",
    "band": "#161c26",
    "cursor": "#22304a",
    "cursor-blurred": "#1a2231",
}
"""Colours that Textual's own themes do not know; these stand in for them there."""

NATSCONSOLE = Theme(
    name="natsconsole",
    primary="#79b8ff",
    secondary="#8494a6",
    accent="#79b8ff",
    foreground="#d4dce6",
    background="#0e131a",
    surface="#131922",
    panel="#1a2230",
    success="#7cc48d",
    warning="#e3b04b",
    error="#f0716b",
    dark=True,
    variables={
        **INK_VARIABLES,
        "border": "#2a3545",
        "border-blurred": "#2a3545",
        "scrollbar": "#2f3c4f",
        "scrollbar-hover": "#46566d",
        "scrollbar-active": "#79b8ff",
        "scrollbar-background": "#0e131a",
        "scrollbar-background-hover": "#131922",
        "scrollbar-background-active": "#131922",
        "scrollbar-corner-color": "#0e131a",
        "input-cursor-background": "#d4dce6",
        "input-cursor-foreground": "#0e131a",
        "input-selection-background": "#79b8ff 35%",
    },
)
