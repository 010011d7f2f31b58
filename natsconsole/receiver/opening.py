"""Puts a receiver together: directory, ledger, stream, and what its group has agreed on."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

from natsconsole.gateway.jetstream import STREAM_NOT_FOUND, ApiError, JetStream, StreamInfo
from natsconsole.gateway.log_stream import partitions_of, prefix_of
from natsconsole.receiver.archive import DIRECTORY_MODE, Archive
from natsconsole.receiver.committer import Committer
from natsconsole.receiver.consumers import GroupConsumers
from natsconsole.receiver.disk_thread import DiskThread
from natsconsole.receiver.ledger import Ledger
from natsconsole.receiver.partition_worker import Orders
from natsconsole.receiver.receiver import Receiver, ReceiverConfig
from natsconsole.receiver.surroundings import Surroundings
from shipper.connection import Connection

log = logging.getLogger(__name__)

STATE_DIRECTORY = ".natsconsole"
OLDEST_SERVER = (2, 14, 0)
"""The first that can rewind a consumer."""


class ReceiverError(Exception):
    """The receiver cannot run. The text is one line with the mend."""


@contextlib.asynccontextmanager
async def open_receiver(config: ReceiverConfig, connection: Connection) -> AsyncIterator[Receiver]:
    """Open directory, ledger and stream, and yield a receiver that is ready to run.

    Raises:
        ReceiverError: something it needs is missing or cannot be used.
        LedgerError: the ledger cannot be used.
    """
    jetstream = JetStream(connection)
    info = await _stream(jetstream, config.stream)
    if connection.server_version_tuple < OLDEST_SERVER:
        raise ReceiverError(
            f"nats-server {connection.server_version} cannot rewind a consumer: "
            "receive needs 2.14 or later"
        )
    prefix, partitions = prefix_of(info), partitions_of(info)
    state_directory = _make_directories(config.directory)
    archive = Archive(config.directory)
    ledger = Ledger(state_directory / "ledger.db", group=config.group)
    committer = Committer(archive, ledger, sync=config.sync)
    disk = DiskThread(committer, interval=config.sync_interval)
    consumers = GroupConsumers(jetstream, config.stream, config.group)
    orders = Orders(policy=config.ack_policy or await consumers.policy() or "explicit")
    around = Surroundings(
        connection=connection,
        jetstream=jetstream,
        consumers=consumers,
        settings=config.settings,
        disk=disk,
        committer=committer,
        ledger=ledger,
        stream=config.stream,
        prefix=prefix,
        is_partitioned=partitions is not None,
        state_directory=state_directory,
        legacy_subjects=config.legacy_subjects,
        max_bytes=max(4 << 20, 2 * connection.max_payload),
    )
    try:
        yield Receiver(config, around, archive, orders, range(partitions or 1))
    finally:
        await disk.close()
        ledger.close()
        archive.close()


async def _stream(jetstream: JetStream, stream: str) -> StreamInfo:
    try:
        return await jetstream.stream_info(stream)
    except ApiError as error:
        if error.err_code == STREAM_NOT_FOUND:
            raise ReceiverError(
                f"there is no stream {stream!r}: make it with `natsconsole setup --stream {stream}`"
            ) from error
        raise ReceiverError(str(error)) from error


def _make_directories(directory: Path) -> Path:
    state_directory = directory / STATE_DIRECTORY
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
        state_directory.mkdir(exist_ok=True, mode=0o700)
        if not os.access(state_directory, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(directory))
    except OSError as error:
        raise ReceiverError(
            f"cannot write to {directory}: {(error.strerror or str(error)).lower()}; "
            "name another --dir"
        ) from error
    if directory.stat().st_mode & stat.S_IWOTH:
        log.warning("%s is writable by everybody: other users can change the logs", directory)
    return state_directory
