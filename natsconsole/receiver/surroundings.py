"""What all partitions of a receiver share."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

from natsconsole.gateway.jetstream import JetStream
from natsconsole.receiver.committer import Committer
from natsconsole.receiver.consumers import ConsumerSettings, GroupConsumers
from natsconsole.receiver.disk_thread import DiskThread
from natsconsole.receiver.ledger import Ledger
from shipper.connection import Connection
from shipper.wire import SourceRange, stored_subject

log = logging.getLogger(__name__)

_LEGACY_PARTITION = re.compile(r"^p\d+\.(?=.)")


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """Connection, disk, ledger and the facts of the stream."""

    connection: Connection
    jetstream: JetStream
    consumers: GroupConsumers
    settings: ConsumerSettings
    disk: DiskThread
    committer: Committer
    ledger: Ledger
    stream: str
    prefix: str
    is_partitioned: bool
    """Whether the stream's transform put a partition token behind the prefix."""
    state_directory: Path
    legacy_subjects: bool = False
    max_bytes: int = 4 << 20
    """Bytes of one pull request: must be above the server's max_payload."""
    patience: float = 2.0
    """Seconds to wait for the connection before saying that it is gone."""
    alarms: list[str] = field(default_factory=list)
    """What the operator must hear of, in plain words."""
    _tokens_before_host: int = field(init=False)

    def __post_init__(self) -> None:
        self._tokens_before_host = len(self.prefix.split(".")) + self.is_partitioned

    def filter_subject(self, partition: int) -> str:
        if self.is_partitioned:
            return stored_subject(self.prefix, str(partition), ">")
        return f"{self.prefix}.>"

    def host_of(self, subject: str, source: SourceRange | None) -> str:
        """Return the host of a stored message: what its subject says, whatever its headers claim.

        With ``legacy_subjects`` the series' own ``p<N>`` token before the host is left out.
        """
        host = subject.split(".", self._tokens_before_host)[-1]
        if self.legacy_subjects and source is None:
            return _LEGACY_PARTITION.sub("", host, count=1)
        return host

    async def watch_epoch(self) -> None:
        """Tell the ledger which stream this is now, and notice one that was made anew."""
        info = await self.jetstream.stream_info(self.stream)
        recreated = await self.disk.call(lambda: self.ledger.begin_epoch(self.stream, info.created))
        if recreated:
            alarm = f"stream {self.stream} was re-created at {info.created[:19]}"
            log.warning("%s: its messages are taken as new", alarm)
            self.alarms.append(alarm)

    def lock_path(self, partition: int) -> Path:
        """Return the lock file that fences a partition on this machine."""
        return self.state_directory / f"{self.stream}-p{partition}.lock"
