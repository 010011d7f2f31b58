"""Puts a receiver together: directory, ledger, stream, and what its group has agreed on."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import stat
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from pathlib import Path

from natsconsole.domain.receivers import control_subject
from natsconsole.gateway.jetstream import STREAM_NOT_FOUND, ApiError, JetStream, StreamInfo
from natsconsole.gateway.key_value import KeyValueError
from natsconsole.gateway.log_stream import partitions_of, prefix_of
from natsconsole.gateway.stream_reader import StreamReader
from natsconsole.receiver.agreement import Agreement, read_agreement
from natsconsole.receiver.archive import DIRECTORY_MODE, OPEN_FILES, STATE_DIRECTORY, Archive
from natsconsole.receiver.committer import Committer
from natsconsole.receiver.config import ReceiverConfig
from natsconsole.receiver.consumers import GroupConsumers
from natsconsole.receiver.directory_identity import directory_identity
from natsconsole.receiver.disk_thread import DiskThread
from natsconsole.receiver.leases import Leases, StaticPartitions
from natsconsole.receiver.ledger import Ledger, LedgerError
from natsconsole.receiver.membership import Membership, MembershipError, Seat
from natsconsole.receiver.orders import Orders
from natsconsole.receiver.patience import patiently
from natsconsole.receiver.receiver import Receiver
from natsconsole.receiver.reserve import Reserve
from natsconsole.receiver.surroundings import Surroundings
from shipper.connection import (
    Connection,
    ConnectionProblem,
    NoRespondersError,
    RequestFailedError,
)

log = logging.getLogger(__name__)

SYNC_INTERVAL = 1.0
"""Seconds between two syncs with ``--fsync interval``, unless so much waits that it is due."""
DESCRIPTORS_KEPT = 64
ROOM_TO_OPEN = 1 << 20
"""Bytes: more than SQLite needs to open a ledger."""
REWINDS = (2, 14, 0)
"""The first server that can rewind a consumer in place."""
PINS = HAS_TTL = (2, 11, 0)
"""The first that pins a consumer to one client, and lets a message expire by itself."""


class ReceiverError(Exception):
    """The receiver cannot run. The text is one line with the mend."""


@contextlib.asynccontextmanager
async def open_receiver(
    config: ReceiverConfig, connection: Connection, control: Connection
) -> AsyncIterator[Receiver]:
    """Open directory, ledger and stream, and yield a receiver that is ready to run.

    Args:
        config: what is asked for.
        connection: carries the logs.
        control: carries leases, status and control: there they do not wait behind megabytes.

    Raises:
        ReceiverError: something it needs is missing or cannot be used.
        LedgerError: the ledger cannot be used.
    """
    jetstream = JetStream(connection)
    info = await patiently(lambda: _stream(jetstream, config.stream))
    version = connection.server_version_tuple
    prefix, count = prefix_of(info), partitions_of(info) or 1
    await patiently(lambda: _see_that_name_is_free(control, config))
    if config.partitions is not None and not config.partitions <= set(range(count)):
        raise ReceiverError(
            f"stream {config.stream!r} has partitions 0 to {count - 1}: --partitions names others"
        )
    state_directory = _make_directories(config.directory)
    archive = Archive(config.directory, open_files=_open_files(count))
    reserve = Reserve(state_directory / f"reserve-{config.name}")
    ledger = _open_ledger(state_directory / "ledger.db", config, archive, reserve)
    committer = Committer(
        archive,
        ledger,
        sync=config.fsync != "never",
        rotation=config.rotation,
        reserve=reserve,
    )
    disk = DiskThread(committer)
    consumers = GroupConsumers(
        jetstream,
        config.stream,
        config.group,
        directory=ledger.id,
        rewinds=version >= REWINDS,
        pins=version >= PINS,
    )
    leases = _leases(config, control, info, count)
    orders = Orders(policy="explicit", settings=config.settings)
    around = Surroundings(
        connection=connection,
        jetstream=jetstream,
        reader=StreamReader(connection, jetstream, config.stream),
        consumers=consumers,
        leases=leases,
        disk=disk,
        committer=committer,
        ledger=ledger,
        name=config.name,
        stream=config.stream,
        prefix=prefix,
        is_partitioned=partitions_of(info) is not None,
        partition_count=count,
        state_directory=state_directory,
        legacy_subjects=config.legacy_subjects,
        max_bytes=max(4 << 20, 2 * connection.max_payload),
        sync_interval=SYNC_INTERVAL if config.fsync == "interval" else 0.0,
    )
    committer.is_held = leases.is_held
    try:
        await patiently(lambda: _join(leases))
        await patiently(lambda: _agree(config, leases, consumers, orders))
        yield Receiver(config, around, archive, orders, range(count))
    finally:
        await disk.close()
        ledger.close()
        if archive.free_bytes() > ROOM_TO_OPEN:
            reserve.remove()  # else the next start needs it
        archive.close()


async def _see_that_name_is_free(control: Connection, config: ReceiverConfig) -> None:
    subject = control_subject(config.group, config.name)
    try:
        await control.request(f"{subject}.status", timeout=1.0)
    except (NoRespondersError, RequestFailedError):  # nobody, or nobody who is alive
        return
    raise ReceiverError(
        f"a receiver {config.name!r} of group {config.group!r} is running already: "
        "give this one another --name"
    )


def _leases(config: ReceiverConfig, control: Connection, info: StreamInfo, count: int) -> Leases:
    if control.server_version_tuple < HAS_TTL:
        if config.partitions is None:
            raise ReceiverError(
                f"nats-server {control.server_version} cannot share partitions out (2.11 can): "
                f"give this receiver its own with --partitions, such as 0-{count - 1}"
            )
        return StaticPartitions(config.partitions, name=config.name)
    return Membership(
        control,
        JetStream(control),
        Seat(
            stream=config.stream,
            group=config.group,
            name=config.name,
            partitions=range(count),
            directory_id=directory_identity(config.directory),
            static=config.partitions,
        ),
        replicas=int(info.config.get("num_replicas", 1)),
    )


async def _join(leases: Leases) -> None:
    if isinstance(leases, Membership):
        try:
            await leases.join()
        except MembershipError as error:
            raise ReceiverError(str(error)) from (error.__cause__ or error)


async def _agree(
    config: ReceiverConfig, leases: Leases, consumers: GroupConsumers, orders: Orders
) -> None:
    """Begin with what the group has agreed on; what was asked for on our command line wins."""
    agreement = read_agreement(leases.agreed)
    if agreement is None:
        newest = await consumers.newest()
        agreement = Agreement.of(newest.policy if newest else "explicit")
    asked = {
        field.name: value
        for field in fields(config.settings)
        if (value := getattr(config.settings, field.name)) is not None
    }
    orders.policy = config.ack_policy or agreement.ack_policy
    orders.settings = replace(agreement.settings, **asked)
    wanted = Agreement.of(orders.policy, orders.settings)
    if wanted != agreement or not leases.agreed:
        try:
            await leases.agree(wanted.encode())
        except (ApiError, ConnectionProblem, KeyValueError) as error:
            raise ReceiverError(f"the group cannot agree on an ack policy: {error}") from error


def _open_files(partitions: int) -> int:
    """Return how many log files may be open: sockets, locks and the ledger need some too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(OPEN_FILES, soft - partitions - DESCRIPTORS_KEPT))


async def _stream(jetstream: JetStream, stream: str) -> StreamInfo:
    try:
        return await jetstream.stream_info(stream)
    except ApiError as error:
        if error.err_code == STREAM_NOT_FOUND:
            raise ReceiverError(
                f"there is no stream {stream!r}: make it with `natsconsole setup --stream {stream}`"
            ) from error
        raise ReceiverError(str(error)) from error


def _open_ledger(path: Path, config: ReceiverConfig, archive: Archive, reserve: Reserve) -> Ledger:
    """Open the ledger, on a full disk with the room that a receiver of our name has kept."""
    try:
        return _ledger_of(path, config)
    except LedgerError as error:
        if archive.free_bytes() > ROOM_TO_OPEN:
            raise
        if not reserve.release():
            raise LedgerError(f"{error}: the disk is full, free some of it") from error
        return _ledger_of(path, config)


def _ledger_of(path: Path, config: ReceiverConfig) -> Ledger:
    ledger = Ledger(path, group=config.group)
    try:
        ledger.keep_to(config.stream)
    except LedgerError:
        ledger.close()
        raise
    return ledger


def _make_directories(directory: Path) -> Path:
    state_directory = directory / STATE_DIRECTORY
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(DIRECTORY_MODE)
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
