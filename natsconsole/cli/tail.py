"""``natsconsole tail``: lines of hosts on standard output, as they come."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, NoReturn

import click

from natsconsole.cli.context_settings import read_context_settings
from natsconsole.cli.failures import Failure, failures_as_one_line
from natsconsole.cli.patterns import Pattern
from natsconsole.cli.quantities import Duration
from natsconsole.cli.tail_output import (
    Form,
    Output,
    as_bytes,
    as_json,
    for_terminal,
    matching,
    wants_colour,
)
from natsconsole.domain.host_pattern import HostPattern
from natsconsole.domain.line_assembly import FoundLine, LineAssembly, Place
from natsconsole.domain.terminal_text import visible
from natsconsole.gateway.interface import GatewayError
from natsconsole.gateway.jetstream import STREAM_NOT_FOUND, ApiError, JetStream
from natsconsole.gateway.stream_choice import DEFAULT_STREAM, chosen_stream
from natsconsole.gateway.stream_tail import HostMessage, StreamTail
from shipper.connection import (
    Connection,
    ConnectionProblem,
    NotConnectedError,
    PermissionDeniedError,
)
from shipper.connection_flags import connection_flags
from shipper.connection_options import ConnectionOptions
from shipper.wire import as_lines, source_range

POLL_SECONDS = 0.25
LOOK_SECONDS = 2.0
UNFINISHED_SECONDS = 1.0
"""How long a line without an end waits for it before it is written."""
PROBLEM = 1


class Expression(click.ParamType[re.Pattern[str]]):
    """A regular expression."""

    name = "regex"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> re.Pattern[str]:
        """Return it, ready to search."""
        if isinstance(value, re.Pattern):
            return value
        try:
            return re.compile(value)
        except (re.error, RecursionError, OverflowError) as error:
            self.fail(f"{value!r} is no regular expression: {error}", param, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be shown, and from where on."""

    lines: int
    since: float | None
    from_start: bool
    follows: bool
    wanted: re.Pattern[str] | None
    is_json: bool


@click.command()
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@connection_flags
@click.option(
    "--stream",
    metavar="NAME",
    show_default=f"{DEFAULT_STREAM}, or the only one",
    help="Read this one.",
)
@click.option(
    "--subject",
    metavar="PATTERN",
    type=Pattern(),
    help="Which part of a stored subject is the host: orders.{host}.> or logs.*.{host>}",
)
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, 10_000),
    default=10,
    show_default=True,
    help="Begin with the last so many.",
)
@click.option("--since", type=Duration(), metavar="5m", help="Begin so long ago instead.")
@click.option("--from-start", is_flag=True, help="Begin with the first line there is instead.")
@click.option(
    "--grep", type=Expression(), metavar="REGEX", help="Only lines in which this is found."
)
@click.option("--follow/--no-follow", default=True, help="Go on as lines come, or end.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
def tail(
    connection: ConnectionOptions,
    hosts: tuple[str, ...],
    stream: str | None,
    subject: HostPattern | None,
    lines: int,
    since: float | None,
    from_start: bool,
    grep: re.Pattern[str] | None,
    follow: bool,
    is_json: bool,
) -> None:
    """Show lines of hosts, all hosts or those that the globs name, as they come.

    Reads the stream itself, so that nothing is delivered or acknowledged. On a terminal nothing in
    a line acts upon it; elsewhere each line's bytes are written as they are. One host alone is
    written without its name before each line.
    """
    if since is not None and from_start:
        raise click.UsageError("--since and --from-start are two beginnings: give one")
    asked = Asked(
        lines=lines,
        since=since,
        from_start=from_start,
        follows=follow,
        wanted=grep,
        is_json=is_json,
    )
    settings = read_context_settings(connection.context)
    pattern = subject or (HostPattern.parse(settings.subject) if settings.subject else None)
    named = stream or settings.stream or None
    try:
        with failures_as_one_line(GatewayError):
            asyncio.run(_tail(replace(connection, name="tail"), named, hosts, pattern, asked))
    except BrokenPipeError:
        # Whoever read has enough. Nothing is left in Python's own buffer to be flushed at exit.
        return


async def _tail(
    options: ConnectionOptions,
    named: str | None,
    hosts: Sequence[str],
    pattern: HostPattern | None,
    asked: Asked,
) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: task and task.cancel())
    with contextlib.suppress(asyncio.CancelledError):
        async with Connection(options) as connection:
            stream = await chosen_stream(JetStream(connection), named)
            source = StreamTail(connection, stream, hosts=hosts, pattern=pattern)
            known = await source.open()
            if not source.hosts and hosts:
                _say_none_matches(stream, hosts, known, follows=asked.follows)
            await _Tailing(connection, source, asked, _form(source, asked)).run()


