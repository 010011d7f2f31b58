"""What Home says of consumers that are not ours: of any number, with any filters."""

from __future__ import annotations

import pytest

from natsconsole.domain.host_pattern import HostPattern
from natsconsole.domain.snapshots import HomeSnapshot
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.log_stream import GROUP_KEY
from shipper.connection import Connection
from tests.support.anybodys import Anybody
from tests.support.waiting import until


@pytest.fixture
async def shop(connection: Connection) -> Anybody:
    found = Anybody(connection)
    await found.make_stream()
    for host in ("eu", "us", "asia"):
        await found.publish(4, subject=host)
    return found


async def finish(shop: Anybody, name: str, count: int) -> None:
    for delivered in await shop.pull(count, name=name):
        await delivered.answer()

    async def are_settled() -> bool:
        info = await shop.api(f"CONSUMER.INFO.{shop.stream}.{name}")
        return int(info["num_ack_pending"]) == 0

    await until(are_settled)


async def look(shop: Anybody) -> HomeSnapshot:
    pattern = HostPattern.parse(f"{shop.subject}.{{host}}")
    return await LiveGateway(shop.connection, shop.stream, pattern=pattern).look()


def lag(home: HomeSnapshot) -> dict[str, int | None]:
    return {row.host: row.lag_messages for row in home.hosts}


async def test_hosts_are_counted_not_their_subjects(connection: Connection) -> None:
    shop = Anybody(connection)
    await shop.make_stream()
    for host in ("eu", "us", "asia"):
        for kind in ("new", "paid", "sent"):
            await shop.publish(1, subject=f"{host}.{kind}")
    pattern = HostPattern.parse(f"{shop.subject}.{{host}}.>")
    home = await LiveGateway(connection, shop.stream, pattern=pattern).look()
    assert (len(home.hosts), home.hosts_total, home.has_more_hosts) == (3, 3, False)


async def test_more_subjects_than_one_answer_holds_are_told_of(connection: Connection) -> None:
    shop = Anybody(connection)
    await shop.make_stream(storage="memory", no_ack=True, allow_direct=False)
    for number in range(100_001):
        await connection.publish(f"{shop.subject}.h{number}", b"x")

    async def are_stored() -> bool:
        info = await shop.api(f"STREAM.INFO.{shop.stream}")
        return bool(info["state"]["messages"] == 100_001)

    await until(are_stored, within=30)
    home = await look(shop)
    assert (len(home.hosts), home.hosts_total, home.has_more_hosts) == (100_000, 100_000, True)
    assert await LiveGateway(connection, shop.stream).count(shop.stream, ">") == 100_001


async def test_independent_consumers_do_not_add_up(shop: Anybody) -> None:
    for name in ("billing", "search", "audit"):
        await shop.make_consumer(name)
    await finish(shop, "billing", 12)
    home = await look(shop)
    assert not home.is_log_stream
    assert (home.lag_messages, home.totals.unprocessed) == (12, 12)
    assert lag(home) == {"asia": 4, "eu": 4, "us": 4}
    assert home.totals.max_ack_pending == 3_000


async def test_one_without_a_limit_leaves_all_without(shop: Anybody) -> None:
    await shop.make_consumer("limited", max_ack_pending=7)
    await shop.make_consumer("unlimited", max_ack_pending=-1)
    await shop.pull(3, name="unlimited")
    totals = (await look(shop)).totals
    assert (totals.outstanding_acks, totals.max_ack_pending) == (3, 0)


@pytest.mark.parametrize(
    "filters",
    [
        {"filter_subjects": ["{}.eu", "{}.us"]},
        {"filter_subject": "{}.*"},
        {"filter_subject": "{}.eu"},
        {"filter_subject": "*.eu"},
        {},
    ],
)
async def test_a_host_is_behind_as_the_consumer_that_reads_it(
    shop: Anybody, filters: dict[str, str | list[str]]
) -> None:
    named = {
        key: value.format(shop.subject)
        if isinstance(value, str)
        else [one.format(shop.subject) for one in value]
        for key, value in filters.items()
    }
    await shop.make_consumer("done", filter_subject=f"{shop.subject}.asia")
    await finish(shop, "done", 4)
    await shop.make_consumer("begun", **named)
    first = await shop.pull(1, name="begun")
    await first[0].answer()
    home = await look(shop)
    assert lag(home)["eu"] == 3


async def test_a_host_that_is_read_to_its_end_is_not_behind(shop: Anybody) -> None:
    await shop.make_consumer("slow", filter_subjects=[f"{shop.subject}.eu", f"{shop.subject}.us"])
    await shop.make_consumer("done", filter_subject=f"{shop.subject}.asia")
    await finish(shop, "done", 4)
    assert lag(await look(shop)) == {"asia": 0, "eu": 4, "us": 4}


async def test_a_group_of_ours_shares_the_stream_out(shop: Anybody) -> None:
    await shop.make_consumer("theirs")
    for group, hosts in (("a", ("eu", "us")), ("b", ("eu", "us", "asia"))):
        for host in hosts:
            await shop.make_consumer(
                f"{group}-{host}", filter_subject=f"{shop.subject}.{host}", max_ack_pending=10,
                metadata={GROUP_KEY: group},
            )  # fmt: skip
    await finish(shop, "b-eu", 4)
    home = await look(shop)
    assert (home.totals.consumers, home.totals.max_ack_pending) == (5, 50)
    assert home.totals.unprocessed == 8
    assert lag(home)["eu"] == 4
