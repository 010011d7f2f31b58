"""The fleet's rate is exact, whatever each host does."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from natsconsole.demo.fleet_hosts import fleet_hosts
from natsconsole.demo.pace import Pace


def dealt(pace: Pace, seconds: float, tick: float = 0.03) -> Counter[int]:
    lines: Counter[int] = Counter()
    for step in range(1, round(seconds / tick) + 1):
        lines.update(pace.due(step * tick))
    return lines


@given(
    hosts=st.integers(1, 50),
    rate=st.floats(1, 5000),
    ticks=st.lists(st.floats(0.001, 1.9), min_size=1, max_size=40),
)
def test_lines_sum_to_rate_times_time_however_late_ticks_are(
    hosts: int, rate: float, ticks: list[float]
) -> None:
    pace = Pace(fleet_hosts(hosts), rate, Random(1))

    elapsed, lines = 0.0, 0
    for tick in ticks:
        elapsed += tick
        lines += len(pace.due(elapsed))

    assert abs(lines - rate * elapsed) <= 1.01


def test_every_host_is_heard_soon() -> None:
    pace = Pace(fleet_hosts(12), 200, Random(1))

    assert set(dealt(pace, 0.3)) == set(range(12))


def test_hosts_write_unevenly_and_one_is_quiet() -> None:
    pace = Pace(fleet_hosts(12), 200, Random(1))

    lines = dealt(pace, 60)

    assert lines[11] < 60
    busiest, *_, least = (count for index, count in lines.most_common() if index != 11)
    assert busiest > 3 * least


def test_a_suspended_machine_does_not_make_up_for_hours() -> None:
    pace = Pace(fleet_hosts(3), 100, Random(1))
    pace.due(1.0)

    assert len(pace.due(3601.0)) == 200
