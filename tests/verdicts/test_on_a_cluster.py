"""A server of a cluster dies: who has no leader, no quorum, or a replica less."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import urllib.request
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


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


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


@pytest.mark.early
@pytest.mark.timeout(120)
async def test_a_server_dies(tmp_path: Path) -> None:
    ports = _free_ports(6)
    nodes = _nodes(tmp_path, ports[:3], ports[3:])
    async with contextlib.AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(node) for node in nodes))
        leader = ""

        async def has_leader() -> bool:
            nonlocal leader
            leader = await _meta_leader(ports[3])
            return bool(leader)

        await until(has_leader, within=30)
        boss = nodes[NAMES.index(leader)]
        victim = next(node for node in nodes if node is not boss)
        other = next(name for name in NAMES if name not in {boss.name, victim.name})
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

        await until(is_made, within=30)
        three.timeout = 5.0
        await three.make_consumer()
        await pair.make_stream(num_replicas=2, placement={"tags": [f"not-{other}"]})
        triage = LiveTriage(connection)
        await until(lambda: _is_calm(triage), within=30)
        await victim.kill()
        found: dict[tuple[str, str, str], Verdict] = {}

        async def all_is_told() -> bool:
            for one in (await triage.look()).verdicts:
                found[one.rule, one.stream, one.consumer] = one
            return wanted <= found.keys()

        behind = ("replica-behind", three.stream, "")
        behind_too = ("replica-behind", three.stream, "worker")
        leaderless = ("no-leader", pair.stream, "")
        wanted = {behind, behind_too, leaderless}
        await until(all_is_told, within=40)
        assert victim.name in found[behind].sentence
        assert found[behind].severity == "warning"
        assert evidence_of(found[behind_too])["replicas_wanted"] == 3
        assert found[leaderless].severity == "critical"


async def _is_calm(triage: LiveTriage) -> bool:
    snapshot = await triage.look()
    return not snapshot.problem and not snapshot.verdicts
