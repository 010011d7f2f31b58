"""The group's settings, changed while it runs: at the server, in status, and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from natsconsole.domain.receivers import SettingsRequest, UnackedRequest
from natsconsole.receiver.consumer_settings import UNCHANGED
from natsconsole.receiver.receiver import RefusedError
from shipper.connection import Connection
from tests.support.lab import Lab, lab, lines_of
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source
from tests.support.waiting import until

SECOND = 1_000_000_000


async def assert_settings(found: Lab, **expected: object) -> None:
    """The server's consumer and the status both say so."""
    status = found.receiver.status("")
    assert {name: getattr(status, name) for name in expected} == expected
    config = (await found.consumer()).config
    waits = [int(wait * SECOND) for wait in status.backoff_seconds]
    assert config.get("backoff") or waits == []
    assert config["ack_wait"] == int(status.ack_wait_seconds * SECOND)
    assert config["max_deliver"] == status.max_deliver
    assert config["max_ack_pending"] == status.max_ack_pending


async def test_each_setting_reaches_the_server_and_stays(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    async with lab(nats_server, connection, out) as found:
        for change, expected in (
            ({"ack_wait_seconds": 12.5}, {"ack_wait_seconds": 12.5}),
            ({"max_ack_pending": 77}, {"max_ack_pending": 77, "ack_wait_seconds": 12.5}),
            ({"max_deliver": 4}, {"max_deliver": 4, "max_ack_pending": 77}),
            (
                {"backoff_seconds": (2.0, 5.0)},
                {"backoff_seconds": (2.0, 5.0), "ack_wait_seconds": 2.0, "max_deliver": 4},
            ),
            ({"backoff_seconds": ()}, {"backoff_seconds": (), "ack_wait_seconds": 12.5}),
            ({"max_deliver": -1}, {"max_deliver": -1}),
            ({"backoff_seconds": (3.0,)}, {"backoff_seconds": (3.0,), "max_deliver": -1}),
        ):
            await found.receiver.set_settings(SettingsRequest(**change))
            await assert_settings(found, **expected)
        kept = {"backoff_seconds": (3.0,), "max_deliver": -1, "max_ack_pending": 77}
        for policy in ("all", "none", "explicit"):
            await found.receiver.set_policy(policy)
            if policy != "none":
                await assert_settings(found, **kept)
        name = (await found.consumer()).name
        jetstream = found.jetstream
    async with lab(nats_server, connection, out, jetstream=jetstream, settings=UNCHANGED) as found:
        await assert_settings(found, **kept)
        assert (await found.consumer()).name == name
        await found.receiver.set_settings(SettingsRequest(backoff_seconds=()))
        await assert_settings(found, ack_wait_seconds=12.5)


async def test_what_cannot_be_used_is_said_and_changes_nothing(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out") as found:
        await found.receiver.set_settings(SettingsRequest(max_deliver=2))
        before = (await found.consumer()).config
        for request, why in (
            (SettingsRequest(ack_wait_seconds=0), "ack wait must be at least 0.001 seconds"),
            (SettingsRequest(ack_wait_seconds=1e300), "at most 604,800 seconds"),
            (SettingsRequest(max_ack_pending=-1), "max ack pending must be at least 1"),
            (SettingsRequest(max_ack_pending=10**15), "at most 1,000,000,000"),
            (SettingsRequest(max_deliver=0), "from 1 on, or -1"),
            (SettingsRequest(max_deliver=-2), "from 1 on, or -1"),
            (
                SettingsRequest(backoff_seconds=(1.0, 0.0)),
                "back-off must be at least 0.001 seconds",
            ),
            (SettingsRequest(backoff_seconds=(1.0, 2.0, 3.0)), "max deliver is 2"),
            (SettingsRequest(ack_wait_seconds=1e-12), "ack wait must be at least 0.001 seconds"),
        ):
            with pytest.raises(RefusedError, match=why) as refused:
                await found.receiver.set_settings(request)
            assert "\n" not in str(refused.value)
        assert (await found.consumer()).config == before
        await found.receiver.set_settings(SettingsRequest(backoff_seconds=(1.0, 2.0)))
        with pytest.raises(RefusedError, match="allow more deliveries or fewer waits"):
            await found.receiver.set_settings(SettingsRequest(max_deliver=1))

        source = Source(connection, "web1")
        await source.publish_lines(2)
        await found.until_settled(2)
        assert found.content(source) == source.content


async def test_the_waits_of_the_back_off_are_shown(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_wait=60.0) as found:
        await found.receiver.set_settings(SettingsRequest(backoff_seconds=(5.0, 60.0)))
        found.choose("withhold")
        source = Source(connection, "web1")
        await source.publish_lines(1)
        await until(lambda: found.unacked() == [1])
        (message,) = found.receiver.unacked(UnackedRequest()).messages
        assert message.deliveries == 1
        assert message.remaining <= 5
        await found.until_redelivered(1)
        (message,) = found.receiver.unacked(UnackedRequest()).messages
        assert message.deliveries == 2
        assert 5 < message.remaining <= 60


@pytest.mark.parametrize("policy", ["explicit", "all"])
async def test_what_ran_out_of_deliveries_is_lost_with_its_range_until_it_is_fetched_again(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    """The ack floor moves past lines that nobody wrote; the account says which, and so it ends."""
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        await found.receiver.set_settings(SettingsRequest(max_deliver=2))
        source = Source(connection, "web1")
        await source.publish_lines(3)
        await found.until_settled(3)
        found.choose("nak")
        await source.publish_lines(2)
        await until(lambda: len(found.advised("max_deliver")) == 2, within=30)
        found.choose("nak", hosts="nobody")
        await source.publish_lines(2)
        await found.until_settled(7)

        assert found.content(source) == source.content, "choosing another nak rewound"
        host = found.host("web1")
        assert (host.lost, host.out_of_order) == (0, 0)


@pytest.mark.parametrize("policy", ["explicit", "all"])
async def test_lines_behind_what_ran_out_of_deliveries_show_what_is_lost(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, policy: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", ack_policy=policy) as found:
        await found.receiver.set_settings(SettingsRequest(max_deliver=2))
        source = Source(connection, "web1")
        found.choose("nak", share=0.4, hosts="web*")
        await source.publish_lines(9)  # 2, 5 and 7 are refused
        await until(
            lambda: sorted(one["stream_seq"] for one in found.advised("max_deliver")) == [2, 5, 7],
            within=30,
        )
        await found.until_lines(6)
        if policy == "explicit":
            await Source(connection, "db1").publish_lines(1)
            await found.until_settled(10)
        assert found.content(source) == lines_of(source, [1, 3, 4, 6, 8, 9])
        host = found.host("web1")
        missing = [source.content[gap.start : gap.end] for gap in host.lost_ranges]
        assert missing == [lines_of(source, [place]) for place in (2, 5, 7)]
        assert host.lost == found.account(source).lost == 3

        found.choose("ack")
        await until(lambda: found.host("web1").lost == 0, why="they are fetched again")
        await found.until_settled(10 if policy == "explicit" else 9)
        account = found.account(source)
        assert (account.lost, account.doubled) == (0, 0)
        assert account.out_of_order == found.host("web1").out_of_order == 3
