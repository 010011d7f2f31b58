"""Which log a file belongs to, so that no file is shipped as two logs, whatever names match it."""

from __future__ import annotations

import os

from shipper.fingerprint import Position, is_retired_file


class Claims:
    """The files of all logs, by device and inode."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], str] = {}
        self._retired: dict[tuple[int, int], Position] = {}

    def take(self, key: tuple[int, int], log: str) -> None:
        """Say that a log reads a file."""
        self._open[key] = log

    def release(self, key: tuple[int, int]) -> None:
        """Say that it does no more."""
        self._open.pop(key, None)

    def retire(self, position: Position) -> None:
        """Say that a file was shipped to its end."""
        self._retired[position.key] = position

    def unretire(self, position: Position) -> None:
        """Forget that."""
        if self._retired.get(position.key) is position:
            del self._retired[position.key]

    def is_taken(self, key: tuple[int, int]) -> bool:
        """Tell whether a log reads this file."""
        return key in self._open

    def is_retired(self, file: int) -> bool:
        """Tell whether an open file is one that was shipped to its end."""
        status = os.fstat(file)
        position = self._retired.get((status.st_dev, status.st_ino))
        return position is not None and is_retired_file(file, position)

    def is_owned(self, file: int) -> bool:
        """Tell whether an open file belongs to a log."""
        status = os.fstat(file)
        return self.is_taken((status.st_dev, status.st_ino)) or self.is_retired(file)
