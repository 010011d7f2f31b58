"""When a file is closed and the next one begun."""

from __future__ import annotations

from dataclasses import dataclass

from natsconsole.receiver.ledger import FileEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """By size, by age, by both or, without either, never."""

    size: int | None = None
    """Bytes that no file may exceed, but for what one commit adds to an empty one."""
    age: float | None = None
    """Seconds of a period, counted from the epoch in UTC: a day's ends at midnight. A file holds
    lines of one period."""

    def is_due(self, file: FileEntry, more: int, now: float) -> bool:
        """Whether to begin another file before ``more`` bytes are appended at the time ``now``."""
        if not file.length:
            return False
        if self.size is not None and file.length + more > self.size:
            return True
        return self.age is not None and file.since // self.age < now // self.age


NEVER = Rotation()
