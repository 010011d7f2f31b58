from natsconsole.domain.lines import LogLine
from natsconsole.tui.drawing import LONGEST
from natsconsole.tui.home.line_ring import LineRing, Rule, ShownLine


def lines(first: int, last: int, text: str = "line") -> list[LogLine]:
    return [
        LogLine(sequence=number, index=0, time=0.0, text=text) for number in range(first, last + 1)
    ]


def test_only_newer_lines_are_added_and_the_oldest_dropped() -> None:
    ring = LineRing(capacity=5)
    assert ring.append(lines(1, 4)) == (4, 0)
    assert ring.append(lines(3, 7)) == (3, 2)
    assert len(ring) == 5
    assert ring.last_sequence == 7


def test_all_lines_of_a_message_are_kept() -> None:
    ring = LineRing()
    ring.append([LogLine(sequence=1, index=place, time=0.0, text="x") for place in range(3)])
    assert len(ring) == 3
    rows = [ring.row(number, 0, None) for number in range(3)]
    assert [row.is_first for row in rows if isinstance(row, ShownLine)] == [True, False, False]


def test_the_rule_stands_behind_the_last_line_at_or_below_the_floor() -> None:
    ring = LineRing()
    ring.append(lines(1, 4))
    floor_row = ring.floor_row(2)
    assert floor_row == 2
    rows = [ring.row(number, 2, floor_row) for number in range(6)]
    assert [row.sequence if row else None for row in rows] == [1, 2, 2, 3, 4, None]
    assert isinstance(rows[2], Rule)


def test_there_is_no_rule_where_all_lines_are_on_one_side() -> None:
    ring = LineRing()
    ring.append(lines(5, 9))
    assert ring.floor_row(4) is None
    assert ring.floor_row(9) is None


def test_skipped_lines_leave_a_mark() -> None:
    ring = LineRing()
    ring.append(lines(1, 2))
    ring.append(lines(90, 91), is_gap=True)
    row = ring.row(2, 0, None)
    assert isinstance(row, ShownLine)
    assert row.is_gap


def test_a_line_of_a_megabyte_costs_what_a_screen_is_wide() -> None:
    ring = LineRing()
    ring.append(lines(1, 1, "x" * 1_000_000))
    row = ring.row(0, 0, None)
    assert isinstance(row, ShownLine)
    assert len(row.text) == LONGEST
