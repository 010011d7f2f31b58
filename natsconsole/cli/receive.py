"""``natsconsole receive``: the receiver as a program."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from natsconsole.cli.failures import failures_as_one_line
from natsconsole.cli.log_format import log_format_flag, set_up_logging
from natsconsole.cli.quantities import Duration, NumberRanges, Size
from natsconsole.domain.receivers import ACK_POLICIES, AckPolicy, FsyncMode
from natsconsole.receiver.archive import STATE_DIRECTORY
from natsconsole.receiver.config import ReceiverConfig
from natsconsole.receiver.consumer_settings import ConsumerSettings
from natsconsole.receiver.control import Control
from natsconsole.receiver.ledger import LedgerError
from natsconsole.receiver.membership import MembershipError
from natsconsole.receiver.metrics_server import MetricsServer
from natsconsole.receiver.opening import ReceiverError, open_receiver
from natsconsole.receiver.receiver import Receiver
from natsconsole.receiver.retention import NO_LIMITS, Limits
from natsconsole.receiver.rotation import Rotation
from natsconsole.receiver.upkeep import Upkeep, UpkeepConfig
from shipper.addresses import ListenAddress
from shipper.connection import Connection
from shipper.connection_flags import connection_flags
from shipper.connection_options import ConnectionOptions
from shipper.http_server import Address, HttpError
from shipper.lifeline import watch_lifeline
from shipper.log_format import LogFormat
from shipper.service_notice import ServiceNotice

SWITCH_INTERVAL = 0.0005
"""Seconds: with Python's own 5 ms a status waits too long behind the disk thread."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,32}")


def _token(_: click.Context, param: click.Parameter, value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise click.BadParameter(
            f"{value!r}: use 1 to 32 letters, digits, '-' and '_'", param=param
        )
    return value


@click.command()
@connection_flags
@click.option("--stream", default="LOGS", show_default=True, metavar="NAME")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="SHIPPER_DIRECTORY",
    show_envvar=True,
    help="Where hosts' files go; receivers of one group may share it.",
)
@click.option("--group", default="archive", show_default=True, callback=_token)
@click.option(
    "--name",
    default=lambda: re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:32] or "receiver",
    show_default="this machine's",
    callback=_token,
    help="Unlike every other receiver's of the group.",
)
@click.option(
    "--ack-policy",
    type=click.Choice(ACK_POLICIES),
    default=None,
    help="Switches the whole group; by default what the group has, at first explicit.",
)
@click.option("--ack-wait", type=Duration(), default=None, help="Until the server delivers again.")
@click.option(
    "--max-ack-pending",
    type=click.IntRange(1, 1_000_000),
    default=None,
    help="Messages of one partition in flight at most.",
)
@click.option(
    "--fsync",
    type=click.Choice(["always", "interval", "never"]),
    default="always",
    show_default=True,
    help="When lines are made durable. Unless never, nothing is acknowledged before.",
)
@click.option(
    "--exit-when-idle",
    type=Duration(),
    default=None,
    metavar="SECONDS",
    help="End once nothing has been pending for so long.",
)
@click.option(
    "--partitions",
    type=NumberRanges(),
    default=None,
    metavar="0,3,5-9",
    help="Receive these, whoever else there is, instead of a fair share.",
)
@click.option(
    "--rotate-size",
    type=Size(minimum="64KiB"),
    default=None,
    help="Begin a new file before one grows past this.",
)
@click.option(
    "--rotate-age",
    type=Duration(minimum="1m"),
    default=None,
    help="Begin a new file each period, in UTC: 1d rotates at midnight.",
)
@click.option("--compress", is_flag=True, help="Compress rotated files (gzip), in the background.")
@click.option(
    "--keep-age",
    type=Duration(minimum="1m"),
    default=None,
    help="Delete what was last written longer ago, silent hosts' files too.",
)
@click.option(
    "--keep-bytes",
    type=Size(minimum="1MB"),
    default=None,
    help="Delete the oldest rotated files once all take more than this.",
)
@click.option(
    "--metrics",
    type=ListenAddress(),
    default=None,
    help="Serve /metrics (Prometheus), /healthz and /readyz here.",
)
@log_format_flag
@click.option("--lab", is_flag=True, help="Let the console choose answers that cost lines.")
@click.option("--legacy-subjects", is_flag=True, help="Read logs.pN.HOST of the series' producer.")
def receive(
    connection: ConnectionOptions,
    stream: str,
    directory: Path,
    group: str,
    name: str,
    ack_policy: AckPolicy | None,
    ack_wait: float | None,
    max_ack_pending: int | None,
    fsync: FsyncMode,
    exit_when_idle: float | None,
    partitions: frozenset[int] | None,
    rotate_size: int | None,
    rotate_age: float | None,
    compress: bool,
    keep_age: float | None,
    keep_bytes: int | None,
    metrics: Address | None,
    log_format: LogFormat,
    lab: bool,
    legacy_subjects: bool,
) -> None:
    """Receive hosts' logs from JetStream into files.

    Each host's files hold exactly the bytes that were shipped, in order, once.
    """
    set_up_logging(log_format)
    config = ReceiverConfig(
        stream=stream,
        directory=directory,
        group=group,
        name=name,
        ack_policy=ack_policy,
        settings=ConsumerSettings(ack_wait_seconds=ack_wait, max_ack_pending=max_ack_pending),
        partitions=partitions,
        fsync=fsync,
        rotation=Rotation(size=rotate_size, age=rotate_age),
        lab=lab,
        legacy_subjects=legacy_subjects,
    )
    upkeep = UpkeepConfig(
        limits=Limits(keep_age=keep_age, keep_bytes=keep_bytes),
        compress_level=6 if compress else None,
    )
    # The loop and the disk thread take turns often enough that neither waits long for the other.
    sys.setswitchinterval(SWITCH_INTERVAL)
    with failures_as_one_line(ReceiverError, LedgerError, HttpError, MembershipError):
        asyncio.run(_receive(connection, config, upkeep, metrics, exit_when_idle))


