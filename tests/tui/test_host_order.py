import pytest

from natsconsole.domain.snapshots import HostRow
from natsconsole.tui.home.host_order import SORT_KEYS, HostOrder, busiest

ROWS = (
    HostRow(host="web-02", lines_per_second=3, lag_messages=1),
    HostRow(host="db-01", lines_per_second=9, lag_messages=7, lag_seconds=8.0),
    HostRow(host="web-01", lines_per_second=5, lag_messages=1),
    HostRow(host="auth-01", state="held"),
)


def names(order: HostOrder) -> list[str]:
    return [row.host for row in order.apply(ROWS)]


def test_trouble_comes_first_then_names() -> None:
    assert names(HostOrder()) == ["auth-01", "db-01", "web-01", "web-02"]


def test_every_column_sorts_and_equal_hosts_stand_by_name() -> None:
    order = HostOrder()
    seen = {}
    for _ in SORT_KEYS:
        order = order.next_key()
        seen[order.key.name] = names(order)
    assert order == HostOrder()
    assert seen["by host"] == ["auth-01", "db-01", "web-01", "web-02"]
    assert seen["by lines/s"] == ["db-01", "web-01", "web-02", "auth-01"]
    assert seen["by lag"] == ["db-01", "web-01", "web-02", "auth-01"]


def test_the_order_can_be_turned_round() -> None:
    by_host = HostOrder(key=SORT_KEYS[1], is_reversed=True)
    assert names(by_host) == ["web-02", "web-01", "db-01", "auth-01"]


def test_the_filter_finds_a_part_of_a_name() -> None:
    assert names(HostOrder(filter="WEB")) == ["web-01", "web-02"]
    assert names(HostOrder(filter="[/red]")) == []


@pytest.mark.parametrize(
    ("filter_", "hosts"),
    [
        ("!web", ["auth-01", "db-01"]),
        ("01 !web", ["auth-01", "db-01"]),
        ("web 02", ["web-02"]),
        ("~w2", ["web-02"]),
        ("~ah1", ["auth-01"]),
        ("!~w1", ["auth-01", "db-01", "web-02"]),
        ("~2w", []),
        ("!", ["auth-01", "db-01", "web-01", "web-02"]),
        ("~", ["auth-01", "db-01", "web-01", "web-02"]),
        ("web !", ["web-01", "web-02"]),
        ("  ", ["auth-01", "db-01", "web-01", "web-02"]),
    ],
)
def test_words_of_a_filter_must_all_hold(filter_: str, hosts: list[str]) -> None:
    assert sorted(names(HostOrder(filter=filter_))) == hosts


def test_a_column_orders_and_then_turns_round() -> None:
    by_lag = HostOrder().by("lag")
    assert names(by_lag)[0] == "db-01"
    assert names(by_lag.by("lag"))[-1] == "db-01"
    assert by_lag.by("host").key.name == "by host"
    assert by_lag.by("nothing") == by_lag


def test_panes_start_with_the_busiest() -> None:
    assert busiest(ROWS, 2) == ["db-01", "web-01"]
