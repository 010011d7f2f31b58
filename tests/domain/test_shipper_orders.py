from dataclasses import replace

import pytest

from natsconsole.domain.alerts import alerts
from natsconsole.domain.shippers import (
    ButtonOrder,
    NotAnOrderError,
    ShipperPulse,
    ShippersSeen,
    read_order,
)
from natsconsole.domain.snapshots import HomeSnapshot, HostRow, Link
from screenshots.demo_data import receiver

HOSTS = {"web-01", "db.example.net"}


@pytest.mark.parametrize(
    ("typed", "order"),
    [
        ("pause all", ButtonOrder(pauses=True)),
        (" PAUSE  all  disk swap ", ButtonOrder(pauses=True, reason="disk swap")),
        ("pause web-01", ButtonOrder(pauses=True, host="web-01")),
        ("resume db.example.net", ButtonOrder(pauses=False, host="db.example.net")),
    ],
)
def test_an_order_names_whom_it_concerns(typed: str, order: ButtonOrder) -> None:
    assert read_order(typed, HOSTS) == order


@pytest.mark.parametrize("typed", ["", "pause", "stop all", "all", "pause web", "pause ALL"])
def test_what_is_no_order_is_explained(typed: str) -> None:
    with pytest.raises(NotAnOrderError, match="all"):
        read_order(typed, HOSTS)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (
            ShippersSeen(is_stopped=True, reason="disk swap", backlog_bytes=3_200_000),
            "pauses all shippers (disk swap): 3.2 MB wait in their files, nothing is lost; B lets",
        ),
        (ShippersSeen(paused_hosts=1, backlog_bytes=900), "pauses web-01: 900 B wait"),
        (ShippersSeen(gone=("box1", "box2")), "no heartbeat of the shipper on box1, box2 any more"),
        (ShippersSeen(lag_seconds=40, backlog_bytes=5_000), "40 s behind its files: 5.0 kB wait"),
        (
            ShippersSeen(lost_bytes=1_200_000, lost_at=("box1", "box2")),
            "at least 1.2 MB are lost at the source, on box1, box2: files were cut or removed",
        ),
        (ShippersSeen(problems=("box1: cannot read x",)), "shipper on box1: cannot read x"),
    ],
)
def test_what_shippers_say_is_told(seen: ShippersSeen, words: str) -> None:
    row = HostRow(host="web-01", shipper=ShipperPulse(machine="box1", is_paused=True))
    home = HomeSnapshot(taken=1.0, hosts=(row,), receivers=(receiver(),))
    link = Link(state="live")
    assert words in " ".join(
        one.sentence for one in alerts(replace(home, shippers=seen), link, 1.0)
    )
    assert not [one for one in alerts(home, link, 1.0) if "shipper" in one.rule]
