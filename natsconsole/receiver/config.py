"""What ``natsconsole receive`` was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from natsconsole.domain.receivers import AckPolicy, FsyncMode
from natsconsole.receiver.consumer_settings import UNCHANGED, ConsumerSettings
from natsconsole.receiver.rotation import NEVER, Rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """One receiver's configuration."""

    stream: str
    directory: Path
    group: str
    name: str
    ack_policy: AckPolicy | None = None
    """None keeps the group's."""
    settings: ConsumerSettings = UNCHANGED
    partitions: frozenset[int] | None = None
    """The partitions to receive, whoever else there is; None shares them out in the group."""
    fsync: FsyncMode = "always"
    rotation: Rotation = NEVER
    lab: bool = False
    legacy_subjects: bool = False
