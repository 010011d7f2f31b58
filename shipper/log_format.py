"""How the shipper's own log looks on stderr: text for people, or one JSON object a line."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Literal

import msgspec

LogFormat = Literal["text", "json"]


def set_up_logging(log_format: LogFormat) -> None:
    """Log to stderr in this format from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


def plain(text: str) -> str:
    """Return text that does nothing to a terminal: file names and servers may say anything."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s shipper: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        return plain(super().formatMessage(record))


class _Json(logging.Formatter):
    """Time (RFC 3339, UTC), level, logger, message, exception."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": plain(record.getMessage()),
        }
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            fields["exception"] = "\n".join(map(plain, trace.split("\n")))
        return msgspec.json.encode(fields).decode()
