"""An ack reply subject says where a delivery stands."""

from __future__ import annotations

import pytest

from natsconsole.receiver.delivery import place_of


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.LOGS.archive.2.70.33.1790000000000000000.5",
        "$JS.ACK.hub.hash.LOGS.archive.2.70.33.1790000000000000000.5",
        "$JS.ACK.hub.hash.LOGS.archive.2.70.33.1790000000000000000.5.token",
    ],
)
def test_both_forms_are_read(reply: str) -> None:
    assert place_of(reply) == (2, 70, 33, 5)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "_INBOX.a.b",
        "$JS.ACK.LOGS.archive.2.70.33.1790000000000000000",
        "$JS.ACK.LOGS.archive.x.70.33.1790000000000000000.5",
        "$JS.ACK.LOGS.archive.2.70.33.1790000000000000000.",
        "$JS.ACK.hub.hash.LOGS.archive.2.70.33.1790000000000000000",
        "$JS.NAK.LOGS.archive.2.70.33.1790000000000000000.5",
        "$JS.ACK.a.a.a.a.a.a.a.a.a.a.a.a.a",
    ],
)
def test_anything_else_is_no_delivery(reply: str) -> None:
    assert place_of(reply) is None
