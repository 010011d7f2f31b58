"""How a program's log looks on stderr: text for people, or one JSON object a line for machines.

File names, host names and error texts come from elsewhere. Both formats make them safe: JSON too,
because what reads it, such as ``jq -r``, hands the text on to a terminal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

LogFormat = Literal["text", "json"]
Safe = Callable[[str], str]
"""Returns one line of text so that it does nothing to a terminal."""


def plain(text: str) -> str:
    """Return text that does nothing to a terminal: file names and servers may say anything."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def set_up_logging(
    log_format: LogFormat,
    *,
    text: str = "%(asctime)s shipper: %(message)s",
    level: int = logging.INFO,
    safe: Safe = plain,
) -> None:
    """Log to stderr in this format from now on; ``text`` is logging's format string."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(safe) if log_format == "json" else TextFormatter(text, safe))
    logging.basicConfig(handlers=[handler], level=level, force=True)


class TextFormatter(logging.Formatter):
    """One line a record, and tracebacks below it, safe for a terminal."""

    def __init__(self, text: str, safe: Safe = plain) -> None:
        super().__init__(text)
        self._safe = safe

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the record's line."""
        return self._safe(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """Return the traceback."""
        return _by_line(self._safe, super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's own name
        """Return the stack."""
        return _by_line(self._safe, super().formatStack(stack_info))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, exception."""

    def __init__(self, safe: Safe = plain) -> None:
        super().__init__()
        self._safe = safe

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._safe(record.getMessage()),
        }
        if record.exc_info:
            fields["exception"] = _by_line(self._safe, self.formatException(record.exc_info))
        return msgspec.json.encode(fields).decode()


def _by_line(safe: Safe, text: str) -> str:
    return "\n".join(map(safe, text.split("\n")))
