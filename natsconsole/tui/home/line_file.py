"""Lines to a file and to the clipboard."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from natsconsole.domain.terminal_text import visible
from natsconsole.receiver.file_names import safe_name

MOST_COPIED = 64 << 10
"""Bytes of a copy: terminals refuse a longer sequence, most of them silently."""


def write_new(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file that did not exist, readable by its owner only: logs hold secrets.

    Raises:
        OSError: it exists, or cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(_bytes_of(line) + b"\n" for line in lines)


def _bytes_of(line: str) -> bytes:
    try:
        return line.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no bytes decode to that; something is written all the same
        return line.encode("utf-8", "surrogatepass")


def proposed_name(host: str, now: float) -> str:
    """Return a file name for a host's lines, safe whatever the host calls itself."""
    return (
        f"{safe_name(visible(host, 200))}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}.log"
    )


def copied_text(lines: Sequence[str]) -> tuple[str, int]:
    """Return the text to copy, and how many of the lines it holds whole.

    What a terminal would act upon when it is pasted is made visible.
    """
    shown: list[str] = []
    size = 0
    for line in lines:
        text = visible(line, MOST_COPIED)
        size += len(text.encode("utf-8")) + 1
        if size > MOST_COPIED:
            break
        shown.append(text)
    if not shown and lines:
        text = visible(lines[0], MOST_COPIED).encode("utf-8")[:MOST_COPIED].decode(errors="ignore")
        return text, 0
    return "\n".join(shown) + ("\n" if len(shown) > 1 else ""), len(shown)
