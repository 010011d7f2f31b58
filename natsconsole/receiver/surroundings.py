"""What all partitions of a receiver share."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from natsconsole.gateway.jetstream import JetStream, StoredMessage, StreamInfo
from natsconsole.gateway.log_stream import partitions_of
from natsconsole.gateway.stream_reader import StreamReader
from natsconsole.receiver.committer import Committer
from natsconsole.receiver.consumers import GroupConsumers
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.disk_thread import DiskThread
from natsconsole.receiver.landmarks import Landmark
from natsconsole.receiver.leases import Leases
from natsconsole.receiver.ledger import Ledger
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
    partition_count: int
    """As many as there were when we began: workers and leases are of these."""
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

        With ``legacy_subjects`` the series' own ``p<N>`` token before the host is left out. Empty
        where there is none, or one that is no UTF-8: no ledger and no status can name it.
        """
        tokens = subject.split(".", self._tokens_before_host)
        host = tokens[-1] if len(tokens) > self._tokens_before_host else ""
        if not _is_utf8(host):
            return ""
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

    async def watch_epoch(self, partition: int) -> None:
        """Tell the ledger which stream this is now, and notice one whose sequences began anew."""
        info = await self.jetstream.stream_info(self.stream)
        self.see_partitions(info)
        if await self.disk.call(lambda: self.ledger.begin_epoch(self.stream, info.created)):
            self.alarm(f"stream {self.stream} was re-created: its messages are taken as new")
            return
        entry = await self.disk.call(lambda: self.ledger.load(partition))
        known, last = entry.committed or 0, info.state.last_seq
        same = await self._still_the_same(entry.landmarks, last)
        if not entry.landmarks and known > last:
            same = last
        if same is not None and same < known:
            # What is not known to be the same message is another: ranges tell what is a repeat.
            await self.disk.call(lambda: self.ledger.set_back(partition, same))
            self.alarm(
                f"stream {self.stream} was set back, partition {partition} from {known:,} to "
                f"{same:,}: what it stores behind that is taken as new"
            )

    async def _still_the_same(self, landmarks: Sequence[Landmark], last: int) -> int | None:
        """Return the highest sequence whose message is known to be the same; None where all are."""
        is_set_back = False
        for landmark in reversed(landmarks):
            if landmark.sequence <= last:
                stored = await self.jetstream.stored_at(self.stream, landmark.sequence)
                if stored is None and not is_set_back:
                    return None  # it has been removed since, which is no sign of anything
                if stored is not None and nanoseconds(stored) == landmark.stored_at:
                    return landmark.sequence if is_set_back else None
            is_set_back = True
        return 0 if is_set_back else None

    def see_partitions(self, info: StreamInfo) -> bool:
        """Whether the stream has the partitions that we share out; an alarm where it has others."""
        count = partitions_of(info) or 1
        if count == self.partition_count:
            return True
        self.alarm(
            f"stream {self.stream} has {count} partitions now, its receivers know "
            f"{self.partition_count}: wait until nothing is unread, then restart all of them; "
            "until then nothing is purged, and lines of partitions that they do not know wait"
        )
        return False

    def alarm(self, sentence: str) -> None:
        """Say what the operator must hear of, once."""
        if sentence not in self.alarms:
            log.warning("%s", sentence)
            self.alarms.append(sentence)
            del self.alarms[:-_ALARMS_KEPT]

    def lock_path(self, partition: int) -> Path:
        """Return the lock file that fences a partition on this machine."""
        return self.state_directory / f"{self.stream}-p{partition}.lock"


def _is_utf8(text: str) -> bool:
    """Whether text from the wire was UTF-8: bytes that were not are lone surrogates by now."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def nanoseconds(stamp: str) -> int:
    """Return an RFC 3339 time of the server as nanoseconds since the epoch.

    Raises:
        ValueError: it is none.
    """
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * 10**9 + int(fraction.ljust(9, "0")[:9] or "0")
