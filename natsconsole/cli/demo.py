"""``natsconsole demo``: a whole pipeline on this machine, with a screen or without one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from natsconsole.cli.console import Asked, require_terminal, run_console
from natsconsole.cli.failures import Failure, failures_as_one_line
from natsconsole.cli.screen_flags import screen_flags
from natsconsole.demo.account_table import account_table
from natsconsole.demo.backlog import Backlog
from natsconsole.demo.headless import HeadlessPlan, run_headless, spread_crashes
from natsconsole.demo.integrity_account import IntegrityAccount
from natsconsole.demo.pipeline import PARTITIONS, STREAM, DemoPipeline, DemoPlan
from natsconsole.demo.problems import DemoError
from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.log_stream import LogStream, create_log_stream
from natsconsole.tui.settings import Settings
from shipper.connection import Connection
from shipper.connection_options import ConnectionOptions

Result = TypeVar("Result")

_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _finite(_: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number to count with", param=param)
    return value


@click.command()
@click.option(
    "--hosts",
    type=click.IntRange(1, 1000),
    default=12,
    show_default=True,
    metavar="N",
    help="Hosts that write logs: web-01, db-01, cache-01, queue-01, api-01, auth-01, web-02 ...",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=200.0,
    show_default=True,
    metavar="LINES",
    callback=_finite,
    help="Lines a second of the whole fleet.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep everything there; a second run goes on. Else it is temporary, and removed.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, metavar="N", help="What is written."
)
@click.option(
    "--headless",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    callback=_finite,
    help="No screen: run so long, wait until all is written, compare every file with its source.",
)
@click.option(
    "--crashes",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Kill the receiver that often (SIGKILL), spread over the run. Needs --headless.",
)
@click.option("--json", "as_json", is_flag=True, help="The account as JSON. Needs --headless.")
@screen_flags
def demo(
    *,
    hosts: int,
    rate: float,
    directory: Path | None,
    seed: int,
    headless: float | None,
    crashes: int,
    as_json: bool,
    settings: Callable[[], Settings],
) -> None:
    """Watch a whole pipeline at work, on this machine, with nothing to set up.

    Starts a real nats-server, a fleet of hosts that write log files, a shipper and a receiver.
    Leaves nothing behind when it ends, except what --dir names.
    """
    plan = DemoPlan(hosts=hosts, rate=rate, seed=seed, directory=directory)
    with failures_as_one_line(DemoError):
        if headless is not None:
            crash_times = spread_crashes(crashes, headless, seed)
            run = HeadlessPlan(seconds=headless, crash_times=crash_times)
            _run_without_screen(plan, run, as_json=as_json)
            return
        _require_headless(crashes=crashes, as_json=as_json)
        require_terminal("natsconsole demo draws on one; use --headless SECONDS without one")
        asyncio.run(_until_signalled(_run_with_screen(plan, settings())))


def _require_headless(*, crashes: int, as_json: bool) -> None:
    if crashes:
        raise Failure("--crashes needs --headless SECONDS; on the screen there is a key for it")
    if as_json:
        raise Failure("--json needs --headless SECONDS")


async def _run_with_screen(plan: DemoPlan, settings: Settings) -> None:
    async with DemoPipeline(plan, prepare=_make_stream) as pipeline:
        connection = ConnectionOptions(servers=(pipeline.url,))
        asked = Asked(stream=STREAM)
        await run_console(connection, asked, settings=settings, title="demo", demo=pipeline)


async def _make_stream(url: str) -> None:
    async with Connection(ConnectionOptions(servers=(url,))) as connection:
        stream = LogStream(
            name=STREAM,
            partitions=PARTITIONS,
            max_age_seconds=86_400,
            max_bytes=1 << 30,
            events=True,
            button=True,
        )
        await create_log_stream(JetStream(connection), stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    account: IntegrityAccount
    backlog: Backlog


def _run_without_screen(plan: DemoPlan, run: HeadlessPlan, *, as_json: bool) -> None:
    with _progress_line() as progress:
        outcome = asyncio.run(_until_signalled(_headless(plan, run, progress)))
    if outcome is None:
        return
    if outcome.backlog.missing:
        click.echo(f"natsconsole: not everything was written: {outcome.backlog}", err=True)
    account = outcome.account
    click.echo(json.dumps(account.as_json(), indent=2) if as_json else account_table(account))
    if not account.is_clean:
        if plan.directory is None:
            click.echo("natsconsole: run it with --dir DIR to keep the files for a look", err=True)
        raise SystemExit(1)


async def _headless(plan: DemoPlan, run: HeadlessPlan, progress: Callable[[str], None]) -> _Outcome:
    def report(problem: str) -> None:
        progress("")
        with contextlib.suppress(OSError):
            click.echo(f"natsconsole: {problem}", err=True)

    async with DemoPipeline(plan, prepare=_make_stream, report=report) as pipeline:
        account, backlog = await run_headless(pipeline, run, progress)
        progress("ending")
    return _Outcome(account=account, backlog=backlog)


async def _until_signalled(work: Coroutine[None, None, Result]) -> Result | None:
    """Return what ``work`` returns, or None once a signal has ended it and it has tidied up."""
    task = asyncio.create_task(work)
    is_ended = False

    def end() -> None:
        # Only once: a second signal must not interrupt the tidying up.
        nonlocal is_ended
        if not is_ended:
            is_ended = True
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in _ENDING_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end)
    try:
        return await task
    except asyncio.CancelledError:
        if not is_ended:
            raise
        return None


@contextlib.contextmanager
def _progress_line() -> Iterator[Callable[[str], None]]:
    """Show progress in one line that is wiped at the end, if somebody can see it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return

    def show(text: str) -> None:
        # The terminal may have gone; that is no reason to leave anything behind.
        with contextlib.suppress(OSError):
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)  # noqa: T201

    try:
        yield show
    finally:
        show("")
