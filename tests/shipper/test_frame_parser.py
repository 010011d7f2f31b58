"""Frames come out the same, however the bytes were cut."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from shipper.frame_parser import FrameParser


class Recorder:
    """Takes messages to even subscriptions as a sink would."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def take_message(
        self, sid: int, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        if sid % 2 == 0:
            self.seen.append(("sink", sid, subject, reply, headers, payload))
        return sid % 2 == 0

    def take_malformed(self, line: bytes) -> None:
        self.seen.append(("malformed", line))

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any
    ) -> None:
        self.seen.append(("message", sid, subject, reply, headers, data))

    async def _process_ping(self) -> None:
        self.seen.append(("ping",))

    async def _process_pong(self) -> None:
        self.seen.append(("pong",))

    async def _process_err(self, err_msg: str) -> None:
        self.seen.append(("error", err_msg))

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.seen.append(("info", info))


STREAM = (
    b"MSG a.b 2 5\r\nhe\r\no\r\n"
    b"PING\r\n"
    b"MSG a.b 3 $reply 0\r\n\r\n"
    b"HMSG a 2 $reply 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
    b"HMSG a 1 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    b"-ERR 'Some Error'\r\n"
    b"MSG \xff\x0b7 2 1\r\n\n\r\n"
    b'INFO {"ldm": true}\r\n'
    b"MSG a x 2\r\nhi\r\n"
    b"+OK\r\nPONG\r\n"
)
EXPECTED = [
    ("sink", 2, b"a.b", b"", b"", b"he\r\no"),
    ("ping",),
    ("message", 3, b"a.b", b"$reply", None, b""),
    ("sink", 2, b"a", b"$reply", b"NATS/1.0\r\n\r\n", b"hi"),
    ("message", 1, b"a", b"", b"NATS/1.0\r\n\r\n", b""),
    ("error", "Some Error"),
    ("sink", 2, b"\xff\x0b7", b"", b"", b"\n"),
    ("info", {"ldm": True}),
    ("malformed", b"MSG a x 2"),
    ("pong",),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
async def test_any_cut_gives_the_same_frames(cuts: list[int]) -> None:
    recorder = Recorder()
    parser = FrameParser(recorder)
    places = [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(places):
        await parser.parse(STREAM[start:end])
    assert recorder.seen == EXPECTED


async def test_byte_by_byte() -> None:
    recorder = Recorder()
    parser = FrameParser(recorder)
    for i in range(len(STREAM)):
        await parser.parse(STREAM[i : i + 1])
    assert recorder.seen == EXPECTED


async def test_reset_forgets_an_unfinished_frame() -> None:
    recorder = Recorder()
    parser = FrameParser(recorder)
    await parser.parse(b"MSG a 2 500\r\nxx")
    parser.reset()
    await parser.parse(b"PING\r\n")
    assert recorder.seen == [("ping",)]


@given(st.binary(max_size=300))
async def test_garbage_raises_nothing_but_a_protocol_error(data: bytes) -> None:
    parser = FrameParser(Recorder())
    for prefix in (b"", b"MSG ", b"HMSG a 1 ", b"INFO ", b"-ERR "):
        try:
            await parser.parse(prefix + data + b"\r\n")
        except ProtocolError:
            parser.reset()


@pytest.mark.parametrize("line", [b"MSG a 1 -1", b"MSG a 1 +1", b"MSG a 1 1_0", b"MSG a 1 "])
async def test_a_size_is_digits_only(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        await FrameParser(Recorder()).parse(line + b"\r\nx\r\n")