def _say_none_matches(
    stream: str, hosts: Sequence[str], known: Sequence[str], *, follows: bool
) -> None:
    near = get_close_matches(hosts[0], known, 1)
    mend = f"did you mean {near[0]!r}?" if near else f"it has {len(known)} hosts"
    words = f"stream {stream} has nothing of {', '.join(map(repr, hosts))}; {mend}"
    if not follows:
        raise Failure(visible(words), exit_code=PROBLEM)
    _say(f"{words} Waiting for it.")


def _passes_by_itself(error: Exception) -> bool:
    """Whether to wait is all there is to do: a restart, an election, a slow network."""
    if isinstance(error, ApiError):
        return error.code == 503
    return not isinstance(error, PermissionDeniedError)


def _form(source: StreamTail, asked: Asked) -> Form:
    if asked.is_json:
        return as_json
    is_terminal = sys.stdout.isatty()
    with_host = not source.is_one_host
    if not is_terminal:
        return as_bytes(with_host=with_host)
    return for_terminal(
        with_host=with_host, with_colour=wants_colour(os.environ, is_terminal=is_terminal)
    )


def _say(words: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(visible(words), err=True)


class _Tailing:
    """From the stream to standard output."""

    def __init__(
        self, connection: Connection, source: StreamTail, asked: Asked, form: Form
    ) -> None:
        self._connection = connection
        self._source = source
        self._asked = asked
        self._form = form
        self._assembly = LineAssembly()
        self._output = Output(sys.stdout.fileno())
        self._trouble = ""
        self._looked = time.monotonic()

    async def run(self) -> None:
        """Write what there is, and go on unless told to end."""
        await self._begin()
        if self._asked.follows:
            await self._follow()
        while (found := await self._source.read_to_end()) is not None:
            await self._write(self._lines(found))
        await self._write(self._assembly.overdue())

    async def _follow(self) -> NoReturn:
        while True:
            try:
                found = await self._next()
            except (ConnectionProblem, ApiError) as error:
                if isinstance(error, ApiError) and error.err_code == STREAM_NOT_FOUND:
                    raise GatewayError(f"stream {self._source.stream!r} is gone") from error
                if not _passes_by_itself(error):
                    raise
                await self._wait_out(str(error))
                continue
            if self._trouble:
                self._trouble = ""
                _say(f"reading from {self._connection.connected_address} again")
            if found is not None:
                await self._write(self._lines(found))
                continue
            await self._write(self._assembly.overdue(time.monotonic() - UNFINISHED_SECONDS))
            await asyncio.sleep(POLL_SECONDS)

    async def _next(self) -> list[HostMessage] | None:
        found = await self._source.read()
        if found is None and time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            news = await self._source.look_again()
            if news:
                _say(news)
        return found

    async def _begin(self) -> None:
        asked = self._asked
        if asked.from_start:
            self._source.begin_at_first()
        elif asked.since is not None:
            await self._source.begin_at(time.time() - asked.since)
        elif asked.lines:
            lines = self._lines(await self._source.last_messages(asked.lines))
            await self._write(matching(lines, asked.wanted)[-asked.lines :])

    def _lines(self, found: Sequence[HostMessage]) -> list[FoundLine]:
        lines: list[FoundLine] = []
        now = time.monotonic()
        for message in found:
            stored = message.stored
            origin = source_range(stored.headers)
            place = Place(
                host=message.host,
                log=origin.name if origin else "",
                subject=stored.subject,
                sequence=stored.sequence,
                time=stored.time,
            )
            lines += self._assembly.take(place, as_lines(stored.payload, origin), now)
        return lines

    async def _write(self, lines: Sequence[FoundLine]) -> None:
        wanted = matching(lines, self._asked.wanted)
        await self._output.write(b"".join(map(self._form, wanted)))

    async def _wait_out(self, trouble: str) -> None:
        """Say what is wrong, once, and wait a while."""
        if not self._trouble:
            _say(f"{trouble}; trying again")
        self._trouble = trouble
        with contextlib.suppress(NotConnectedError):
            await self._connection.wait_connected(1.0)
        await asyncio.sleep(POLL_SECONDS)
