"""Messages that are delivered and not acknowledged."""

from __future__ import annotations

import pytest

from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.in_flight import InFlight


def delivery(sequence: int, *, deliveries: int = 1, written: bool = False) -> Delivery:
    return Delivery(
        sequence, sequence, deliveries, "", "web1", None, b"", received=100.0, written=written
    )


def holding(*deliveries: Delivery) -> InFlight:
    in_flight = InFlight()
    for one in deliveries:
        in_flight.note([one])
    return in_flight


def numbers(deliveries: object) -> list[int]:
    assert isinstance(deliveries, list)
    return [one.sequence for one in deliveries]


def test_a_message_that_comes_again_waits_anew_and_is_known_as_written() -> None:
    first = delivery(1, written=True)
    in_flight = holding(first)
    in_flight.leave([first], 105.0)
    assert in_flight.due(first, 30.0) == 105.0

    again = delivery(1, deliveries=2)
    in_flight.note([again])
    assert again.written
    assert not in_flight.is_left(again)
    assert in_flight.due(again, 30.0) == 130.0
    assert len(in_flight) == 1


def test_what_is_settled_is_not_left_behind() -> None:
    one = delivery(1)
    in_flight = holding(one)
    in_flight.settle([one])
    in_flight.leave([one])

    assert in_flight.get(1) is None
    assert not in_flight.is_left(one)


def test_written_ones_are_left_and_the_others_are_not() -> None:
    written, unwritten = delivery(2, written=True), delivery(1)
    in_flight = holding(written, unwritten)
    in_flight.leave_written()

    assert in_flight.is_left(written)
    assert not in_flight.is_left(unwritten)


def test_explicit_acknowledges_each() -> None:
    one, two = delivery(1, written=True), delivery(3, written=True)
    in_flight = holding(one, delivery(2), two)

    assert in_flight.to_acknowledge("explicit", [one, two]) == ([one, two], [one, two])


@pytest.mark.parametrize(
    ("unwritten", "kept", "sent", "settled"),
    [
        (set(), set(), [5], [1, 2, 3, 4, 5]),
        ({3}, set(), [2], [1, 2]),
        ({1}, set(), [], []),
        (set(), {5}, [4], [1, 2, 3, 4]),
        (set(), {2, 4, 5}, [3], [1, 2, 3]),
        ({4}, {3}, [2], [1, 2]),
        (set(), {1, 2, 3, 4, 5}, [], []),
    ],
)
def test_all_acknowledges_the_highest_below_which_all_is_written(
    unwritten: set[int], kept: set[int], sent: list[int], settled: list[int]
) -> None:
    held = [delivery(number, written=number not in unwritten) for number in (4, 2, 5, 1, 3)]
    in_flight = holding(*held)
    to_send, all_settled = in_flight.to_acknowledge(
        "all", in_flight.written(), lambda one: one.sequence in kept
    )

    assert (numbers(to_send), numbers(all_settled)) == (sent, settled)


def test_one_ack_settles_what_lies_below() -> None:
    in_flight = holding(delivery(5), delivery(2), delivery(9))

    assert numbers(in_flight.up_to(5)) == [2, 5]
