"""What a terminal too small for Home shows instead."""

from __future__ import annotations

from textual.strip import Strip

from natsconsole.tui.drawing import Drawn

SMALLEST = (60, 16)


class TooSmall(Drawn):
    """One centred line that says how small is too small."""

    def draw(self, y: int) -> Strip:
        """Draw the line in the middle."""
        line = self.line()
        if y == self.size.height // 2:
            width, height = self.screen.size
            words = f"{width}x{height} is too small: {SMALLEST[0]}x{SMALLEST[1]} is needed"
            line.space((self.size.width - len(words)) // 2).put(words, "warn")
        return self.finish(line)
