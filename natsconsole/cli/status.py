"""``natsconsole status``: one look at everything, for people, scripts and cron."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace

import click
import msgspec

from natsconsole.cli.failures import Failure, failures_as_one_line
from natsconsole.cli.quantities import Duration
from natsconsole.cli.status_text import status_lines
from natsconsole.domain.snapshots import HomeSnapshot
from natsconsole.domain.status import EXIT_CODES, Pipeline, Status
from natsconsole.domain.streams import PREFIX_KEY, StreamState
from natsconsole.domain.triage import ServerFacts, TriageSnapshot
from natsconsole.domain.verdicts.receivers import of_receivers
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.domain.verdicts.words import nats
from natsconsole.gateway.interface import GatewayError, NotPermittedError
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.triage import LiveTriage
from shipper.connection import Connection, ConnectionProblem
from shipper.connection_flags import connection_flags
from shipper.connection_options import ConnectionOptions

UNKNOWN = EXIT_CODES["unknown"]


@click.command()
@connection_flags
@click.option(
    "--stream",
    "streams",
    metavar="NAME",
    multiple=True,
    help="Judge only this one and its consumers; may be given again.",
)
@click.option(
    "--watch",
    type=Duration(),
    default="1s",
    show_default=True,
    help="Look twice, so long apart, to tell growing from draining; 0 looks once.",
)
@click.option(
    "--timeout",
    type=Duration(minimum="1s"),
    default="15s",
    show_default=True,
    help="Give up after so long, with exit code 3.",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object, as docs/status.md says.")
def status(
    connection: ConnectionOptions,
    streams: tuple[str, ...],
    watch: float,
    timeout: float,
    is_json: bool,
) -> None:
    """Take one look at streams, consumers, hosts and receivers, and say what is wrong.

    Ends with 0 where all is fine, 1 for a warning, 2 for something critical, and 3 where it
    cannot tell.
    """
    try:
        with failures_as_one_line():
            found = asyncio.run(_bounded(connection, streams, watch, timeout))
    except Failure as failure:
        if is_json:
            _print_json(_nothing(connection, failure.message))
        raise
    if is_json:
        _print_json(found)
    else:
        click.echo("\n".join(status_lines(found)))
    sys.exit(found.exit_code)


async def _bounded(
    options: ConnectionOptions, streams: Sequence[str], watch: float, timeout: float
) -> Status:
    try:
        async with asyncio.timeout(timeout):
            return await _look(options, streams, watch)
    except GatewayError as error:
        raise Failure(str(error), exit_code=UNKNOWN) from error
    except TimeoutError:
        raise Failure(
            f"no complete answer from {options.address} within {timeout:g} s: it is overloaded, or "
            "leaders do not answer; give it more with --timeout",
            exit_code=UNKNOWN,
        ) from None


async def _look(options: ConnectionOptions, streams: Sequence[str], watch: float) -> Status:
    async with Connection(options) as connection:
        triage = LiveTriage(connection, streams=streams, first_look=float("inf"))
        found = await triage.look()
        if watch > 0 and found.streams:
            if any(_keeps_our_logs(one) for one in found.streams):
                with contextlib.suppress(GatewayError):
                    await triage.ask_shippers()
            await asyncio.sleep(watch)
            found = await triage.look()
        found = only(found, streams)
        logs = [one for one in found.streams if _keeps_our_logs(one)]
        return Status.of(found, await asyncio.gather(*(_pipeline(connection, one) for one in logs)))


def _keeps_our_logs(stream: StreamState) -> bool:
    return PREFIX_KEY in stream.metadata and not stream.is_missing


async def _pipeline(connection: Connection, stream: StreamState) -> Pipeline:
    """Return a log stream's hosts and receivers, or why they cannot be seen."""
    try:
        home: HomeSnapshot = await LiveGateway(connection, stream.name).look()
    except NotPermittedError as error:
        return Pipeline(stream=stream.name, not_permitted=str(error))
    except (GatewayError, ConnectionProblem) as error:
        return Pipeline(stream=stream.name, problem=str(error))
    # Without a consumer JetStream reckons no lag; the hosts' own is of those looked up so far.
    lag = home.lag_messages or home.hosts_lag
    return Pipeline(
        stream=stream.name,
        taken=home.taken,
        hosts=home.hosts,
        hosts_total=home.hosts_total,
        has_more_hosts=home.has_more_hosts,
        receivers=home.receivers,
        verdicts=tuple(of_receivers(stream.name, home.receivers, lag))
        if home.knows_receivers
        else (),
        not_permitted="" if home.knows_receivers else home.problem,
    )


def only(snapshot: TriageSnapshot, names: Sequence[str]) -> TriageSnapshot:
    """Return what there is of the named streams; of all where none is named."""
    if not names:
        return snapshot
    wanted = set(names)
    knows_all = snapshot.streams_total is not None
    missing = sorted(wanted - {stream.name for stream in snapshot.streams}) if knows_all else ()
    return replace(
        snapshot,
        streams=tuple(one for one in snapshot.streams if one.name in wanted),
        consumers=tuple(one for one in snapshot.consumers if one.stream in wanted),
        verdicts=(
            *(_no_stream(name) for name in missing),
            *(one for one in snapshot.verdicts if not one.stream or one.stream in wanted),
        ),
    )


def _no_stream(name: str) -> Verdict:
    return Verdict(
        rule="no-stream",
        severity="critical",
        sentence="there is no such stream in this account",
        remedy="check its name, the account and the JetStream domain",
        command=nats("stream", "ls"),
        stream=name,
    )


def _nothing(options: ConnectionOptions, problem: str) -> Status:
    server = ServerFacts(address=options.address)
    snapshot = TriageSnapshot(server=server, problem=problem, problem_kind="no-answer")
    return Status.of(snapshot, ())


def _print_json(found: Status) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(found.as_json()), indent=2).decode())
