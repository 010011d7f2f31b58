"""A log's share of a commit against a tiny model, over random orders, gaps, repeats, overlaps."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.domain.integrity import GAPS_KEPT, SPANS_KEPT
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.ledger import LogEntry
from natsconsole.receiver.log_draft import LogDraft
from shipper.wire import SourceRange

LINES = [f"{number}".encode() * (number % 4) + b"\n" for number in range(24)]
OFFSETS = [sum(map(len, LINES[:number])) for number in range(len(LINES) + 1)]
CONTENT = b"".join(LINES)
EMPTY = LogEntry(host="web1", name="app.log", path="web1/app.log")


def message(sequence: int, first: int, last: int, *, file: str = "f1") -> Delivery:
    """Lines ``first`` to ``last`` of the source file, the last one left out."""
    source = SourceRange(
        host="web1",
        name="app.log",
        file=file,
        start=OFFSETS[first],
        end=OFFSETS[last],
        line=first,
    )
    payload = CONTENT[source.start : source.end]
    return Delivery(sequence, sequence, 1, "", "web1", source, payload, received=0.0)


@dataclass
class Log:
    """A log's row and file, to which batches are committed."""

    entry: LogEntry = EMPTY
    content: bytes = b""

    def commit(
        self, messages: Sequence[Delivery], *, refused: Sequence[int] = (), fails: bool = False
    ) -> None:
        draft = LogDraft(self.entry)
        draft.refuse(frozenset(refused))
        for one in messages:
            draft.take([one])
        if fails:
            draft.fail()
        self.content += b"".join(draft.pieces)
        self.entry = draft.entry(1.0)

    @property
    def lines_in_ranges(self) -> int:
        return sum(gap.lines for gap in self.entry.lost_ranges)


ranges = st.tuples(st.integers(0, len(LINES) - 1), st.integers(1, 6)).map(
    lambda pair: (pair[0], min(pair[0] + pair[1], len(LINES)))
)


@given(cuts=st.sets(st.integers(1, len(LINES) - 1)), fate=st.randoms(use_true_random=False))
def test_gaps_are_lost_and_filled_lines_are_not(cuts: set[int], fate: random.Random) -> None:
    """Some messages are refused, the others written, then the refused come in any order."""
    edges = [0, *sorted(cuts), len(LINES)]
    pieces = [
        message(place + 1, first, last)
        for place, (first, last) in enumerate(itertools.pairwise(edges))
    ]
    refused = [one for one in pieces[1:-1] if fate.random() < 0.4]
    written = [one for one in pieces if one not in refused]
    log = Log()
    log.commit(written, refused=[one.sequence for one in refused])
    missing = sum(one.payload.count(b"\n") for one in refused)

    assert log.entry.lost == missing == log.lines_in_ranges
    gaps = {(gap.start, gap.end) for gap in log.entry.lost_ranges}
    assert sum(end - start for start, end in gaps) == sum(len(one.payload) for one in refused)
    assert log.content == b"".join(one.payload for one in written)

    fate.shuffle(refused)
    for one in refused:
        log.commit([one])
        log.commit([one])
    assert sorted(log.content.split(b"\n")) == sorted(CONTENT.split(b"\n"))
    assert (log.entry.lost, log.entry.lost_ranges, log.entry.refused) == (0, (), frozenset())
    assert log.entry.out_of_order == missing
    assert log.entry.suppressed == len(refused)
    assert log.entry.lines == len(LINES)
    assert log.entry.bytes == len(log.content)


@given(published=st.lists(ranges, min_size=1, max_size=12))
def test_any_ranges_in_stream_order_leave_each_byte_once(published: list[tuple[int, int]]) -> None:
    """Gaps, repeats and overlaps, as after resends: the model is how far the file has got."""
    log = Log()
    end = -1
    expected, lost, suppressed, written = b"", 0, 0, 0
    for sequence, (first, last) in enumerate(published, start=1):
        log.commit([message(sequence, first, last)])
        start = first if end < 0 else max(first, end)
        if last <= start:
            suppressed += 1
            continue
        lost += max(0, first - end) if end >= 0 else 0
        expected += CONTENT[OFFSETS[start] : OFFSETS[last]]
        written += 1
        end = last

    entry = log.entry
    assert log.content == expected
    assert (entry.lost, entry.suppressed, entry.messages) == (lost, suppressed, written)
    assert (entry.lines, entry.bytes) == (expected.count(b"\n"), len(expected))
    assert entry.lost == log.lines_in_ranges
    assert entry.out_of_order == 0


@given(
    sizes=st.lists(st.integers(1, 3), min_size=3, max_size=8),
    given_up=st.integers(0, 7),
    batches=st.integers(1, 4),
)
def test_held_lines_are_in_order_though_one_between_went_to_quarantine(
    sizes: list[int], given_up: int, batches: int
) -> None:
    edges = [sum(sizes[:place]) for place in range(len(sizes) + 1)]
    pieces = [
        message(place + 1, first, last)
        for place, (first, last) in enumerate(itertools.pairwise(edges))
    ]
    bad = pieces[given_up % len(pieces)]
    log = Log()
    draft = LogDraft(log.entry)
    for one in pieces:
        if one is bad:
            draft.quarantine(one)
        else:
            draft.take([one])
    unwritten = draft.fail()
    log.entry = draft.entry(1.0)
    assert log.entry.quarantined == 1
    assert log.entry.is_repeat(bad.sequence)
    assert not any(log.entry.is_repeat(one.sequence) for one in unwritten)

    for start in range(0, len(unwritten), batches):
        log.commit(unwritten[start : start + batches])
    assert log.content == b"".join(one.payload for one in unwritten)
    is_between = 0 < pieces.index(bad) < len(pieces) - 1
    expected = bad.payload.count(b"\n") if is_between else 0
    assert (log.entry.out_of_order, log.entry.lost) == (0, expected)


