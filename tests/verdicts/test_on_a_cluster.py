"""Servers of a cluster die, one after the other: a replica less, no leader, no quorum."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.gateway.triage import LiveTriage
from shipper.connection import Connection, ConnectionOptions, ConnectionProblem
from tests.support.anybodys import Anybody, evidence_of
from tests.support.nats_server import NatsServer
from tests.support.waiting import until

NAMES = ("n0", "n1", "n2")


@contextlib.contextmanager
def _held_ports(count: int) -> Iterator[list[int]]:
    """Ports that stay bound, so that nobody else is given them; servers may listen there."""
    with contextlib.ExitStack() as stack:
        holders = [stack.enter_context(socket.socket()) for _ in range(count)]
        for holder in holders:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
        yield [int(holder.getsockname()[1]) for holder in holders]


def _nodes(directory: Path, ports: list[int], monitors: list[int]) -> list[NatsServer]:
    routes = json.dumps([f"nats://127.0.0.1:{port}" for port in ports])
    return [
        NatsServer(
            directory / name,
            name=name,
            config=f"http: 127.0.0.1:{monitors[i]}\n"
            f"server_tags: {json.dumps([f'not-{other}' for other in NAMES if other != name])}\n"
            f"cluster {{ name: c, host: 127.0.0.1, port: {ports[i]}, routes: {routes} }}",
        )
        for i, name in enumerate(NAMES)
    ]


async def _meta_leader(monitor: int) -> str:
    def ask() -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/jsz") as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    return str((await asyncio.to_thread(ask)).get("meta_cluster", {}).get("leader", ""))


@contextlib.asynccontextmanager
async def _cluster(directory: Path) -> AsyncIterator[tuple[NatsServer, ...]]:
    """Three servers, first the one that leads them."""
    async with contextlib.AsyncExitStack() as stack:
        ports = stack.enter_context(_held_ports(6))
        nodes = _nodes(directory, ports[:3], ports[3:])
        await asyncio.gather(*(stack.enter_async_context(node) for node in nodes))

        async def leader() -> str:
            return await _meta_leader(ports[3])

        await until(leader, within=30)
        name = await leader()
        yield tuple(sorted(nodes, key=lambda node: node.name != name))


@pytest.mark.early
@pytest.mark.timeout(240)
async def test_two_servers_die_and_one_comes_back(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        boss, victim, other = await stack.enter_async_context(_cluster(tmp_path))
        connection = await stack.enter_async_context(
            Connection(ConnectionOptions(servers=(boss.url,)))
        )
        three, pair = Anybody(connection), Anybody(connection)

        three.timeout = 0.5  # what is asked before all is ready is lost

        async def is_made() -> bool:
            try:
                await three.make_stream(num_replicas=3)
            except (AssertionError, ConnectionProblem):
                return False
            return True

        await until(is_made, within=60)
        three.timeout = 15.0
        await three.make_consumer()
        await pair.make_stream(num_replicas=2, placement={"tags": [f"not-{other.name}"]})
        triage = LiveTriage(connection)
        behind = ("replica-behind", three.stream, "")
        behind_too = ("replica-behind", three.stream, "worker")
        # Half of a pair is no majority: its leader waits for the other, then gives up.
        alone, leaderless = (("no-quorum", pair.stream, ""), ("no-leader", pair.stream, ""))
        found: dict[tuple[str, str, str], Verdict] = {}
        while alone not in found:  # on a busy machine another may have been elected before
            if found:
                await victim.start()
            await _lead_from(boss, three)
            await _lead_from(boss, pair)
            await until(lambda: _is_calm(triage), within=60)
            await victim.kill()
            found = await _told(triage, behind, behind_too, leaderless)
        assert victim.name in found[behind].sentence
        assert found[behind].severity == "warning"
        assert evidence_of(found[behind_too])["replicas_wanted"] == 3
        assert evidence_of(found[alone])["replicas_online"] == 1
        assert found[alone].severity == found[leaderless].severity == "critical"

        await other.kill()
        whole = ("no-quorum", "", "")
        found = await _told(triage, whole)
        assert found[whole].severity == "critical"

        async def is_critical() -> bool:
            snapshot = await triage.look()
            return (snapshot.problem_kind, snapshot.worst) == ("no-answer", "critical")

        await until(is_critical, within=30)

        await victim.start()

        async def has_quorum() -> bool:
            look = await triage.look()
            told = {one.rule for one in look.verdicts}
            return not look.problem and not told & {"no-quorum", "no-leader"}

        await until(has_quorum, within=60)


async def _lead_from(server: NatsServer, anybody: Anybody) -> None:
    """Have a stream led by this server."""

    async def is_led_from_here() -> bool:
        with contextlib.suppress(AssertionError, ConnectionProblem):
            info = await anybody.api(f"STREAM.INFO.{anybody.stream}")
            if info["cluster"].get("leader") == server.name:
                return True
            await anybody.api(
                f"STREAM.LEADER.STEPDOWN.{anybody.stream}",
                {"placement": {"preferred": server.name}},
            )
        return False

    await until(is_led_from_here, within=30)


async def _told(
    triage: LiveTriage, *wanted: tuple[str, str, str]
) -> dict[tuple[str, str, str], Verdict]:
    """Look until these were told: rule, stream and consumer."""
    found: dict[tuple[str, str, str], Verdict] = {}

    async def all_is_told() -> bool:
        for one in (await triage.look()).verdicts:
            found[one.rule, one.stream, one.consumer] = one
        return set(wanted) <= found.keys()

    try:
        await until(all_is_told, within=60)
    except AssertionError:
        raise AssertionError(f"{set(wanted) - found.keys()} is missing: {found}") from None
    return found


async def _is_calm(triage: LiveTriage) -> bool:
    snapshot = await triage.look()
    return not snapshot.problem and not snapshot.verdicts
