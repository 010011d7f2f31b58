import math
import zlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.domain.advisories import Advisory
from natsconsole.domain.recording import (
    DELTA,
    MAGIC,
    FrameAt,
    NoRecordingError,
    Packer,
    Seen,
    Unpacker,
    applied,
    difference,
    events_of,
    frames_of,
    seen_of,
)
from screenshots.demo_data import pipeline
from screenshots.triage_data import shop

trees: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=4)
    ),
)


@given(before=trees, after=trees)
def test_a_difference_makes_the_one_of_the_other(before: Any, after: Any) -> None:
    assert applied(before, difference(before, after)) == after


@given(items=st.lists(st.integers(), min_size=1), come=st.lists(st.integers(), max_size=3))
def test_a_history_that_moves_is_told_by_what_comes(items: list[int], come: list[int]) -> None:
    after = [*items[1:], *come]
    assert applied(items, difference(items, after)) == after


def recorded(*moments: Seen) -> bytes:
    packer = Packer()
    frames = (packer.pack(seen, 100.0 + place) for place, seen in enumerate(moments))
    return MAGIC + b"".join(frames)


def read(data: bytes) -> list[Seen]:
    unpacker = Unpacker()
    return [
        seen_of(unpacker.unpack(frame, data[frame.start : frame.start + frame.length]))
        for frame in frames_of(data)
    ]


SHOP = shop()
FIRST = Seen(home=pipeline().home, triage=SHOP, context="dev")
LATER = replace(
    FIRST,
    triage=replace(
        SHOP,
        taken=SHOP.taken + 2,
        consumers=tuple(replace(one, lag_messages=7) for one in SHOP.consumers),
        verdicts=SHOP.verdicts[1:],
    ),
    events=(Advisory(id="a", kind="nak", time="2026-09-21T14:00:00Z", sequence=4),),
)
GONE = replace(LATER, triage=replace(LATER.triage, consumers=SHOP.consumers[2:]))


def test_what_was_seen_is_read_as_it_was() -> None:
    found = read(recorded(FIRST, LATER, GONE, FIRST))
    assert [one.triage.consumers for one in found[1:]] == [
        LATER.triage.consumers,
        GONE.triage.consumers,
        SHOP.consumers,
    ]
    assert [one.host for one in found[0].home.hosts] == [one.host for one in FIRST.home.hosts]
    assert found[1].triage.verdicts_of("ORDERS", "billing") == ()
    assert found[3].triage.verdicts_of("ORDERS", "billing")[0].rule == "max-ack-pending"
    assert events_of(found[1]).events == LATER.events


def test_what_did_not_change_takes_few_bytes() -> None:
    whole = len(recorded(FIRST))
    assert len(recorded(*[FIRST] * 50)) < whole + 50 * 64


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_frame_that_was_cut_off_is_left_out(cut: int) -> None:
    data = recorded(FIRST, LATER)
    assert len(list(frames_of(data))) == 2
    assert len(list(frames_of(data[:-cut]))) == 1


@pytest.mark.parametrize("data", [b"", b"hello", b"\x1f\x8b" + bytes(100)])
def test_a_foreign_file_is_refused(data: bytes) -> None:
    with pytest.raises(NoRecordingError, match="it is no recording"):
        list(frames_of(data))


def test_what_is_no_frame_is_named_by_its_place() -> None:
    with pytest.raises(NoRecordingError, match="what stands at byte 24 is no frame"):
        list(frames_of(MAGIC + b"X" * 40))


def test_a_damaged_frame_is_named_by_its_place() -> None:
    data = bytearray(recorded(FIRST))
    data[60] ^= 0xFF
    with pytest.raises(NoRecordingError, match=r"byte 37 is damaged|another release"):
        read(bytes(data))


DEEP = b"\x91" * 100_000 + b"\x00"


@pytest.mark.parametrize(
    "raw", [msgspec.msgpack.encode(7), msgspec.msgpack.encode({"home": 7}), DEEP]
)
def test_a_change_of_another_shape_is_damage(raw: bytes) -> None:
    data = recorded(FIRST)
    unpacker = Unpacker()
    (frame,) = frames_of(data)
    unpacker.unpack(frame, data[frame.start :])
    packed = zlib.compressobj(wbits=-15)
    block = packed.compress(raw) + packed.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(NoRecordingError, match="byte 9 is damaged"):
        unpacker.unpack(FrameAt(DELTA, 0.0, 9, len(block)), block)


@pytest.mark.parametrize("time", [math.nan, math.inf, -1.0, 1e300])
def test_a_time_that_is_none_is_damage(time: float) -> None:
    with pytest.raises(NoRecordingError, match="no frame"):
        list(frames_of(MAGIC + Packer().pack(FIRST, time)))


def test_a_frame_that_unpacks_without_end_is_refused() -> None:
    stream = zlib.compressobj()
    packed = stream.compress(bytes(80 << 20)) + stream.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(NoRecordingError, match="too large to be true"):
        Unpacker().unpack(FrameAt(b"K", 0.0, 37, len(packed)), packed)


def test_another_release_is_said_so() -> None:
    with pytest.raises(NoRecordingError, match="another release"):
        seen_of({"home": {"taken": "yesterday"}})
