"""Logs that wait for a file of their own."""

from __future__ import annotations

import errno

from natsconsole.receiver.batch import Outcome
from natsconsole.receiver.delivery import Delivery
from natsconsole.receiver.held_logs import MOST_BYTES, RETRY_FIRST, RETRY_LONGEST, HeldLogs

BROKEN = ("broken", "")


def delivery(sequence: int, host: str = "broken", size: int = 1) -> Delivery:
    return Delivery(sequence, sequence, 1, "", host, None, b"x" * size, received=0.0)


def refused(*deliveries: Delivery) -> Outcome:
    keys = {(one.host, "") for one in deliveries}
    error = OSError(errno.EACCES, "Permission denied", "broken/broken.log")
    return Outcome(broken=dict.fromkeys(keys, error), unwritten=list(deliveries))


def holding(*deliveries: Delivery, now: float = 0.0) -> HeldLogs:
    logs = HeldLogs()
    logs.learn(refused(*deliveries), now)
    return logs


def test_new_messages_of_a_held_log_wait_behind_it_and_the_others_go_on() -> None:
    logs = holding(delivery(1))
    batch, waiting = logs.compose([delivery(2), delivery(3, "well"), delivery(4)], 0.1)

    assert [one.sequence for one in batch] == [3]
    assert waiting == {BROKEN: frozenset({2, 4})}
    assert len(logs) == 3
    assert logs.reason_of("broken") == "permission denied: broken/broken.log"
    assert logs.reason_of("well") == ""


def test_tried_again_it_goes_first_and_in_order() -> None:
    logs = holding(delivery(1))
    logs.compose([delivery(2)], 0.1)
    assert not logs.is_due(RETRY_FIRST - 0.1)
    assert logs.is_due(RETRY_FIRST)
    batch, waiting = logs.compose([delivery(3)], RETRY_FIRST)

    assert [one.sequence for one in batch] == [1, 2, 3]
    assert waiting == {}
    assert logs.learn(Outcome(), RETRY_FIRST) == [BROKEN]
    assert not logs


def test_the_wait_doubles_up_to_the_longest() -> None:
    logs = holding(delivery(1))
    since, delays, now = logs.logs[BROKEN].since, [], 0.0
    for _ in range(6):
        now = logs.logs[BROKEN].retry_at
        logs.learn(refused(delivery(1)), now)
        delays.append(logs.logs[BROKEN].delay)

    assert delays == [1.0, 2.0, 4.0, RETRY_LONGEST, RETRY_LONGEST, RETRY_LONGEST]
    assert logs.logs[BROKEN].since == since


def test_the_largest_are_parked_until_the_rest_fits() -> None:
    logs = holding(*(delivery(number) for number in range(10, 15)), delivery(20, "small"))

    assert logs.to_park(6) == {}
    assert logs.to_park(2) == {BROKEN: 10}
    assert logs.to_park(0) == {BROKEN: 10, ("small", ""): 20}
    assert [one.sequence for one in logs.release([BROKEN])] == [10, 11, 12, 13, 14]
    assert len(logs) == 1


def test_too_many_bytes_are_parked_too() -> None:
    logs = holding(delivery(7, size=MOST_BYTES), delivery(9, "small"))

    assert logs.to_park(100) == {BROKEN: 7}


def test_a_message_that_is_given_up_is_held_no_longer() -> None:
    logs = holding(delivery(1), delivery(2))
    assert logs.has(2)
    logs.drop(2)
    assert not logs.has(2)
    assert logs.has(1)
    logs.drop(1)
    assert not logs, "a log of which nothing is held is not tried again"
