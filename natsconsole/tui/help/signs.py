"""What each sign and short word on Home means, in words."""

from __future__ import annotations

from dataclasses import dataclass

from natsconsole.domain.lines import Fate
from natsconsole.tui.drawing import Ink
from natsconsole.tui.home.host_rows import STATE_SIGNS
from natsconsole.tui.home.line_view import SIGNS


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign, its colour, its meaning."""

    sign: str
    ink: Ink
    words: str


def _fate(fate: Fate, words: str, suffix: str = "") -> Sign:
    sign, ink = SIGNS[fate]
    return Sign(sign + suffix, ink, words)


LINES: tuple[Sign, ...] = (
    _fate(Fate.STORED, "stored, not delivered yet"),
    _fate(Fate.DELIVERED, "delivered, not acknowledged"),
    _fate(Fate.REDELIVERED, "delivered three times", "3"),
    _fate(Fate.ACKED, "acknowledged"),
    Sign("9s", "accent", "until it is delivered again"),
    Sign("───", "accent", "ack floor: all above is acknowledged"),
    Sign("▌", "accent", "where the keys act, in a paused pane"),
    Sign("│", "accent", "marked, to be copied or saved"),
    Sign("‖ 7", "warn", "paused: seven new lines wait below"),
)
HOSTS: tuple[Sign, ...] = (
    Sign(*STATE_SIGNS["live"], "live: lines come"),
    Sign(*STATE_SIGNS["quiet"], "quiet: none came for a while"),
    Sign(*STATE_SIGNS["silent"], "silent: for longer than it should be"),
    Sign(*STATE_SIGNS["held"], "held: cannot be written now"),
    Sign(*STATE_SIGNS["paused"], "paused: its receiver, or its shipper"),
    Sign("◆", "accent", "marked, to be opened with others"),
    Sign("lag", "muted", "messages stored, not written"),
    Sign("age", "muted", "of the oldest of these"),
    Sign("una", "muted", "delivered, not acknowledged"),
    Sign("↻", "muted", "delivered again"),
    Sign("files", "muted", "bytes in its files, not shipped"),
)
TOTALS: tuple[Sign, ...] = (
    Sign("≈", "muted", "an estimate"),
    Sign("lost", "bad", "lines proved missing"),
    Sign("▲ △", "bad", "look now, look soon"),
)
