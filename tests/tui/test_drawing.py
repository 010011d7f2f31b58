from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.strip import Strip

from natsconsole.tui.drawing import Line, OneLine, changed_span, fit

BASE = Style.parse("white on black")


def line() -> Line:
    return Line(lambda ink: Style.parse("bold") if ink == "strong" else Style.null())


def strip(text: str, style: str = "") -> Strip:
    return Strip([Segment(text, Style.parse(style))])


def test_a_line_is_exactly_as_wide_as_asked() -> None:
    assert line().put("web-01").strip(10, BASE).text == "web-01    "
    assert line().put("a long name").strip(6, BASE).text == "a lon…"
    assert line().put("日本語日本語").strip(6, BASE).cell_length == 6


def test_numbers_stand_on_the_right() -> None:
    assert line().put("12", width=5, right=True).strip(5, BASE).text == "   12"


def test_wide_letters_are_cut_by_cells() -> None:
    assert fit("日本語", 5) == "日本…"
    assert fit("日本語", 4) == "日 …"
    assert fit("日本", 6) == "日本  "


def test_whatever_is_put_is_safe() -> None:
    assert line().put("\x1b[2J[/red]").strip(12, BASE).text == "␛[2J[/red]  "


def test_only_cells_that_differ_are_sent() -> None:
    assert changed_span(strip("lag 12 msgs"), strip("lag 12 msgs")) is None
    assert changed_span(strip("lag 12 msgs"), strip("lag 17 msgs")) == (5, 1)
    assert changed_span(strip("日本 1 x"), strip("日本 2 x")) == (5, 1)
    assert changed_span(strip("same"), strip("same", "bold")) == (0, 4)
    assert changed_span(None, strip("new")) == (0, 3)
    assert changed_span(strip("aa"), strip("aaa")) == (0, 3)
    assert changed_span(strip("aab"), strip("abb")) == (1, 1)


class Figures(OneLine):
    left = "1"
    right = "1"

    def draw_line(self) -> Line:
        return self.line().put(self.left).space(6).put(self.right)


class FiguresApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Figures()


async def test_textual_sends_only_what_was_announced() -> None:
    app = FiguresApp()
    async with app.run_test(size=(8, 1)) as pilot:
        figures = app.query_one(Figures)
        figures.left = "2"
        figures.repaint()
        figures.right = "2"  # changed, but not announced before Textual sends the left one
        await pilot.pause()
        assert figures.render_line(0).text == "2      1"
        figures.repaint()
        assert figures.render_line(0).text == "2      2"


async def test_another_size_is_drawn_anew() -> None:
    app = FiguresApp()
    async with app.run_test(size=(8, 1)) as pilot:
        await pilot.resize_terminal(12, 1)
        assert app.query_one(Figures).render_line(0).cell_length == 12
