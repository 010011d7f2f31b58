from natsconsole.domain.lines import LogLine
from natsconsole.tui.drawing import LONGEST
from natsconsole.tui.home.line_window import LineWindow, Rule, ShownLine


def lines(first: int, last: int, text: str = "line") -> list[LogLine]:
    return [
        LogLine(sequence=number, index=0, time=0.0, text=text) for number in range(first, last + 1)
    ]


def test_only_newer_lines_are_added_and_the_oldest_dropped() -> None:
    window = LineWindow(capacity=5)
    assert window.append(lines(1, 4)) == (4, 0)
    assert window.append(lines(3, 7)) == (3, 2)
    assert len(window) == 5
    assert window.last_key == (7, 0)


def test_all_lines_of_a_message_are_kept() -> None:
    window = LineWindow()
    window.append([LogLine(sequence=1, index=place, time=0.0, text="x") for place in range(3)])
    assert len(window) == 3
    rows = [window.row(number, 0, None) for number in range(3)]
    assert [row.is_first for row in rows if isinstance(row, ShownLine)] == [True, False, False]


def test_the_rule_stands_behind_the_last_line_at_or_below_the_floor() -> None:
    window = LineWindow()
    window.append(lines(1, 4))
    floor_row = window.floor_row(2)
    assert floor_row == 2
    rows = [window.row(number, 2, floor_row) for number in range(6)]
    assert [row.sequence if row else None for row in rows] == [1, 2, 2, 3, 4, None]
    assert isinstance(rows[2], Rule)


def test_there_is_no_rule_where_all_lines_are_on_one_side() -> None:
    window = LineWindow()
    window.append(lines(5, 9))
    assert window.floor_row(4) is None
    assert window.floor_row(9) is None


def test_skipped_lines_leave_a_mark() -> None:
    window = LineWindow()
    window.append(lines(1, 2))
    window.append(lines(90, 91), is_gap=True)
    row = window.row(2, 0, None)
    assert isinstance(row, ShownLine)
    assert row.is_gap


def test_a_line_of_a_megabyte_costs_what_a_screen_is_wide() -> None:
    window = LineWindow()
    window.append(lines(1, 1, "x" * 1_000_000))
    row = window.row(0, 0, None)
    assert isinstance(row, ShownLine)
    assert len(row.text) == LONGEST


def test_older_lines_come_before_and_the_newest_go() -> None:
    window = LineWindow(capacity=10)
    window.append(lines(11, 18))
    assert window.prepend(lines(5, 12)) == (5, 3)
    assert (window.first_key, window.last_key) == ((6, 0), (15, 0))
    assert not window.at_end
    assert window.prepend([]) == (0, 0)


def test_a_large_page_leaves_no_hole() -> None:
    window = LineWindow(capacity=10)
    window.append(lines(101, 104))
    window.prepend(lines(1, 100))
    assert [line.sequence for line in window.lines] == [*range(96, 105)]


def test_a_message_of_which_a_part_is_there_is_completed() -> None:
    window = LineWindow(capacity=6)
    whole = [LogLine(sequence=7, index=place, time=0.0, text="x") for place in range(9)]
    window.append(whole)
    assert window.first_key == (7, 3)
    assert window.prepend(whole) == (3, 3)
    assert (window.first_key, window.last_key) == ((7, 0), (7, 5))


def test_a_line_is_found_by_its_key() -> None:
    window = LineWindow()
    window.append([*lines(3, 5), *lines(9, 12)])
    assert window.place_of((4, 0)) == 1
    assert window.place_of((6, 0)) == 3
    assert window.place_of((1, 0)) == 0
    assert window.place_of((99, 0)) == 6
