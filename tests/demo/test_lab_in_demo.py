"""The scenes that only a demo can play: receivers are killed, and started, for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from natsconsole.demo.pipeline import PARTITIONS, STREAM, DemoPipeline, DemoPlan
from natsconsole.domain.lab import proof
from natsconsole.domain.lab_scenes import SCENES
from natsconsole.gateway.jetstream import JetStream
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.log_stream import LogStream, create_log_stream
from natsconsole.tui.lab.runner import LabRunner
from shipper.connection import Connection, ConnectionOptions
from tests.support.waiting import until


async def make_stream(url: str) -> None:
    async with Connection(ConnectionOptions(servers=(url,))) as connection:
        spec = LogStream(name=STREAM, partitions=PARTITIONS, max_age_seconds=3600,
                         max_bytes=1 << 28)  # fmt: skip
        await create_log_stream(JetStream(connection), spec)


@pytest.mark.early
@pytest.mark.timeout(240)
@pytest.mark.parametrize("key", ["1", "2", "9"])
async def test_a_scene_with_processes_keeps_its_promise(tmp_path: Path, key: str) -> None:
    plan = DemoPlan(directory=tmp_path, hosts=6)
    async with (
        DemoPipeline(plan, prepare=make_stream) as demo,
        Connection(ConnectionOptions(servers=(demo.url,))) as connection,
    ):
        runner = LabRunner(LiveGateway(connection, STREAM), demo)

        async def flows() -> bool:
            moment = await runner.look()
            return moment.runs and moment.count("written") > 50

        await until(flows, within=60)
        scene = next(one for one in SCENES if one.key == key)
        await runner.play(scene)
        assert runner.state.problem == ""
        await runner.go_back()
        assert runner.state.phase == "back", runner.state.problem
        state = runner.state
        assert state.before is not None
        assert state.now is not None
        lines = proof(scene, state.before, state.now)
        assert all(line.holds is not False for line in lines), lines
        assert [one.name for one in state.now.receivers] == ["receiver-1"]
        assert state.now.receivers[0].ack_policy == "explicit"
