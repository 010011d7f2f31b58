from dataclasses import replace

import pytest

from natsconsole.domain.advisories import Advisory, EventRing, folded, read_advisory

CONSUMER = "$JS.EVENT.ADVISORY.CONSUMER"


def advisory(number: int, kind: str = "nak") -> Advisory:
    return Advisory(id=f"{kind}{number}", kind=kind, time=f"2026-01-01T00:00:{number:06d}Z")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "body", "kind", "words"),
    [
        ("MAX_DELIVERIES", b'"stream_seq":7,"deliveries":3', "max deliver", "after 3 deliveries"),
        ("MSG_TERMINATED", b'"stream_seq":7,"deliveries":1,"reason":"bad"', "terminated", ": bad"),
        (
            "MSG_TERMINATED",
            b'"stream_seq":7,"reason":"Unacknowledged message was deleted"',
            "terminated",
            "by the stream's limits",
        ),
        ("MSG_NAKED", b'"stream_seq":7,"deliveries":2', "nak", "at delivery 2"),
        ("PINNED", b'"group":"g"', "pinned", "served alone"),
        ("UNPINNED", b'"reason":"timeout"', "pinned", "timeout"),
        ("PAUSE", b'"paused":true,"pause_until":"2027"', "pause", "until 2027"),
        ("PAUSE", b'"paused":false', "pause", "no longer"),
        ("LEADER_ELECTED", b'"leader":"n2"', "leader", "consumer has a new leader: n2"),
        ("QUORUM_LOST", b'"leader":""', "leader", "lost its quorum"),
        ("CREATED", b'"action":"create"', "change", "consumer was created"),
        ("NEW_THING", b'"stream_seq":7', "other", "new thing"),
    ],
)
def test_an_advisory_becomes_a_sentence(name: str, body: bytes, kind: str, words: str) -> None:
    payload = b'{"id":"x","timestamp":"t","stream":"LOGS","consumer":"c",' + body + b"}"
    found = read_advisory(f"{CONSUMER}.{name}.LOGS.c", payload)

    assert found is not None
    assert (found.id, found.stream, found.consumer, found.kind) == ("x", "LOGS", "c", kind)
    assert words in found.sentence


@pytest.mark.parametrize(
    "payload", [b"", b"{", b'{"stream_seq":"x"}', b"\xff", b"[" * 9000, b'{"a":"' + b"x" * 70_000]
)
def test_what_is_no_advisory_is_passed_over(payload: bytes) -> None:
    assert read_advisory(f"{CONSUMER}.MSG_NAKED.LOGS.c", payload) is None
    assert read_advisory("short", b"{}") is not None


def test_memory_is_bounded_by_kind_and_what_was_let_go_is_counted() -> None:
    ring = EventRing(kept=10)
    ring.add([advisory(0, "terminated")])
    ring.add(advisory(number) for number in range(1, 101))

    kinds = [one.kind for one in ring.newest()]
    assert kinds.count("nak") == 10
    assert kinds.count("terminated") == 1, "a storm of one kind does not push others out"
    assert ring.forgotten == 90
    assert dict(ring.counts()) == {"terminated": 1, "nak": 100}
    assert ring.newest()[0].id == "nak100"


def test_an_event_that_came_twice_stands_once() -> None:
    ring = EventRing()
    ring.add([advisory(1), advisory(1)])
    before = ring.revision
    ring.add([advisory(1)])

    assert len(ring.newest()) == 1
    assert ring.revision == before


def test_a_pin_that_goes_to_and_fro_is_told_once() -> None:
    def pin(number: int, consumer: str) -> Advisory:
        return replace(advisory(number, "pinned"), consumer=consumer)

    nak = replace(advisory(5), consumer="a")
    events = [pin(9, "a"), pin(8, "b"), pin(7, "a"), pin(6, "a"), nak, pin(4, "a"), pin(3, "b")]

    told = [(one.id, one.consumer, one.times, one.first_time[-7:]) for one in folded(events)]
    assert told == [
        ("pinned6", "a", 3, "000006Z"),
        ("pinned3", "b", 2, "000003Z"),
        ("nak5", "a", 1, ""),
        ("pinned4", "a", 1, ""),
    ]
    assert folded(events)[0].time == pin(9, "a").time
