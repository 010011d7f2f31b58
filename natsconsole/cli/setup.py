"""``natsconsole setup``: create or update the log stream, the plan first."""

from __future__ import annotations

import asyncio

import click

from natsconsole.cli.failures import Failure, failures_as_one_line
from natsconsole.cli.quantities import Duration, Size
from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.log_stream import LogStream, StreamPlan, apply, plan
from shipper.connection import Connection
from shipper.connection_flags import connection_flags
from shipper.connection_options import ConnectionOptions
from shipper.wire import BadHostError, publish_subject

OLDEST_SERVER = (2, 12, 0)
"""The first whose ``partition`` takes a subject of any number of tokens."""


def _prefix(_: click.Context, param: click.Parameter, value: str) -> str:
    try:
        publish_subject("any", value)  # a prefix keeps the rules of a host
    except BadHostError:
        raise click.BadParameter(
            f"{value!r} is no subject without wildcards", param=param
        ) from None
    return value


@click.command()
@connection_flags
@click.option("--stream", default="LOGS", show_default=True, metavar="NAME", help="Its name.")
@click.option(
    "--prefix",
    default="logs",
    show_default=True,
    callback=_prefix,
    help="Hosts publish to PREFIX.HOST.",
)
@click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    default=10,
    show_default=True,
    help="How many receivers can share the hosts at most.",
)
@click.option("--replicas", type=click.IntRange(1, 5), default=1, show_default=True)
@click.option("--max-age", type=Duration(), default="7d", show_default=True, help="Kept so long.")
@click.option(
    "--max-bytes", type=Size(), default="10GiB", show_default=True, help="Refuses lines when full."
)
@click.option("--events", is_flag=True, help="Keep JetStream's advisories for 6 hours, too.")
@click.option("--lab", is_flag=True, help="A stream to try things on: the ack lab may use it.")
@click.option("--yes", is_flag=True, help="Apply the plan.")
def setup(
    connection: ConnectionOptions,
    stream: str,
    prefix: str,
    partitions: int,
    replicas: int,
    max_age: float,
    max_bytes: int,
    events: bool,
    lab: bool,
    yes: bool,
) -> None:
    """Create or update the log stream, and the bucket of the Big Red Button.

    Prints what would change. Nothing is changed without --yes.
    """
    spec = LogStream(
        name=stream,
        prefix=prefix,
        partitions=partitions,
        replicas=replicas,
        max_age_seconds=int(max_age),
        max_bytes=max_bytes,
        events=events,
        button=True,
        lab=lab,
    )
    with failures_as_one_line():
        asyncio.run(_setup(connection, spec, apply_it=yes))


async def _setup(options: ConnectionOptions, spec: LogStream, *, apply_it: bool) -> None:
    async with Connection(options) as connection:
        if connection.server_version_tuple < OLDEST_SERVER:
            raise Failure(
                f"nats-server {connection.server_version} cannot partition by a whole subject: "
                "setup needs 2.12 or later"
            )
        jetstream = JetStream(connection)
        plans = await plan(jetstream, spec)
        for each in plans:
            _print_plan(each)
        if all(each.does_nothing for each in plans):
            return
        if not apply_it:
            click.echo("Nothing was changed. Run it again with --yes to apply this.")
            return
        await apply(jetstream, plans)
        click.echo("Done.")


def _print_plan(found: StreamPlan) -> None:
    if found.does_nothing:
        click.echo(f"Stream {found.name} is as asked for.")
        return
    click.echo(f"Stream {found.name} will be {'created' if found.is_new else 'changed'}:")
    for change in found.changes:
        before = "" if found.is_new else f"{change.before!r} -> "
        click.echo(f"  {change.key:<28} {before}{change.after!r}")
