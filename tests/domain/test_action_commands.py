"""The ``nats`` command that is shown for an action does the same, or there is none."""

from __future__ import annotations

import pytest

from natsconsole.domain.actions import Change, EditConsumer, ResetConsumer
from natsconsole.domain.consumers import ConsumerState

CONSUMER = ConsumerState(stream="ORDERS", name="billing")


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({"max_ack_pending": 2_000}, "--max-pending=2000"),
        ({"max_deliver": -1}, "--max-deliver=-1"),
        ({"ack_wait": 0.5, "description": "a b"}, "--wait=500ms '--description=a b'"),
        ({"inactive_threshold": 60.0}, "--inactive-threshold=60s"),
    ],
)
def test_an_edit_has_its_command(changes: dict[str, Change], flags: str) -> None:
    action = EditConsumer(consumer=CONSUMER, changes=changes)
    assert action.command == f"nats consumer edit ORDERS billing {flags}"


@pytest.mark.parametrize(
    "changes",
    [
        {"backoff": (1.0, 5.0, 30.0)},
        {"backoff": (), "max_deliver": 4},
        {"max_ack_pending": -1},
        {"inactive_threshold": 0.0},
        {"description": ""},
    ],
)
def test_what_the_cli_cannot_say_has_no_command(changes: dict[str, Change]) -> None:
    assert EditConsumer(consumer=CONSUMER, changes=changes).command == ""


def test_a_reset_is_the_request_itself() -> None:
    command = ResetConsumer(consumer=CONSUMER, sequence=7).command
    assert command == """nats request '$JS.API.CONSUMER.RESET.ORDERS.billing' '{"seq": 7}'"""
    assert ResetConsumer(consumer=CONSUMER).command.endswith(".billing' ''")
