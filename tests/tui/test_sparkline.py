from natsconsole.tui.sparkline import BLOCKS, sparkline


def test_the_newest_values_stand_on_the_right() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6], 9) == "  " + BLOCKS
    assert sparkline([9, 0, 6], 2) == "▁▇"


def test_nothing_is_a_flat_line() -> None:
    assert sparkline([0, 0], 2) == "▁▁"
    assert sparkline([], 3) == "   "
    assert sparkline([1], 0) == ""


def test_two_lines_can_share_a_scale() -> None:
    assert sparkline([3], 1, peak=6) == "▄"
