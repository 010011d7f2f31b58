"""What all partitions of a receiver share."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from natsconsole.gateway.jetstream import JetStream, StoredMessage
from natsconsole.gateway.stream_reader import StreamReader
from natsconsole.receiver.committer import Committer
from natsconsole.receiver.consumers import GroupConsumers
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.disk_thread import DiskThread
from natsconsole.receiver.ledger import Ledger
from natsconsole.receiver.membership import Leases
from shipper.connection import Connection
from shipper.wire import SourceRange, source_range, stored_subject

log = logging.getLogger(__name__)

_LEGACY_PARTITION = re.compile(r"^p\d+\.(?=.)")
_ALARMS_KEPT = 20


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """Connection, disk, ledger, leases of partitions, and the facts of the stream."""

    connection: Connection
    jetstream: JetStream
    reader: StreamReader
    consumers: GroupConsumers
    leases: Leases
    """Which partitions are ours, and until when."""
    disk: DiskThread
    committer: Committer
    ledger: Ledger
    name: str
    """The receiver's."""
    stream: str
    prefix: str
    is_partitioned: bool
    """Whether the stream's transform put a partition token behind the prefix."""
    state_directory: Path
    legacy_subjects: bool = False
    max_bytes: int = 4 << 20
    """Bytes of one pull request: must be above the server's max_payload."""
    sync_interval: float = 0.0
    """Seconds of the clock's ticks at which few lines are synced; 0 syncs them at once."""
    patience: float = 2.0
    """Seconds to wait for the connection before saying that it is gone."""
    alarms: list[str] = field(default_factory=list)
    """What the operator must hear of, in plain words."""
    _tokens_before_host: int = field(init=False)

    def __post_init__(self) -> None:
        self._tokens_before_host = len(self.prefix.split(".")) + self.is_partitioned

    def filter_subject(self, partition: int) -> str:
        """Return what a partition's consumer delivers."""
        if self.is_partitioned:
            return stored_subject(self.prefix, str(partition), ">")
        return f"{self.prefix}.>"

    def subject_of(self, partition: int, host: str) -> str:
        """Return the subject filter that finds a host's messages, and maybe others' too."""
        if self.legacy_subjects or not host:
            return self.filter_subject(partition)
        if self.is_partitioned:
            return stored_subject(self.prefix, str(partition), host)
        return f"{self.prefix}.{host}"

    def host_of(self, subject: str, source: SourceRange | None) -> str:
        """Return the host of a stored message: what its subject says, whatever its headers claim.

        With ``legacy_subjects`` the series' own ``p<N>`` token before the host is left out.
        """
        tokens = subject.split(".", self._tokens_before_host)
        host = tokens[-1] if len(tokens) > self._tokens_before_host else ""
        if self.legacy_subjects and source is None:
            return _LEGACY_PARTITION.sub("", host, count=1)
        return host

    def delivery_of(self, message: StoredMessage) -> Delivery:
        """Return a message that was read from the stream itself, as if it had been delivered."""
        source = source_range(message.headers)
        return Delivery(
            sequence=message.sequence,
            consumer_sequence=0,
            deliveries=1,
            reply="",
            host=self.host_of(message.subject, source),
            source=source,
            payload=message.payload,
            received=time.monotonic(),
        )

    async def watch_epoch(self) -> None:
        """Tell the ledger which stream this is now, and notice one whose sequences began anew."""
        # In this order: what is committed before we ask must be in the stream.
        highest = await self.disk.call(lambda: self.ledger.highest(self.stream))
        info = await self.jetstream.stream_info(self.stream)
        last = info.state.last_seq
        if await self.disk.call(lambda: self.ledger.begin_epoch(self.stream, info.created)):
            self.alarm(f"stream {self.stream} was re-created: its messages are taken as new")
        elif highest > last:
            await self.disk.call(lambda: self.ledger.set_back(last))
            self.alarm(
                f"stream {self.stream} was set back from {highest:,} to {last:,}: "
                "what it stores from there on is taken as new"
            )

    def alarm(self, sentence: str) -> None:
        """Say what the operator must hear of, once."""
        if sentence not in self.alarms:
            log.warning("%s", sentence)
            self.alarms.append(sentence)
            del self.alarms[:-_ALARMS_KEPT]

    def lock_path(self, partition: int) -> Path:
        """Return the lock file that fences a partition on this machine."""
        return self.state_directory / f"{self.stream}-p{partition}.lock"
