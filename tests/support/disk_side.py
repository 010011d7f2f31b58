"""The receiver's disk side alone: archive, ledger and committer, with a clock of the test's."""

from __future__ import annotations

from pathlib import Path

from natsconsole.receiver.archive import OPEN_FILES, Archive
from natsconsole.receiver.batch import Batch, Outcome
from natsconsole.receiver.committer import Committer
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.ledger import Ledger
from natsconsole.receiver.partition_logs import PartitionLogs
from natsconsole.receiver.rotated_names import read_rotated
from natsconsole.receiver.rotation import NEVER, Rotation
from shipper.wire import SourceRange

NOON = 1_767_268_800.0
"""2026-01-01 12:00:00 UTC."""


class CrashError(BaseException):
    """Stands for kill -9: nothing of ours catches it, and nothing is tidied up."""


class DiskSide:
    """One partition's, which can crash and begin again in the same directory."""

    def __init__(
        self,
        directory: Path,
        *,
        rotation: Rotation = NEVER,
        now: float = NOON,
        open_files: int = OPEN_FILES,
        partition: int = 0,
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.rotation = rotation
        self.now = now
        self.sequence = 0
        self.ends: dict[str, int] = {}
        self.source: dict[str, bytes] = {}
        """By host: everything that was given to be written."""
        self._open_files = open_files
        self._partition = partition
        self.begin()

    def begin(self) -> None:
        """Start, and take the partition over."""
        self.archive = Archive(self.directory, open_files=self._open_files)
        self.ledger = Ledger(self.directory / "ledger.db", group="archive")
        self.ledger.begin_epoch("LOGS", "2026-01-01T00:00:00Z")
        self.committer = Committer(
            self.archive, self.ledger, rotation=self.rotation, now=lambda: self.now
        )
        self.logs: PartitionLogs
        self.logs, self.entry = self.committer.take_over(self._partition)

    def close(self) -> None:
        self.archive.close()
        self.ledger.close()

    def crash(self) -> None:
        """End as a crash does, and begin again."""
        self.close()
        self.begin()

    def message(self, payload: bytes, host: str = "web1") -> Delivery:
        """The host's next message."""
        self.sequence += 1
        start = self.ends.get(host, 0)
        self.ends[host] = start + len(payload)
        line = self.source.get(host, b"").count(b"\n")
        self.source[host] = self.source.get(host, b"") + payload
        source = SourceRange(
            host=host, name="app.log", file="f1", start=start, end=self.ends[host], line=line
        )
        return Delivery(self.sequence, self.sequence, 1, "", host, source, payload, received=0.0)

    def give(self, *deliveries: Delivery) -> Outcome:
        """Commit a batch."""
        (outcome,) = self.committer.commit([Batch(logs=self.logs, deliveries=deliveries)])
        return outcome

    def write(self, payload: bytes, host: str = "web1") -> None:
        """Commit the host's next message."""
        outcome = self.give(self.message(payload, host))
        assert (outcome.failure, outcome.broken) == (None, {})

    def path(self, host: str = "web1") -> Path:
        """The host's active file."""
        return self.directory / host / "app.log"

    def rotated(self, host: str = "web1") -> list[Path]:
        """Our rotated files, in the order of their lines as their names say it."""
        found = ((read_rotated(path.name), path) for path in (self.directory / host).iterdir())
        return [path for _, path in sorted((name, path) for name, path in found if name)]

    def content(self, host: str = "web1") -> bytes:
        """What the host's files hold, in order."""
        active = self.path(host)
        files = self.rotated(host) + ([active] if active.exists() else [])
        return b"".join(path.read_bytes() for path in files)
