"""``natsconsole receive``, which kills itself (SIGKILL) at one exact point of its work.

``NATSCONSOLE_KILL_POINT=write:3 python -m tests.support.receiver_with_kill_point --dir ...`` dies
at the third passing of the point ``write``. Points are hooked in here, where the receiver's parts
meet, so that the program people run has no such hook.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from natsconsole.receiver.answers import ACK
from natsconsole.receiver.archive import Archive
from natsconsole.receiver.ledger import Ledger
from shipper.connection import Connection

VARIABLE = "NATSCONSOLE_KILL_POINT"
POINTS: Mapping[str, str] = {
    "pull": "before the first byte of a batch is written",
    "adopt": "after a new file's length is recorded, before its first byte is written",
    "half": "in the middle of a write",
    "write": "after a write, before the sync",
    "sync": "after the sync, before the commit",
    "commit": "after the commit, before the ack",
    "ack": "after the ack",
}
"""Every point by name, and where it lies."""


class KillPoint:
    """Counts how often its point is passed."""

    def __init__(self, text: str) -> None:
        self.name, _, times = text.partition(":")
        if self.name not in POINTS:
            raise SystemExit(f"{VARIABLE}={text!r}: name one of {', '.join(POINTS)}")
        self._left = int(times or 1)

    def passes(self, name: str) -> bool:
        """Whether this is the moment."""
        if name != self.name:
            return False
        self._left -= 1
        return self._left == 0

    def strike(self, name: str) -> None:
        """Die if this is the moment."""
        if self.passes(name):
            os.kill(os.getpid(), signal.SIGKILL)


def arm(point: KillPoint) -> None:
    """Hook the point in. The one place to change when the receiver's parts do."""
    append, sync = Archive.append, Archive.sync
    commit, adopt = Ledger.commit, Ledger.adopt
    is_written = False

    def armed_append(self: Archive, path: str, data: bytes) -> None:
        nonlocal is_written
        point.strike("pull")
        if point.passes("half"):
            append(self, path, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, path, data)
        is_written = True
        point.strike("write")

    def armed_sync(self: Archive, *arguments: Any) -> None:
        nonlocal is_written
        sync(self, *arguments)
        # Taking over syncs too; only a sync of lines is the point.
        if is_written:
            is_written = False
            point.strike("sync")

    _replace(Archive, "append", armed_append)
    _replace(Archive, "sync", armed_sync)
    _replace(Ledger, "commit", _striking(commit, point, "commit"))
    _replace(Ledger, "adopt", _striking(adopt, point, "adopt"))
    _arm_acks(point)


def _arm_acks(point: KillPoint) -> None:
    send = Connection.send

    def armed_send(self: Connection, frames: Iterable[tuple[str, bytes]]) -> None:
        sent = list(frames)
        send(self, sent)
        if any(payload == ACK for _, payload in sent):
            point.strike("ack")

    _replace(Connection, "send", armed_send)


def _striking(method: Callable[..., Any], point: KillPoint, name: str) -> Callable[..., Any]:
    def armed(*arguments: Any, **named: Any) -> Any:
        result = method(*arguments, **named)
        point.strike(name)
        return result

    return armed


def _replace(owner: type, name: str, method: Callable[..., Any]) -> None:
    setattr(owner, name, method)


def main() -> None:
    """Run the receiver with the point armed."""
    from natsconsole.cli.receive import receive

    arm(KillPoint(os.environ.pop(VARIABLE, "")))
    receive()


if __name__ == "__main__":
    main()
