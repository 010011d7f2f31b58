"""The network of the chaos run fails as networks do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from benchmarks.chaos.proxy import Link
from tests.support.waiting import until

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Network:
    """A server that keeps what it hears, and the link to it."""

    link: Link
    accepted: list[Ends] = field(default_factory=list)

    async def connect(self) -> Ends:
        return await asyncio.open_connection("127.0.0.1", self.link.ports[0])

    async def connect_both(self) -> tuple[Ends, Ends]:
        before = len(self.accepted)
        client = await self.connect()
        await until(lambda: len(self.accepted) > before)
        server = self.accepted[-1]
        client[1].write(b".")  # the link may not know yet that it has reached the server
        assert await read(server) == b"."
        return client, server


@pytest_asyncio.fixture
async def network() -> AsyncIterator[Network]:
    accepted: list[Ends] = []
    server = await asyncio.start_server(
        lambda reader, writer: accepted.append((reader, writer)), "127.0.0.1", 0
    )
    link = Link([server.sockets[0].getsockname()[1]])
    await link.open()
    yield Network(link, accepted)
    await link.close()
    server.close()
    for _, writer in accepted:
        writer.transport.abort()
    await asyncio.sleep(0)


async def read(ends: Ends) -> bytes:
    async with asyncio.timeout(30):
        return await ends[0].read(100)


async def hears_nothing(hearing: Awaitable[bytes]) -> bool:
    try:
        async with asyncio.timeout(0.15):
            await hearing
    except TimeoutError:
        return True
    return False


async def test_forwards_both_ways_and_ends_with_either_side(network: Network) -> None:
    client, server = await network.connect_both()
    client[1].write(b"ping")
    assert await read(server) == b"ping"
    server[1].write(b"pong")
    assert await read(client) == b"pong"

    client[1].close()

    assert await read(server) == b""
    await until(lambda: network.link.session_count == 0)


async def test_a_blackhole_says_nothing_and_delivers_late(network: Network) -> None:
    client, server = await network.connect_both()
    network.link.blackhole()
    client[1].write(b"ping")
    assert await hears_nothing(read(server))
    late = await network.connect()
    late[1].write(b"new")
    assert await hears_nothing(asyncio.wait_for(until_accepted(network, 2), 1))

    network.link.heal()

    assert await read(server) == b"ping"
    await until(lambda: len(network.accepted) == 2)
    assert await read(network.accepted[1]) == b"new"
    client[1].close()
    late[1].close()


async def until_accepted(network: Network, count: int) -> bytes:
    await until(lambda: len(network.accepted) >= count)
    return b""


async def test_what_was_sent_before_a_blackholed_client_left_arrives(network: Network) -> None:
    client, server = await network.connect_both()
    network.link.blackhole()
    client[1].write(b"last words")
    client[1].close()
    await client[1].wait_closed()
    assert await hears_nothing(read(server))

    network.link.heal()

    assert await read(server) == b"last words"
    assert await read(server) == b""


async def test_half_open_leaves_the_client_a_ghost(network: Network) -> None:
    client, server = await network.connect_both()

    network.link.half_open("client")

    with pytest.raises(ConnectionResetError):
        await read(server)
    client[1].write(b"hello?")
    assert await hears_nothing(read(client))
    fresh, other = await network.connect_both()
    fresh[1].write(b"new")
    assert await read(other) == b"new"

    network.link.heal()

    with pytest.raises(ConnectionResetError):
        await read(client)
    fresh[1].write(b"still here")
    assert await read(other) == b"still here"
    fresh[1].close()


async def test_half_open_leaves_the_server_a_ghost(network: Network) -> None:
    client, server = await network.connect_both()

    network.link.half_open("server")

    with pytest.raises(ConnectionResetError):
        await read(client)
    for _ in range(3):
        server[1].write(b"anybody there?")
        await server[1].drain()
    assert await hears_nothing(read(server))

    network.link.heal()

    with pytest.raises(ConnectionResetError):
        await read(server)


async def test_reset_ends_both_sides_at_once(network: Network) -> None:
    client, server = await network.connect_both()

    network.link.reset()

    for side in (client, server):
        with pytest.raises(ConnectionResetError):
            await read(side)
    fresh, other = await network.connect_both()
    fresh[1].write(b"new")
    assert await read(other) == b"new"
    fresh[1].close()


async def test_a_slow_line_takes_its_time(network: Network) -> None:
    client, server = await network.connect_both()
    network.link.slow(bytes_per_second=20_000, latency=0.01)
    began = time.monotonic()
    client[1].write(b"x" * 6_000)

    async with asyncio.timeout(30):
        assert await server[0].readexactly(6_000) == b"x" * 6_000

    assert time.monotonic() - began > 0.3
    client[1].close()


async def test_a_server_that_is_down_looks_so(network: Network, unused_port: int) -> None:
    link = Link([unused_port])
    await link.open()
    client = await asyncio.open_connection("127.0.0.1", link.ports[0])

    with pytest.raises(ConnectionResetError):
        await read(client)

    client[1].close()
    await link.close()
