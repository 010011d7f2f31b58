"""Make any text safe to send to a terminal.

Host names, log lines and error texts come from the network. Whatever in them a terminal would act
upon, or would show as nothing, is replaced by a picture a person can read: what is on the screen
is what is in the text. Colour and markup are no concern here; see ``natsconsole.tui.drawing``.
"""

from __future__ import annotations

import re

TAB_STOP = 4
"""Narrower than a terminal's 8, because panes are narrow."""

_HIDDEN = (
    "\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 but tab, DEL, C1
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners, fillers
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"  # zero width, line ends, bidi controls
    "\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"  # surrogates, byte order
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # musical controls, tags
)
_VARIATIONS = "\ufe00-\ufe0f"
_UNSAFE = re.compile(f"[{_HIDDEN}{_VARIATIONS}]")
PRINTABLE = rf"[^\t{_HIDDEN}]*"
"""A pattern for what may stand as it is in a line to type into."""


def visible(text: str, limit: int | None = None) -> str:
    """Return the text as one printable line, at most ``limit`` characters of it looked at."""
    if limit is not None and len(text) > limit:
        text = text[:limit]
    if text.isascii() and text.isprintable():
        return text
    text = _UNSAFE.sub(_picture, text)
    return text.expandtabs(TAB_STOP) if "\t" in text else text


def is_printable(text: str) -> bool:
    """Whether a line to type into may hold the text as it is."""
    return re.fullmatch(PRINTABLE, text) is not None


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    if 0xFE00 <= code <= 0xFE0F:
        return ""  # only says how the character before it is to look, and upsets its width
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte that was not UTF-8
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
