"""Lines that are spread over messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from natsconsole.domain.line_assembly import LONGEST, FoundLine, LineAssembly, Place

WEB = Place(host="web1", log="app.log", sequence=1)


def joined(lines: list[FoundLine]) -> bytes:
    return b"".join(line.data + (b"\n" if line.has_end else b"") for line in lines)


@given(some.lists(some.lists(some.sampled_from([b"a", b"bc", b"\n"])).map(b"".join)))
def test_no_byte_is_lost_or_moved_however_lines_are_split(payloads: list[bytes]) -> None:
    assembly = LineAssembly()
    found = [line for payload in payloads for line in assembly.take(WEB, payload, 0.0)]
    assert all(line.has_end for line in found)
    assert joined(found + assembly.overdue()) == b"".join(payloads)


def test_a_line_is_where_it_begins() -> None:
    assembly = LineAssembly()
    later = Place(host="web1", log="app.log", sequence=2)
    assert assembly.take(WEB, b"one\ntw", 0.0) == [FoundLine(place=WEB, data=b"one")]
    assert assembly.take(later, b"o\nthree\n", 1.0) == [
        FoundLine(place=WEB, data=b"two"),
        FoundLine(place=later, data=b"three"),
    ]


def test_logs_do_not_mix() -> None:
    assembly = LineAssembly()
    other = Place(host="web1", log="other.log")
    assembly.take(WEB, b"a", 0.0)
    assembly.take(other, b"x", 1.0)
    assert [line.data for line in assembly.take(WEB, b"b\n", 2.0)] == [b"ab"]
    assert [line.data for line in assembly.overdue(1.0)] == []
    assert [line.data for line in assembly.overdue(1.5)] == [b"x"]
    assert assembly.overdue() == []


def test_a_line_without_end_does_not_grow_for_ever() -> None:
    assembly = LineAssembly()
    piece = b"x" * (LONGEST // 2)
    given_out = [line for _ in range(5) for line in assembly.take(WEB, piece, 0.0)]
    assert [line.has_end for line in given_out] == [False]
    assert joined(given_out + assembly.overdue()) == piece * 5
