"""What is remembered of a host from look to look: its count, its rate, how far it is behind.

Most hosts of a large fleet do nothing from one look to the next. They cost next to nothing: no
meter before their first new message, and a row that is made anew only when it would read otherwise.
"""

from __future__ import annotations

from math import inf

from natsconsole.domain.rates import RateMeter
from natsconsole.domain.receivers import HostStatus
from natsconsole.domain.shippers import ShipperPulse
from natsconsole.domain.snapshots import HostRow, HostState
from natsconsole.gateway.jetstream import StoredMessage
from natsconsole.gateway.stored_lines import epoch_seconds

QUIET_AFTER = 10.0
"""Seconds without a message after which a host counts as quiet."""
HISTORY = 10
"""Looks whose rates a row shows."""
IDLE_AFTER = 60.0
"""Seconds without a message after which a host has no rate and no history of it."""
STALE_SHARE, STALE_SECONDS = 0.05, 3.0
"""By how much of itself, or how long, the age of what an idle host is behind with may be late."""


class HostMemory:
    """What was found of one host in earlier looks."""

    __slots__ = (
        "_changed",
        "_count",
        "_lag",
        "_meter",
        "_moved",
        "_oldest",
        "_partition",
        "_row",
        "_row_until",
        "_seen",
        "_shipper",
        "_status",
        "host",
        "looked_up",
        "subject",
    )

    def __init__(self, host: str, subject: str) -> None:
        self.host = host
        self.looked_up = 0.0
        self.stand_at(subject)
        self._count = 0
        self._seen: float | None = None
        self._moved: float | None = None
        self._status: HostStatus | None = None
        self._shipper: ShipperPulse | None = None
        self._meter: RateMeter | None = None
        self._lag: int | None = 0
        self._oldest: float | None = None
        self._changed = True
        self._row: HostRow | None = None
        self._row_until = 0.0

    def stand_at(self, subject: str) -> None:
        """Take the subject under which it was met last: a host can move to another partition."""
        self.subject = subject
        self._partition = _partition_token(subject, self.host)
        self._row_until = 0.0

    @property
    def written(self) -> int:
        return self._status.written if self._status else 0

    @property
    def needs_look_up(self) -> bool:
        """Whether anything was stored, or is behind, since the last look-up."""
        return self._changed or self._lag != 0

    def note(self, count: int, status: HostStatus | None, now: float, before: float) -> None:
        """Take the stream's count of the host's messages, and its receiver's view.

        ``before`` is when the look before this one was.
        """
        if status is not self._status:
            self._status = status
            self._row_until = 0.0
        if count != self._count:
            self._note_change(count, now, before)
        elif self._meter is not None:
            self._meter.note(now, count)
            self._row_until = 0.0
            if self._moved is not None and now - self._moved > IDLE_AFTER:
                self._meter = None

    def _note_change(self, count: int, now: float, before: float) -> None:
        if self._count or self._status is None:
            self._seen = now
        elif self._status.last_written:
            self._seen = self._status.last_written
        if self._count:
            self._moved = now
            if self._meter is None:
                self._meter = RateMeter(history=HISTORY)
                self._meter.note(before, self._count)
            self._meter.note(now, count)
        self._changed = True
        self._count = count
        self._row_until = 0.0

    def note_shipper(self, pulse: ShipperPulse) -> None:
        """Take what the host's shipper says, or that it says nothing any more."""
        self._shipper = pulse
        self._row_until = 0.0

    def is_behind(self, oldest: StoredMessage | None, now: float) -> None:
        """Take the oldest message that is stored and not written; None where there is none."""
        self.looked_up = now
        self._changed = False
        lag: int | None = 0
        if oldest is not None:
            lag = oldest.pending + 1 if oldest.knows_pending else None
        if lag != self._lag:
            self._row_until = 0.0
        self._lag = lag
        self._oldest = epoch_seconds(oldest.time) if oldest else None

    def row(self, lines_per_message: float, now: float, silent_after: float = 0.0) -> HostRow:
        """Return the host as the table shows it."""
        row = self._row
        if row is None or now >= self._row_until:
            row = self._row = self._new_row(lines_per_message, now, silent_after)
            self._row_until = self._good_until(now, silent_after)
        return row

    def _good_until(self, now: float, silent_after: float) -> float:
        if self._meter is not None:
            return 0.0
        until = inf
        if self._oldest:
            # Not all at the same look: up to twice as long, by the name.
            spread = 1 + (hash(self.host) & 15) / 16
            until = now + spread * max(STALE_SECONDS, STALE_SHARE * (now - self._oldest))
        if self._seen is not None:
            turns = (self._seen + QUIET_AFTER, self._seen + silent_after)
            until = min((turn for turn in turns if turn > now), default=until)
        return until

    def _new_row(self, lines_per_message: float, now: float, silent_after: float) -> HostRow:
        status = self._status
        if status is not None and status.written_messages:
            lines_per_message = status.written_lines / status.written_messages
        rate = self._meter.rate if self._meter else 0.0
        return HostRow(
            host=self.host,
            partition=str(status.partition) if status else self._partition,
            state=self._state(now, silent_after),
            lines_per_second=rate * lines_per_message,
            lag_messages=self._lag,
            lag_seconds=max(0.0, now - self._oldest) if self._oldest else 0.0,
            unacked=status.unacked if status else 0,
            redelivered=status.redelivered if status else 0,
            last_seen=self._seen,
            messages=self._count,
            history=self._meter.latest(HISTORY) if self._meter else (),
            shipper=self._shipper,
        )

    def _state(self, now: float, silent_after: float) -> HostState:
        if self._status is not None and self._status.held:
            return "held"
        shipper = self._shipper if self._shipper and self._shipper.is_alive else None
        if shipper is not None and shipper.is_paused:
            return "paused"
        if self._seen is not None and now - self._seen < QUIET_AFTER:
            return "live"
        if 0 < silent_after <= now - (self._seen or now):
            # A shipper that lives and has nothing to send: it is the log that is silent.
            return "quiet" if shipper is not None and not shipper.backlog_bytes else "silent"
        return "quiet"


def _partition_token(subject: str, host: str) -> str:
    before = subject.removesuffix(host).rstrip(".").split(".")
    if before == subject.split("."):  # the host does not stand at the end
        return ""
    return before[-1] if before[-1].isdigit() else ""
