"""What is remembered of a host from look to look: its count, its rate, how far it is behind."""

from __future__ import annotations

from natsconsole.domain.rates import RateMeter
from natsconsole.domain.receivers import HostStatus
from natsconsole.domain.snapshots import HostRow, HostState
from natsconsole.gateway.jetstream import StoredMessage
from natsconsole.gateway.stored_lines import epoch_seconds

QUIET_AFTER = 10.0
"""Seconds without a message after which a host counts as quiet."""

HISTORY = 10
"""Looks whose rates a row shows."""
HISTORY_SECONDS = 60.0


class HostMemory:
    """What was found of one host in earlier looks."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.looked_up = 0.0
        self._count = 0
        self._seen: float | None = None
        self._status: HostStatus | None = None
        self._meter = RateMeter(history=HISTORY)
        self._lag = 0
        self._oldest: float | None = None
        self._changed = True

    @property
    def written(self) -> int:
        return self._status.written if self._status else 0

    @property
    def needs_look_up(self) -> bool:
        """Whether anything was stored, or is behind, since the last look-up."""
        return self._changed or self._lag > 0

    def note(self, subject: str, count: int, status: HostStatus | None, now: float) -> None:
        """Take the stream's count of the host's messages, and its receiver's view."""
        self.subject = subject
        if count != self._count:
            if self._count or status is None:
                self._seen = now
            elif status.last_written:
                self._seen = status.last_written
            self._changed = True
        self._count = count
        self._status = status
        self._meter.note(now, count)

    def is_behind(self, oldest: StoredMessage | None, now: float) -> None:
        """Take the oldest message that is stored and not written; None where there is none."""
        self.looked_up = now
        self._changed = False
        self._lag = oldest.pending + 1 if oldest else 0
        self._oldest = epoch_seconds(oldest.time) if oldest else None

    def row(
        self, host: str, lines_per_message: float, now: float, silent_after: float = 0.0
    ) -> HostRow:
        status = self._status
        if status is not None and status.written_messages:
            lines_per_message = status.written_lines / status.written_messages
        state: HostState = "live"
        if status is not None and status.held:
            state = "held"
        elif self._seen is None or now - self._seen > QUIET_AFTER:
            state = "quiet"
            if 0 < silent_after < now - (self._seen or now):
                state = "silent"
        return HostRow(
            host=host,
            partition=str(status.partition) if status else _partition_token(self.subject, host),
            state=state,
            lines_per_second=self._meter.rate * lines_per_message,
            lag_messages=self._lag,
            lag_seconds=max(0.0, now - self._oldest) if self._oldest else 0.0,
            unacked=status.unacked if status else 0,
            redelivered=status.redelivered if status else 0,
            last_seen_seconds=now - self._seen if self._seen else None,
            messages=self._count,
            history=self._history(now),
        )

    def _history(self, now: float) -> tuple[float, ...]:
        """Only where something came lately: most of very many hosts are quiet."""
        if self._seen is None or now - self._seen > HISTORY_SECONDS:
            return ()
        return self._meter.latest(HISTORY)


def _partition_token(subject: str, host: str) -> str:
    before = subject.removesuffix(host).rstrip(".").split(".")
    return before[-1] if before[-1].isdigit() else ""
