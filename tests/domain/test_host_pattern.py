"""Where the host stands in a subject."""

from __future__ import annotations

import pytest

from natsconsole.domain.host_pattern import (
    BadPatternError,
    HostPattern,
    by_host,
    named_hosts,
    pattern_for,
)


@pytest.mark.parametrize(
    ("subjects", "subject", "host"),
    [
        (["logs.>"], "logs.web1.example.net", "web1.example.net"),
        (["orders.*"], "orders.shop1", "shop1"),
        (["orders.*.created"], "orders.shop1.created", "shop1"),
        (["orders.*.created"], "orders.shop1.paid", None),
        (["orders.*.>"], "orders.shop1.created.now", "shop1"),
        (["orders.new"], "orders.new", "new"),
        (["fixed", "var.*"], "var.x", "x"),
        ([">"], "any.thing", "any.thing"),
        ([], "logs.web1", "web1"),
        (["a.{host}.*"], "a.b.c", "a.b.c"),
    ],
)
def test_a_stream_s_subjects_suggest_it(
    subjects: list[str], subject: str, host: str | None
) -> None:
    assert pattern_for(subjects).host_of(subject) == host


def test_our_own_streams_say_it() -> None:
    ours = pattern_for(["logs.>"], prefix="logs", is_partitioned=True)
    assert ours.host_of("logs.3.web1.example.net") == "web1.example.net"
    assert pattern_for(["a.b.>"], prefix="a.b").host_of("a.b.web1") == "web1"


@pytest.mark.parametrize("text", ["a.b", "{host}.{host}", "a..{host}", "a b.{host}", "a.>.{host}"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(BadPatternError):
        HostPattern.parse(text)


def test_the_subjects_of_one_host_count_together() -> None:
    pattern = HostPattern.parse("orders.{host}.>")
    counts = {"orders.a.x": 2, "orders.a.y.z": 3, "orders.b.x": 1, "other": 7}
    assert by_host(pattern, counts) == {"orders.a.>": 5, "orders.b.>": 1, "other": 7}
    assert pattern.host_of("orders.a.>") == "a"
    single = HostPattern.parse("orders.{host}")
    assert by_host(single, counts) is counts


def test_globs_choose_hosts() -> None:
    hosts = ["web-02", "web-01", "db-01"]
    assert named_hosts(hosts, ()) == ("db-01", "web-01", "web-02")
    assert named_hosts(hosts, ("web-*",)) == ("web-01", "web-02")
    assert named_hosts(hosts, ("db-01", "web-0[13]")) == ("db-01", "web-01")
    assert named_hosts(hosts, ("WEB-01",)) == ()