def test_a_late_line_takes_nothing_off_another_gap() -> None:
    log = Log()
    log.commit([message(2, 1, 2)], refused=[1])
    log.commit([message(9, 5, 6)])
    assert log.entry.lost == 3

    log.commit([message(1, 0, 1)])
    assert (log.entry.lost, log.lines_in_ranges) == (3, 3)


def test_a_late_range_brings_only_what_is_missing() -> None:
    log = Log()
    log.commit([message(1, 0, 2), message(3, 4, 6)], refused=[2])
    log.commit([message(2, 1, 8)])

    assert log.content == b"".join([*LINES[0:2], *LINES[4:6], *LINES[2:4], *LINES[6:8]])
    assert (log.entry.lost, log.entry.lost_ranges) == (0, ())
    log.commit([message(4, 6, 8)])
    assert log.entry.suppressed == 1, "what the late range brought is known"


def test_more_gaps_than_are_remembered_are_filled_all_the_same() -> None:
    log = Log()
    fine = [LINES[0]] * 60
    offsets = [len(b"".join(fine[:place])) for place in range(len(fine) + 1)]

    def one(sequence: int) -> Delivery:
        source = SourceRange(
            host="web1",
            name="app.log",
            file="f1",
            start=offsets[sequence - 1],
            end=offsets[sequence],
            line=sequence - 1,
        )
        return Delivery(sequence, sequence, 1, "", "web1", source, LINES[0], received=0.0)

    odd, even = range(1, 60, 2), range(2, 60, 2)
    log.commit([one(number) for number in odd], refused=even)
    assert log.entry.lost == len(even)
    assert log.lines_in_ranges < log.entry.lost
    log.commit([one(number) for number in even])
    assert (log.entry.lost, log.entry.lost_ranges) == (0, ())


def test_a_rotated_file_that_begins_late_is_lost_up_to_there() -> None:
    log = Log()
    log.commit([message(1, 0, 3), message(2, 2, 3, file="f2")])

    (gap,) = log.entry.lost_ranges
    assert (gap.file, gap.start, gap.end, gap.lines) == ("f2", 0, OFFSETS[2], 2)


def test_as_many_files_as_are_remembered_are_recognised() -> None:
    log = Log()
    files = [f"f{number}" for number in range(SPANS_KEPT)]
    for sequence, file in enumerate(files, start=1):
        log.commit([message(sequence, 0, 2, file=file)])
    for sequence, file in enumerate(files, start=10):
        log.commit([message(sequence, 0, 2, file=file)])

    assert log.content == b"".join(LINES[0:2]) * SPANS_KEPT
    assert log.entry.suppressed == SPANS_KEPT


@given(
    turns=st.lists(st.integers(0, 3 * SPANS_KEPT), max_size=200),
    missing=st.sets(st.integers(0, 199)),
)
def test_files_side_by_side_are_not_taken_for_lost(turns: list[int], missing: set[int]) -> None:
    """Of many sources of one log each line comes once, unless it does not come at all."""
    log = Log()
    places: dict[int, int] = {}
    written, lost = b"", 0
    for sequence, source in enumerate(turns, start=1):
        first = places.get(source, 0)
        if first == len(LINES):
            continue
        places[source] = first + 1
        if sequence - 1 in missing:
            lost += 1
            continue
        log.commit([message(sequence, first, first + 1, file=f"f{source}")])
        written += LINES[first]
    assert log.content == written
    assert (log.entry.lost == 0) if not missing else (log.entry.lost <= lost)
    assert log.entry.lost == log.lines_in_ranges or len(log.entry.lost_ranges) == GAPS_KEPT


def test_of_as_many_live_files_as_are_remembered_each_gap_is_counted() -> None:
    log = Log()
    numbers = itertools.count(1)
    for line in range(4):
        for source in range(SPANS_KEPT):
            if line != 2:
                log.commit([message(next(numbers), line, line + 1, file=f"f{source}")])
    assert log.entry.lost == SPANS_KEPT


def test_a_late_beginning_is_lost_behind_a_long_chain_too() -> None:
    log = Log()
    numbers = itertools.count(1)
    for file in range(3 * SPANS_KEPT):
        log.commit([message(next(numbers), 0, 10, file=f"f{file}")])
    assert log.entry.lost == 0
    log.commit([message(next(numbers), 4, 10, file="last")])
    assert log.entry.lost == 4


@pytest.mark.parametrize("fails", [False, True])
def test_a_written_message_that_is_refused_again_stays_written(fails: bool) -> None:
    log = Log()
    log.commit([message(1, 0, 1), message(2, 1, 2)])
    log.commit([message(3, 2, 3)], refused=[1, 2], fails=fails)

    assert log.entry.is_repeat(1)
    assert log.entry.is_repeat(2)
    assert log.entry.is_repeat(3) is not fails
