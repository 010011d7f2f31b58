import pytest

from natsconsole.domain.lines import HostMarks
from natsconsole.domain.messages import (
    LONGEST_ROW,
    InFlightMessage,
    OpenedMessage,
    StreamMessage,
    hex_row,
    hex_rows,
    text_rows,
)
from natsconsole.domain.receivers import HostStatus, UnackedMessage


def stream_message(payload: bytes = b"one\ntwo\n", sequence: int = 7) -> StreamMessage:
    return StreamMessage(
        sequence=sequence, subject="logs.1.web1", host="web1", time=1.0, headers=(), payload=payload
    )


def in_flight(*, written: bool = True, deliveries: int = 3) -> InFlightMessage:
    message = UnackedMessage(
        sequence=7, host="web1", partition=1, deliveries=deliveries, age=2.0, remaining=8.0,
        written=written,
    )  # fmt: skip
    return InFlightMessage(receiver="receiver-1", message=message)


def test_countdown_and_age_run_on_from_when_they_were_read() -> None:
    message = in_flight()
    assert message.remaining(100.0, 103.0) == 5.0
    assert message.remaining(100.0, 120.0) == 0.0
    assert message.age(100.0, 103.0) == 5.0


def test_a_payload_as_text_keeps_every_byte() -> None:
    assert text_rows(b"one\ntwo\n") == ["one", "two"]
    assert text_rows(b"") == [""]
    assert text_rows(b"a\n\nb\xff") == ["a", "", "b\udcff"]
    assert [len(row) for row in text_rows(b"x" * (LONGEST_ROW + 1))] == [LONGEST_ROW, 1]
    assert text_rows(b"abcdefgh\nij", 4) == ["abcd", "efgh", "ij"]
    wide = "日本語日本語".encode()
    assert "".join(text_rows(wide, 5)) == "日本語日本語"


def test_a_payload_as_hex() -> None:
    payload = bytes(range(20)) + b"AB"
    assert hex_rows(payload) == 2
    assert hex_row(payload, 1).split("  ", 1)[0] == "00000010"
    assert "10 11 12 13 41 42" in hex_row(payload, 1)
    assert hex_row(payload, 1).endswith("····AB")
    assert hex_rows(b"") == 0


def test_the_first_line_alone() -> None:
    assert stream_message(b"one\xff\ntwo").first_line == "one\udcff"


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        (OpenedMessage(message=stream_message(), in_flight=in_flight()), "delivered 3 times"),
        (
            OpenedMessage(message=stream_message(), in_flight=in_flight(written=False)),
            "not in the host's file yet",
        ),
        (
            OpenedMessage(
                message=stream_message(),
                host=HostStatus(host="web1", partition=1, delivered=9, written=9),
            ),
            "written, and acknowledged",
        ),
        (
            OpenedMessage(
                message=stream_message(),
                host=HostStatus(host="web1", partition=1, delivered=9, written=3),
            ),
            "delivered, not written",
        ),
        (
            OpenedMessage(
                message=stream_message(),
                host=HostStatus(host="web1", partition=1, delivered=3, written=3),
            ),
            "stored, not delivered",
        ),
        (
            OpenedMessage(
                message=stream_message(),
                host=HostStatus(
                    host="web1", partition=1, delivered=3, written=3, parked_from=5, reason="full"
                ),
            ),
            "waits in the stream until the host's file can be written: full",
        ),
        (
            OpenedMessage(
                message=stream_message(),
                host=HostStatus(host="web1", partition=1, delivered=9, written=9, quarantined=2),
            ),
            "2 of this host's messages were terminated",
        ),
        (
            OpenedMessage(message=stream_message(), marks=HostMarks(ack_floor=9, delivered=9)),
            "below the ack floor",
        ),
        (OpenedMessage(message=stream_message(), marks=HostMarks(delivered=9)), "delivered"),
        (OpenedMessage(message=stream_message()), "stored, not delivered"),
    ],
)
def test_what_became_of_a_message_in_words(opened: OpenedMessage, words: str) -> None:
    assert any(words in sentence for sentence in opened.story)
