from datetime import UTC, datetime, timedelta, timezone

import pytest

from natsconsole.domain.jump import At, NotAPlaceError, Sequence, parse_jump

NOW = datetime(2026, 11, 24, 14, 3, 22, tzinfo=UTC).timestamp()
EAST = timezone(timedelta(hours=2))


def moment(text: str, zone: timezone = UTC) -> str:
    place = parse_jump(text, NOW, zone)
    assert isinstance(place, At)
    return datetime.fromtimestamp(place.moment, UTC).isoformat()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("12:30", "2026-11-24T12:30:00+00:00"),
        ("9:05:07", "2026-11-24T09:05:07+00:00"),
        ("14:03:22.5", "2026-11-23T14:03:22.500000+00:00"),
        ("23:59", "2026-11-23T23:59:00+00:00"),
        ("-5m", "2026-11-24T13:58:22+00:00"),
        ("90s ago", "2026-11-24T14:01:52+00:00"),
        ("-1.5h", "2026-11-24T12:33:22+00:00"),
        ("2026-11-20", "2026-11-20T00:00:00+00:00"),
        ("2026-11-20 08:15", "2026-11-20T08:15:00+00:00"),
        ("2026-11-20T08:15:30Z", "2026-11-20T08:15:30+00:00"),
        ("2026-11-20T08:15:30.25+01:00", "2026-11-20T07:15:30.250000+00:00"),
        (" 12:30 ", "2026-11-24T12:30:00+00:00"),
    ],
)
def test_times(typed: str, meant: str) -> None:
    assert moment(typed) == meant


def test_a_time_is_meant_where_the_reader_is_unless_it_says_utc() -> None:
    assert moment("12:30", EAST) == "2026-11-24T10:30:00+00:00"
    assert moment("12:30Z", EAST) == "2026-11-24T12:30:00+00:00"
    assert moment("2026-11-20 08:15", EAST) == "2026-11-20T06:15:00+00:00"


@pytest.mark.parametrize(("typed", "number"), [("#18204", 18204), ("# 18,204", 18204), ("#0", 1)])
def test_sequences(typed: str, number: int) -> None:
    assert parse_jump(typed, NOW) == Sequence(number)


@pytest.mark.parametrize(
    "typed",
    ["", "noon", "25:00", "12:77", "#", "#x", "18204x", "-5 parsecs", "2026-13-01", "\x1b["],
)
def test_what_is_neither_is_refused_with_examples(typed: str) -> None:
    with pytest.raises(NotAPlaceError, match=r"no time and no sequence.*-5m"):
        parse_jump(typed, NOW, UTC)


def test_a_sequence_beyond_all_is_refused() -> None:
    with pytest.raises(NotAPlaceError, match="beyond any"):
        parse_jump("#99999999999999999999", NOW)
