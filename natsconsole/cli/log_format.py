"""``--log-format``, and the log that it asks for on stderr."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import click

from natsconsole.domain.terminal_text import visible
from shipper import log_format as lines
from shipper.log_format import LogFormat

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
    lines.set_up_logging(log_format, text=text, level=level, safe=visible)