async def _receive(
    options: ConnectionOptions,
    config: ReceiverConfig,
    upkeep_config: UpkeepConfig,
    metrics: Address | None,
    exit_when_idle: float | None,
) -> None:
    notice = ServiceNotice.from_environment()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(MetricsServer(metrics)) if metrics else None
        data = await stack.enter_async_context(_connection(options, f"receiver {config.name}"))
        control = await stack.enter_async_context(
            _connection(options, f"receiver {config.name} control")
        )
        receiver = await stack.enter_async_context(open_receiver(config, data, control))
        service = Control(receiver)
        await service.serve_on(control)
        upkeep = await stack.enter_async_context(_upkeep(config, upkeep_config, receiver))
        if server is not None:
            server.watch(
                lambda: receiver.status(service.subject),
                counted=receiver.counted,
                is_connected=lambda: data.state == "connected",
                upkeep=lambda: upkeep.last if upkeep is not None else None,
            )

        def drain() -> None:
            notice.stopping()
            receiver.drain()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, drain)
        watch_lifeline(drain)
        beside = [
            asyncio.create_task(notice.keep_alive()),
            asyncio.create_task(_drain_when_idle(receiver, exit_when_idle)),
        ]
        notice.ready()
        try:
            await receiver.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            # Side by side: with a dead network each waits for the last that it has sent.
            await asyncio.gather(data.close(), control.close())


def _connection(options: ConnectionOptions, name: str) -> Connection:
    return Connection(replace(options, name=name))


@contextlib.asynccontextmanager
async def _upkeep(
    config: ReceiverConfig, upkeep_config: UpkeepConfig, receiver: Receiver
) -> AsyncIterator[Upkeep | None]:
    """Look after the archive beside the receiver, where anything is to be looked after."""
    if upkeep_config.limits == NO_LIMITS and upkeep_config.compress_level is None:
        yield None
        return
    loop = asyncio.get_running_loop()

    def rotate_away(paths: Sequence[str]) -> None:
        loop.call_soon_threadsafe(receiver.rotate_away, paths)

    upkeep = Upkeep(
        config.directory,
        upkeep_config,
        state_directory=config.directory / STATE_DIRECTORY,
        on_silent=rotate_away,
    )
    receiver.problems = lambda: upkeep.last.problems
    upkeep.start()
    try:
        yield upkeep
    finally:
        await asyncio.to_thread(upkeep.stop)


async def _drain_when_idle(receiver: Receiver, seconds: float | None) -> None:
    if seconds is not None:
        await receiver.wait_until_idle(seconds)
        receiver.drain()
