"""The command ``shipper``. Imports little before it runs, so that ``--help`` is quick."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shipper.addresses import ListenAddress
from shipper.batches import MAX_BATCH
from shipper.connection_flags import connection_flags
from shipper.connection_options import ConnectionOptions
from shipper.subjects import is_literal
from shipper.wire import DEFAULT_PREFIX

if TYPE_CHECKING:
    from shipper.agent import Agent
    from shipper.connection import Connection
    from shipper.discovery import Pattern
    from shipper.http_server import Address
    from shipper.log_format import LogFormat
    from shipper.reader import Following

FINE = 0
PROBLEM = 1
USAGE = 2
COULD_NOT_TELL = 3

_STANDARD_INPUT = "-"


def _load_config(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Take the file's values as defaults, so that a flag or variable counts more."""
    from shipper.config import ConfigError, read_config

    context.obj = ()
    if path is None:
        return
    flags = [p.name for p in context.command.params if p.name and p.name not in _NOT_IN_CONFIG]
    try:
        config = read_config(path.expanduser(), flags)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    context.obj = config.patterns
    context.default_map = dict(config.flags)


_NOT_IN_CONFIG = frozenset({"config", "files", "once", "help"})


@click.command()
@click.argument("files", nargs=-1, type=click.Path(), envvar="SHIPPER_FILE")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_load_config,
    help="TOML with any of these flags, and [[files]] with paths, exclude, host and labels.",
)
@click.option(
    "--host",
    metavar="NAME",
    envvar="HOSTNAME",
    show_envvar=True,
    default=socket.gethostname,
    show_default="this machine's",
    help="Whose logs they are; {dir} stands for the name of the directory that holds the file.",
)
@click.option(
    "--prefix",
    metavar="SUBJECT",
    envvar="SHIPPER_SUBJECT",
    show_envvar=True,
    default=DEFAULT_PREFIX,
    show_default=True,
    help="Lines go to SUBJECT.HOST.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where it is kept what was shipped; one shipper a directory.",
)
@click.option(
    "--from-start/--from-end",
    default=True,
    show_default=True,
    help="Where to begin in a file never seen.",
)
@click.option(
    "--once", is_flag=True, help="Ship what there is, a last partial line included, and end."
)
@click.option(
    "--max-line",
    type=click.IntRange(min=16),
    default=MAX_BATCH,
    show_default=True,
    metavar="BYTES",
    help="Split longer lines; a header marks the pieces.",
)
@click.option(
    "--linger",
    type=click.FloatRange(0, 60),
    default=0.05,
    show_default=True,
    metavar="SECONDS",
    help="How long a line waits for others to share its message.",
)
@click.option(
    "--metrics",
    type=ListenAddress(),
    metavar="HOST:PORT",
    help="Serve Prometheus metrics at /metrics, health at /healthz and /readyz.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one object a line, with time, level, logger and message.",
)
@connection_flags
@click.pass_obj
def main(
    configured: tuple[Pattern, ...],
    connection: ConnectionOptions,
    files: Sequence[str],
    host: str,
    prefix: str,
    state: Path | None,
    from_start: bool,
    once: bool,
    max_line: int,
    linger: float,
    metrics: Address | None,
    log_format: LogFormat,
) -> None:
    """Ship the lines of FILES, paths or globs, to JetStream; - is standard input.

    Each line is in the stream once, in order and byte for byte, through rotation and crashes:
    the file is the buffer, and its position moves only when the stream has the lines. SIGHUP
    looks for new files at once. The bucket "shippers" holds a button that pauses all of them:
    nats kv put shippers all '{"pause":true}'
    """
    from shipper.discovery import DIRECTORY_FIELD, Pattern
    from shipper.log_format import set_up_logging
    from shipper.reader import Following
    from shipper.source_log import Reading

    set_up_logging(log_format)
    _check_names(host, prefix)
    if not files and not configured:
        raise click.UsageError("no file is named; name some, or a --config with [[files]]")
    if os.environ.get("SHIPPER_PARTITIONS"):
        logging.getLogger("shipper").info(
            "SHIPPER_PARTITIONS is not needed: the stream puts the partition into the subject"
        )
    named = tuple(Pattern.parse(text) for text in files if text != _STANDARD_INPUT)
    following = Following(
        patterns=named + configured,
        host=host,
        from_end=not from_start,
        reading=Reading(max_line=max_line, linger=linger, once=once),
    )
    if _STANDARD_INPUT in files:
        if len(files) > 1 or configured:
            raise click.UsageError("standard input is shipped alone; name it without other files")
        if DIRECTORY_FIELD in host:
            raise click.UsageError("standard input lies in no directory; give a --host without one")
        if metrics is not None:
            raise click.UsageError("standard input is shipped without --metrics; leave it out")
        sys.exit(_run(_ship_standard_input(connection, following, prefix)))
    _check_files(following)
    where = state or _default_state()
    sys.exit(_run(_ship_files(connection, following, prefix, where, metrics)))


