from dataclasses import replace

import pytest

from natsconsole.domain.consumers import ConsumerState
from natsconsole.tui.triage.asked import (
    BadRequestError,
    Purge,
    edited,
    read_purge,
    written_settings,
)
from natsconsole.tui.triage.cells import (
    CONSUMER_COLUMNS,
    CONSUMER_ORDER,
    STREAM_ORDER,
    ConsumerRow,
    StreamRow,
    consumer_rows,
    lag_seconds_cell,
    pulls_cell,
    stream_rows,
    unacked_cell,
)
from natsconsole.tui.triage.table import columns_for
from screenshots.triage_data import restricted, shop

ROWS = consumer_rows(shop())


def names(order: object = CONSUMER_ORDER) -> list[str]:
    return [row.consumer.name for row in order.apply(ROWS)]  # type: ignore[attr-defined]


def test_the_worst_stand_first_then_those_that_lag_longest() -> None:
    assert names()[:5] == ["archive", "fraud", "mail", "billing", "search-index"]
    assert [row.stream.name for row in STREAM_ORDER.apply(stream_rows(shop()))][:2] == [
        "ORDERS",
        "INVOICES",
    ]


def test_every_column_that_is_seen_sorts_in_turn_and_then_the_worst_again() -> None:
    order, seen = CONSUMER_ORDER.next_column(80), []
    while order.column is not None:
        seen.append(order.sorts_by)
        order = order.next_column(80)
    assert seen == [one.name for one in columns_for(CONSUMER_COLUMNS, 80)]
    assert names(CONSUMER_ORDER.by("lag"))[:2] == ["fraud", "reports"]
    assert names(CONSUMER_ORDER.by("lag").by("lag"))[0] == "mail"
    assert names(CONSUMER_ORDER.by("consumer"))[0] == "archive"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("orders", {"billing", "fraud", "reports", "search-index", "shipping"}),
        ("invoices.de", {"mail"}),
        ("orders !paused !push", {"billing", "reports", "shipping"}),
        ("max-ack", {"billing"}),
        ("!", {row.consumer.name for row in ROWS}),
    ],
)
def test_a_filter_looks_through_names_filters_and_rules(text: str, wanted: set[str]) -> None:
    assert set(names(replace(CONSUMER_ORDER, filter=text))) == wanted


def test_only_trouble_leaves_out_what_is_well() -> None:
    assert "shipping" not in names(replace(CONSUMER_ORDER, only_trouble=True))
    assert "reports" not in names(replace(CONSUMER_ORDER, only_trouble=True))


def test_what_is_not_known_is_a_question_mark_never_zero() -> None:
    unknown = ConsumerState(stream="S", name="c", lag_messages=5, lag_seconds=None)
    assert lag_seconds_cell(unknown) == ("?", "muted")
    (row,) = stream_rows(restricted())
    cell = next(one for one in STREAM_ORDER.columns if one.name == "cons").draw(row)
    assert cell == ("1?", "muted")


def test_cells_say_why_nothing_is_delivered() -> None:
    full = ConsumerState(stream="S", name="c", unacked=1_000, max_ack_pending=1_000)
    assert unacked_cell(full) == ("1.0k/1.0k", "bad")
    assert pulls_cell(replace(full, lag_messages=4)) == ("0", "warn")
    assert pulls_cell(replace(full, kind="push", is_bound=False)) == ("push!", "bad")


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("all", Purge()),
        ("below 1,200", Purge(below=1_200)),
        ("keep 10", Purge(keep=10)),
        ("subject orders.eu.> keep 3", Purge(subject="orders.eu.>", keep=3)),
        ("below #44", Purge(below=44)),
    ],
)
def test_a_purge_is_read(typed: str, wanted: Purge) -> None:
    assert read_purge(typed) == wanted


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "write: all"),
        ("everything", "write: all"),
        ("keep none", "no number above 0"),
        ("keep 0", "no number above 0"),
        ("below 3 keep 4", "exclude each other"),
        ("above 3", "not understood"),
    ],
)
def test_a_purge_that_is_not_understood_removes_nothing(typed: str, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        read_purge(typed)


def test_only_settings_that_differ_are_changed() -> None:
    one = ConsumerState(stream="S", name="c", max_ack_pending=1_000, description="it's mine")
    typed = written_settings(one)
    assert edited(one, typed) == {}
    typed = typed.replace("max_ack_pending=1000", "max_ack_pending=2000")
    typed = typed.replace("ack_wait=30s", "ack_wait=2m").replace("backoff=none", "backoff=1s,5s")
    assert edited(one, typed) == {
        "max_ack_pending": 2_000,
        "ack_wait": 120.0,
        "backoff": (1.0, 5.0),
    }
    with pytest.raises(BadRequestError, match="ack_wait=soon: that cannot be used"):
        edited(one, "ack_wait=soon")
    with pytest.raises(BadRequestError, match="write name=value"):
        edited(one, "ack_policy=none")


def test_of_what_nobody_tells_no_figure_is_shown() -> None:
    first = stream_rows(shop())[0]
    lost = StreamRow(replace(first.stream, is_missing=True, messages=0), first.verdicts)
    drawn = {one.name: one.draw(lost)[0] for one in STREAM_ORDER.columns}
    assert drawn.pop("stream") == "AUDIT"
    drawn.pop("what is wrong")
    assert set(drawn.values()) == {"?"}
    gone = ConsumerRow(replace(ROWS[0].consumer, is_missing=True))
    drawn = {one.name: one.draw(gone)[0] for one in CONSUMER_COLUMNS}
    assert (drawn["lag"], drawn["unacked"], drawn["consumer"]) == ("?", "?", "siem")
