"""One log's share of a commit: what its messages add to its file and to its ledger row.

Pure: nothing is read or written here. A draft takes messages in order, and counts for nothing
until its bytes are synced and its row is committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from natsconsole.domain.integrity import (
    MOST_LOST,
    UNKNOWN,
    Span,
    gaps_kept,
    lines_of,
    may_be_forgotten,
    spans_kept,
    without,
)
from natsconsole.domain.receivers import LostRange
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.ledger import LogEntry
from shipper.wire import SourceRange

_MUCH = 4096


class LogDraft:
    """What is to become of one log. Mutable, since every message passes through it."""

    __slots__ = (
        "_before", "_gaps", "_spans", "bytes", "deliveries", "doubled", "given_up", "is_backfill",
        "lines", "lost", "mark", "messages", "out_of_order", "parked_from", "pieces", "refused",
        "skipped_to", "suppressed",
    )  # fmt: skip

    def __init__(self, before: LogEntry, *, is_backfill: bool = False) -> None:
        self._before = before
        self._spans = dict(before.spans)
        self._gaps = before.lost_ranges
        self.is_backfill = is_backfill
        self.pieces: list[bytes] = []
        """What to append, in order."""
        self.deliveries: list[Delivery] = []
        """The messages that count as written once this is committed."""
        self.given_up: list[Delivery] = []
        """The messages that are in quarantine once this is committed."""
        self.mark = before.mark
        self.refused = before.refused
        self.parked_from = before.parked_from
        self.skipped_to = 0
        """Highest sequence passed over because the log is parked."""
        self.lines = self.messages = self.bytes = 0
        self.suppressed = self.doubled = self.out_of_order = 0
        self.lost = before.lost

    @property
    def path(self) -> str:
        """Return where its bytes go, below the receiver's directory."""
        return self._before.path

    def take(self, deliveries: Sequence[Delivery], *, doubtful_to: int = 0) -> None:
        """Take the next messages, in order.

        Args:
            deliveries: the messages.
            doubtful_to: up to this sequence a receiver elsewhere may have written them before it
                was lost.
        """
        first = deliveries[0].sequence
        if (
            first > max(self.mark, doubtful_to)
            and not self.refused
            and not self.parked_from
            and all(one.source is None for one in deliveries)
            and all(one.sequence < next_.sequence for one, next_ in pairwise(deliveries))
        ):
            self._take_lines(deliveries)
            return
        for delivery in deliveries:
            self._take_one(delivery, is_doubtful=delivery.sequence <= doubtful_to)

    def _take_lines(self, deliveries: Sequence[Delivery]) -> None:
        """Take messages that are new, in order and without a range: nothing can be amiss."""
        data = b"".join(
            [
                one.payload if one.payload.endswith(b"\n") else one.payload + b"\n"
                for one in deliveries
            ]
        )
        self.deliveries += deliveries
        self.mark = deliveries[-1].sequence
        self.messages += len(deliveries)
        self.lines += line_ends(data)
        self.bytes += len(data)
        self.pieces.append(data)

    def _take_one(self, delivery: Delivery, *, is_doubtful: bool) -> None:
        sequence = delivery.sequence
        self.deliveries.append(delivery)
        if sequence <= self.mark and sequence not in self.refused:
            self.suppressed += 1
            return
        if self.parked_from and not self.is_backfill:
            self.skipped_to = max(self.skipped_to, sequence)
            return
        source, data = delivery.source, delivery.payload
        is_late = sequence < self.mark and not self._follows(source)
        if source is None and not data.endswith(b"\n"):
            data += b"\n"
        lines = line_ends(data)
        if source is not None:
            whole = data
            data = self._fill(source, data) if is_late else self._take_range(source, data, lines)
            if data is not whole:
                lines = line_ends(data)
        if sequence in self.refused:
            self.refused -= {sequence}
        self.mark = max(self.mark, sequence)
        self.messages += 1
        self.lines += lines
        self.bytes += len(data)
        if is_late:
            self.out_of_order += lines
        if is_doubtful:
            self.doubled += lines
        if data:
            self.pieces.append(data)

    def refuse(self, sequences: frozenset[int]) -> None:
        """Remember messages that were delivered and are deliberately not written.

        Not those that are written: delivered again, they are refused without harm.
        """
        mark = self.mark
        self.refused |= {one for one in sequences if one > mark}

    def is_settled(self, sequence: int) -> bool:
        """Whether a message is written or in quarantine already, or passed over in a parked log."""
        if sequence <= self.mark and sequence not in self.refused:
            return True
        return bool(self.parked_from) and not self.is_backfill

    def pass_over(self, below: int) -> None:
        """Leave to others what is below a sequence: another machine has written it.

        How far that was of each source file nobody here knows, so that no gap can be told.
        """
        self.refused = frozenset(one for one in self.refused if one >= below)
        self._spans = {file: Span(span.end, UNKNOWN) for file, span in self._spans.items()}

    def quarantine(self, delivery: Delivery) -> None:
        """Count a message as dealt with though it is not written here, and never will be."""
        self.given_up.append(delivery)
        self.refused -= {delivery.sequence}
        self.mark = max(self.mark, delivery.sequence)

    def park(self, sequence: int) -> None:
        """Leave its lines in the stream from a sequence on."""
        late = frozenset(one for one in self.refused if one < self.mark)
        self.parked_from = self.parked_from or min([sequence, *late])
        self.refused = late

    def unpark(self) -> None:
        """Write its lines as they come again."""
        self.parked_from = 0

    def fail(self) -> list[Delivery]:
        """Turn it into a draft that writes nothing and refuses what it has taken.

        Returns the messages that are still to be written.
        """
        before, given_up, parked_from = self._before, self.given_up, self.parked_from
        unwritten = [one for one in self.deliveries if not before.is_repeat(one.sequence)]
        refused = before.refused
        if given_up or not self.is_backfill:
            refused |= {one.sequence for one in unwritten}
        self.__init__(before)  # type: ignore[misc]
        self.refused, self.parked_from = refused, parked_from
        for delivery in given_up:
            self.quarantine(delivery)
        return unwritten

    def entry(self, now: float) -> LogEntry:
        """Return the ledger row that it leads to."""
        before = self._before
        if self.is_backfill and self.parked_from:
            self.parked_from = max(self.parked_from, self.mark + 1)
        return replace(
            before,
            mark=self.mark,
            refused=self.refused,
            parked_from=self.parked_from,
            spans=self._spans,
            lost_ranges=self._gaps,
            lines=before.lines + self.lines,
            messages=before.messages + self.messages,
            bytes=before.bytes + self.bytes,
            suppressed=before.suppressed + self.suppressed,
            doubled=before.doubled + self.doubled,
            lost=self.lost,
            out_of_order=before.out_of_order + self.out_of_order,
            quarantined=before.quarantined + len(self.given_up),
            written_at=now if self.pieces else before.written_at,
        )

    def _follows(self, source: SourceRange | None) -> bool:
        """Whether nothing that stands behind a range is written: then it is in order.

        The sequence alone does not tell, where a later message went to quarantine meanwhile.
        """
        if source is None:
            return False
        latest = list(self._spans)[-1] if self._spans else source.file
        known = self._spans.get(source.file)
        return latest == source.file and (known is None or known.end <= source.start)

    def _take_range(self, source: SourceRange, data: bytes, lines: int) -> bytes:
        """Use the range to drop bytes that are written already, and to notice a gap."""
        known = self._spans.get(source.file)
        if known is not None and source.end <= known.end:
            return self._drop_repeat()
        if (
            known is not None
            and source.start == known.end
            and next(reversed(self._spans)) == source.file
        ):
            self._spans[source.file] = Span(source.end, source.line + lines)
            return data
        fresh = data
        if known is None:
            before = next(reversed(list(self._spans.values())), None)
            is_new = not may_be_forgotten(self._spans, source.start)
            if is_new and before is not None and before.line != UNKNOWN and source.line:
                self._lose(source.file, 0, source.start, source.line)
        elif source.start > known.end:
            if known.line != UNKNOWN:
                self._lose(source.file, known.end, source.start, max(0, source.line - known.line))
        else:
            fresh = data[known.end - source.start :]
        spans = {file: span for file, span in self._spans.items() if file != source.file}
        spans[source.file] = Span(source.end, source.line + lines)
        self._spans = spans_kept(spans)
        return fresh

    def _fill(self, source: SourceRange, data: bytes) -> bytes:
        """Use the range of a message that comes behind later ones: what it brings that is missing.

        Where no gap is known it may be from before the first or from a gap that is not remembered
        any more: rather doubled than lost.
        """
        start, end, file = source.start, source.end, source.file
        known_lost = lines_of(self._gaps)
        forgotten = max(0, self.lost - known_lost)
        fresh = b""
        for gap in self._gaps:
            low, high = max(start, gap.start), min(end, gap.end)
            if gap.file == file and low < high:
                piece = data[low - start : high - start]
                fresh += piece
                self._gaps = without(self._gaps, file, low, high, piece.count(b"\n"))
        self.lost = max(0, self.lost - (known_lost - lines_of(self._gaps)))
        known = self._spans.get(file)
        if known is not None and known.end < end:
            if known.end < start and known.line != UNKNOWN:
                self._lose(file, known.end, start, max(0, source.line - known.line))
            fresh += data[max(0, known.end - start) :]
            self._spans = {**self._spans, file: Span(end, source.line + data.count(b"\n"))}
        elif not fresh:
            fresh = data
            self.lost -= min(forgotten, data.count(b"\n"))
        return fresh

    def _drop_repeat(self) -> bytes:
        self.suppressed += 1
        self.messages -= 1
        return b""

    def _lose(self, file: str, start: int, end: int, lines: int) -> None:
        lines = min(lines, end - start, MOST_LOST)
        gap = LostRange(log=self._before.name, file=file, start=start, end=end, lines=lines)
        self._gaps = gaps_kept((*self._gaps, gap))
        self.lost = min(self.lost + lines, MOST_LOST)


def line_ends(data: bytes) -> int:
    """Count the line ends. In much text there are many: taking them out beats finding each."""
    if len(data) < _MUCH:
        return data.count(b"\n")
    return len(data) - len(data.replace(b"\n", b""))
