from typing import Any

from natsconsole.tui.triage.cells import CONSUMER_COLUMNS, STREAM_COLUMNS, consumer_rows
from natsconsole.tui.triage.table import SENTENCE, Column, columns_for, fitted
from screenshots.triage_data import shop


def test_names_grow_where_the_sentence_has_room() -> None:
    tables: tuple[tuple[Column[Any], ...], ...] = (CONSUMER_COLUMNS, STREAM_COLUMNS)
    for columns in tables:
        least = {column.name: column.width for column in columns}
        for width in range(60, 400):
            shown = columns_for(columns, width)
            names = sum(column.width + 1 for column in shown)
            grown = [column for column in shown if column.width > least[column.name]]
            assert all(column.width <= column.widest for column in grown)
            assert not grown or width - names >= SENTENCE
        assert [one.width for one in columns_for(columns, 400) if one.widest] == [
            one.widest for one in columns if one.widest
        ]


def test_names_take_no_more_than_they_need() -> None:
    rows = consumer_rows(shop())
    names = [row.consumer.name for row in rows]
    shown = columns_for(fitted(CONSUMER_COLUMNS, rows), 400)
    assert shown[0].width == max(CONSUMER_COLUMNS[0].width, *map(len, names))
