"""What a program of the demo said last: usually why it ended."""

from __future__ import annotations

import re
from pathlib import Path

from natsconsole.domain.terminal_text import visible

_STAMP = re.compile(r"^(\[\d+\] )?\d{4}\S+ [\d:.,]+ \[?[A-Z]+\]? ")
"""As nats-server and our own programs write it before their words."""
_READ = 4096
_LIMIT = 200


def last_words(log: Path) -> str:
    """Return the last line of a log without its stamp, safe to show; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _READ))
            lines = file.read(_READ).decode(errors="replace").splitlines()
    except OSError:
        return ""
    return visible(_STAMP.sub("", lines[-1]).strip(), _LIMIT) if lines else ""
