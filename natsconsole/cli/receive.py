"""``natsconsole receive``: the receiver as a program."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import signal
import socket
from dataclasses import replace
from pathlib import Path

import click

from natsconsole.cli.failures import failures_as_one_line
from natsconsole.cli.quantities import Duration
from natsconsole.domain.receivers import ACK_POLICIES, AckPolicy, FsyncMode
from natsconsole.receiver.consumers import ConsumerSettings
from natsconsole.receiver.control import Control
from natsconsole.receiver.ledger import LedgerError
from natsconsole.receiver.opening import ReceiverError, open_receiver
from natsconsole.receiver.receiver import Receiver, ReceiverConfig
from shipper.connection import Connection
from shipper.connection_flags import connection_flags
from shipper.connection_options import ConnectionOptions
from shipper.lifeline import watch_lifeline

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
    lab: bool,
    legacy_subjects: bool,
) -> None:
    """Receive hosts' logs from JetStream into files.

    Each host's files hold exactly the bytes that were shipped, in order, once.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    config = ReceiverConfig(
        stream=stream,
        directory=directory,
        group=group,
        name=name,
        ack_policy=ack_policy,
        settings=ConsumerSettings(ack_wait_seconds=ack_wait, max_ack_pending=max_ack_pending),
        fsync=fsync,
        lab=lab,
        legacy_subjects=legacy_subjects,
    )
    with failures_as_one_line(ReceiverError, LedgerError):
        asyncio.run(_receive(connection, config, exit_when_idle))


async def _receive(
    options: ConnectionOptions, config: ReceiverConfig, exit_when_idle: float | None
) -> None:
    async with (
        Connection(replace(options, name=f"receiver {config.name}")) as data,
        Connection(replace(options, name=f"receiver {config.name} control")) as control,
        open_receiver(config, data, control) as receiver,
    ):
        await Control(receiver).serve_on(control)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, receiver.drain)
        watch_lifeline(receiver.drain)
        idle = asyncio.create_task(_drain_when_idle(receiver, exit_when_idle))
        try:
            await receiver.run()
        finally:
            idle.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await idle


async def _drain_when_idle(receiver: Receiver, seconds: float | None) -> None:
    if seconds is not None:
        await receiver.wait_until_idle(seconds)
        receiver.drain()
