"""Lines must look real, be all different, and be the same again for the same seed."""

from __future__ import annotations

import re

import pytest

from natsconsole.demo.fleet_hosts import ROLES, FleetHost, Role, fleet_hosts
from natsconsole.demo.log_lines import LineSource

STAMP = "14:03:21.220"


def lines_of(host: FleetHost, count: int, *, seed: int = 1) -> list[bytes]:
    source = LineSource(host, seed)
    return [source.line(STAMP) for _ in range(count)]


def host_of(role: Role) -> FleetHost:
    return fleet_hosts(len(ROLES))[ROLES.index(role)]


def test_hosts_are_named_in_the_promised_order() -> None:
    names = [host.name for host in fleet_hosts(8)]

    assert names == [
        "web-01",
        "db-01",
        "cache-01",
        "queue-01",
        "api-01",
        "auth-01",
        "web-02",
        "db-02",
    ]


@pytest.mark.parametrize("role", ROLES)
def test_lines_are_whole_short_stamped_and_unlike_each_other(role: Role) -> None:
    lines = lines_of(host_of(role), 3000)

    assert all(re.fullmatch(rb"14:03:21\.220 [ -~]{10,140}\n", line) for line in lines)
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("role", ROLES)
def test_the_same_seed_gives_the_same_lines(role: Role) -> None:
    assert lines_of(host_of(role), 50) == lines_of(host_of(role), 50)
    assert lines_of(host_of(role), 50) != lines_of(host_of(role), 50, seed=2)


@pytest.mark.parametrize("role", ROLES)
def test_now_and_then_something_goes_wrong(role: Role) -> None:
    lines = lines_of(host_of(role), 3000)

    for word in (b"warn", b"error"):
        share = sum(word in line.lower() for line in lines) / len(lines)
        assert 0.001 < share < 0.1