def _check_names(host: str, prefix: str) -> None:
    from shipper.discovery import DIRECTORY_FIELD, host_of
    from shipper.wire import BadHostError

    if not is_literal(prefix):
        raise click.UsageError(f"--prefix {prefix!r} is no subject without wildcards")
    try:
        host_of(host.replace(DIRECTORY_FIELD, "dir"), "/dir/file")
    except BadHostError as error:
        raise click.UsageError(f"--host: {error}") from None


def _check_files(following: Following) -> None:
    if not following.reading.once:
        return
    for pattern in following.patterns:
        if not pattern.is_glob and not Path(pattern.text).exists():
            raise click.UsageError(f"there is no file {pattern.text!r}")


def _default_state() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("natsconsole")) / "shipper"


def _run(shipping: Coroutine[None, None, int]) -> int:
    from shipper.checkpoint import CheckpointError
    from shipper.connection import ConnectFailedError, CredentialsFileError
    from shipper.http_server import HttpError

    try:
        return asyncio.run(shipping)
    except (CheckpointError, CredentialsFileError, HttpError) as error:
        click.echo(f"Error: {error}", err=True)
        return USAGE
    except ConnectFailedError as error:
        click.echo(f"Error: {error}", err=True)
        return COULD_NOT_TELL


async def _ship_files(
    options: ConnectionOptions,
    following: Following,
    prefix: str,
    state: Path,
    metrics: Address | None,
) -> int:
    from shipper.agent import Agent
    from shipper.checkpoint import Checkpoint
    from shipper.connection import Connection

    _raise_file_limit()
    with contextlib.closing(Checkpoint(state)) as checkpoint:
        connection = Connection(options)
        agent = Agent(connection, checkpoint, following, prefix=prefix)
        _stop_on_signals(agent.stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, agent.rescan)
        async with (
            _monitored(metrics, agent, connection),
            _connected(connection, wait=following.reading.once),
        ):
            await _run_as_service(agent)
    return PROBLEM if following.reading.once and agent.failures else FINE


async def _ship_standard_input(
    options: ConnectionOptions, following: Following, prefix: str
) -> int:
    from shipper.connection import Connection
    from shipper.standard_input import StandardInput

    connection = Connection(options)
    source = StandardInput(connection, following, prefix=prefix)
    _stop_on_signals(source.stop)
    async with _connected(connection, wait=True):
        return FINE if await source.run() else PROBLEM


@contextlib.asynccontextmanager
async def _monitored(
    address: Address | None, agent: Agent, connection: Connection
) -> AsyncIterator[None]:
    if address is None:
        yield
        return
    from shipper.metrics_server import MetricsServer

    async with MetricsServer(address, agent, connection) as server:
        for listening in server.addresses:
            logging.getLogger("shipper").info("metrics are at http://%s/metrics", listening)
        yield


async def _run_as_service(agent: Agent) -> None:
    from shipper.service_notice import ServiceNotice

    notice = ServiceNotice.from_environment()
    notice.ready()
    alive = asyncio.create_task(notice.keep_alive(), name="service notice")
    try:
        await agent.run()
    finally:
        notice.stopping()
        alive.cancel()


@contextlib.asynccontextmanager
async def _connected(connection: Connection, *, wait: bool) -> AsyncIterator[None]:
    """Open a connection, and say when it is there."""

    def say() -> None:
        if connection.state == "connected":
            logging.getLogger("shipper").info("connected to %s", connection.connected_address)

    connection.on_change(say)
    await connection.open(retry=not wait)
    try:
        yield
    finally:
        await connection.close()


def _stop_on_signals(stop: Callable[[], None]) -> None:
    from shipper.lifeline import watch_lifeline

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    watch_lifeline(stop)


def _raise_file_limit() -> None:
    """Each log is a file held open; the usual limit of 1024 is kept for old programs only."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 1 << 20) if hard != resource.RLIM_INFINITY else 1 << 16
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
