"""How a program's log looks on stderr: text for people, or one JSON object a line for machines.

Host names, log names and error texts come from the network. Both formats make them safe: JSON too,
because what reads it, such as ``jq -r``, hands the text on to a terminal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import click
import msgspec

from natsconsole.domain.terminal_text import visible

LogFormat = Literal["text", "json"]
TEXT = "%(asctime)s %(levelname)s %(message)s"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def log_format_flag(command: _Command) -> _Command:
    """Give a command ``--log-format``, as its parameter ``log_format``."""
    return click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="json: one object a line, with time, level, logger and message.",
    )(command)


def set_up_logging(log_format: LogFormat, *, text: str = TEXT, level: int = logging.INFO) -> None:
    """Log to stderr in this format from now on; ``text`` is logging's format string."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(text))
    logging.basicConfig(handlers=[handler], level=level, force=True)


class TextFormatter(logging.Formatter):
    """One line a record, and tracebacks below it, safe for a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the record's line."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """Return the traceback."""
        return _visible_lines(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's own name
        """Return the stack."""
        return _visible_lines(super().formatStack(stack_info))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": visible(record.getMessage()),
        }
        if record.exc_info:
            fields["exception"] = _visible_lines(self.formatException(record.exc_info))
        return msgspec.json.encode(fields).decode()


def _visible_lines(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))
