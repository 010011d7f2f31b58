"""One line on every screen of a replay: the moment that is shown, and how to move."""

from __future__ import annotations

from textual.reactive import var

from natsconsole.gateway.replay import Player
from natsconsole.tui.commands import key_of
from natsconsole.tui.drawing import Line, OneLine
from natsconsole.tui.format import clock_time, plural

TRACK = 24


class ReplayBar(OneLine):
    """Draws the player; ``tick`` moves it."""

    now: var[float] = var(0.0)

    def __init__(self, player: Player) -> None:
        super().__init__(id="replay")
        self._player = player

    def on_mount(self) -> None:
        """Move on with time."""
        self.set_interval(0.25, self.repaint)

    def draw_line(self) -> Line:
        """Draw moment, track and keys."""
        player = self._player
        times = player.recording.times
        first, last = times[0], times[-1]
        share = (player.now - first) / (last - first) if last > first else 1.0
        done = round(share * TRACK)
        line = self.line().space()
        line.put("▶ PLAYING" if player.is_playing else "‖ STOPPED", "warn", width=10)
        line.put(clock_time(player.now), "strong").space(2)
        line.put("━" * done, "accent").put("─" * (TRACK - done), "faint").space(2)
        line.put(f"{player.place + 1:,} of {plural(len(times), 'moment')}", "muted").space(2)
        line.put(f"{clock_time(first)} to {clock_time(last)}", "muted")
        if player.recording.is_cut:
            line.put(" (its end is cut off)", "warn")
        line.space(2)
        for ids, word in (
            (("replay.play",), "play"),
            (("replay.back", "replay.on"), "step"),
            (("replay.minute_back", "replay.minute_on"), "minute"),
            (("replay.jump",), "jump"),
        ):
            keys = " ".join(key_of(self.app, one) for one in ids)
            line.put(keys, "key").space().put(word, "muted").space(2)
        return line
