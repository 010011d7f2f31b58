"""Log lines for people and machines, in which nothing can act upon a terminal."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.cli.log_format import log_format_flag
from natsconsole.domain.terminal_text import visible
from shipper.log_format import JsonFormatter, TextFormatter

HOSTILE = "web\x1b]52;c;eA==\x07\x9b2J\r\n\u202e\udc9b\x00"
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]")


def record(
    message: str, *arguments: object, failing: BaseException | None = None
) -> logging.LogRecord:
    info = None if failing is None else (type(failing), failing, failing.__traceback__)
    made = logging.LogRecord("a.logger", logging.WARNING, __file__, 1, message, arguments, info)
    made.created = 1_767_268_800.25
    return made


def caught(text: str) -> ValueError:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_json_has_time_level_logger_and_message() -> None:
    line = JsonFormatter(visible).format(record("host %s is held", "web1"))

    assert json.loads(line) == {
        "time": "2026-01-01T12:00:00.250Z",
        "level": "warning",
        "logger": "a.logger",
        "message": "host web1 is held",
    }


def test_json_has_the_exception_in_the_same_line() -> None:
    line = JsonFormatter(visible).format(record("failed", failing=caught("no\nroom")))
    found = json.loads(line)

    assert "\n" not in line
    assert found["message"] == "failed"
    assert found["exception"].startswith("Traceback (most recent call last):\n")
    assert found["exception"].endswith("ValueError: no\nroom")


def test_text_is_one_line_and_the_traceback_below() -> None:
    formatter = TextFormatter("%(levelname)s %(message)s", visible)

    assert formatter.format(record("host %s", "web1")) == "WARNING host web1"
    lines = formatter.format(record("bad\nline", failing=caught("x"))).split("\n")
    assert lines[0] == "WARNING bad␊line"
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: x"


@pytest.mark.parametrize(
    "formatter", [JsonFormatter(visible), TextFormatter("%(message)s", visible)]
)
def test_hostile_text_acts_on_nothing(formatter: logging.Formatter) -> None:
    line = formatter.format(record("host %s", HOSTILE, failing=caught(HOSTILE)))

    assert not ACTS.search(line)
    line.encode()
    if isinstance(formatter, JsonFormatter):
        assert not ACTS.search("".join(json.loads(line).values()))


@given(st.text(st.characters()))
def test_whatever_is_logged_is_one_valid_json_line(text: str) -> None:
    line = JsonFormatter(visible).format(record("%s", text))

    assert line.isprintable() or not ACTS.search(line)
    assert "\n" not in line
    assert json.loads(line.encode())["level"] == "warning"


def test_the_flag_and_a_whole_program() -> None:
    script = (
        "import logging; from natsconsole.cli.log_format import set_up_logging\n"
        "set_up_logging('json'); logging.getLogger('x').info('host %s', 'w\\x1b[2J\\u00e9')\n"
        "logging.getLogger('x').debug('not this')\n"
        "set_up_logging('text', text='%(message)s'); logging.info('plain')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True,
        env={"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    first, second = done.stderr.splitlines()
    found = json.loads(first)

    assert found["message"] == "host w␛[2Jé"
    assert found["level"] == "info"
    assert abs((datetime.now(UTC) - datetime.fromisoformat(found["time"])).total_seconds()) < 60
    assert second == "plain"


def test_the_flag() -> None:
    @click.command()
    @log_format_flag
    def command(log_format: str) -> None:
        click.echo(log_format)

    assert CliRunner().invoke(command, []).output == "text\n"
    assert CliRunner().invoke(command, ["--log-format", "json"]).output == "json\n"
    assert CliRunner().invoke(command, ["--log-format", "xml"]).exit_code == 2
