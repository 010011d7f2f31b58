"""Scenes played on a real server, with a real lab receiver, on a stream made for the lab."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from natsconsole.domain.lab import LabScene, proof
from natsconsole.domain.lab_scenes import SCENES
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.receiver.control import Control
from natsconsole.tui.lab.runner import LabRunner
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import STREAM, Source, make_stream, receiver_config, running
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(90)


def scene(key: str) -> LabScene:
    """Return a scene with no more waiting than its conditions need."""
    found = next(one for one in SCENES if one.key == key)
    return replace(found, steps=tuple(replace(step, at_least=0.1) for step in found.steps))


@contextlib.asynccontextmanager
async def lab(
    server: NatsServer, connection: Connection, out: Path, *, is_lab: bool = True, **changes: object
) -> AsyncIterator[LabRunner]:
    """Run a receiver under a small load."""
    await make_stream(connection, replace(STREAM, lab=is_lab))
    sources = [Source(connection, f"web{number}") for number in range(6)]

    async def publish() -> None:
        while True:
            for source in sources:
                await source.publish_lines(1)
            await asyncio.sleep(0.01)

    async with running(server, receiver_config(out, **changes)) as receiver:
        await Control(receiver).serve_on(connection)
        load = asyncio.create_task(publish())
        await until(lambda: receiver.status("").state == "running")
        await until(lambda: receiver.status("").written_lines > 20)
        gateway = LiveGateway(connection, "LOGS")
        await until(gateway.receivers)
        try:
            yield LabRunner(gateway, None)
        finally:
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)


@pytest.mark.parametrize("key", ["3", "4", "5", "6", "7", "8", "0"])
async def test_a_scene_keeps_its_promise_and_the_way_back_restores_everything(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, key: str
) -> None:
    async with lab(nats_server, connection, tmp_path / "out") as runner:
        await runner.play(scene(key))
        assert runner.state.problem == ""
        assert runner.state.phase == "played"
        await runner.go_back()

        state = runner.state
        assert state.phase == "back", state.problem
        assert state.before is not None
        assert state.now is not None
        assert state.scene is not None
        was, now = state.before.receivers[0], state.now.receivers[0]
        for name in ("rule", "ack_policy", "fault", "ack_wait_seconds", "max_ack_pending",
                     "max_deliver", "backoff_seconds"):  # fmt: skip
            assert getattr(now, name) == getattr(was, name), name

        async def keeps_its_promise() -> bool:
            moment = await runner.look()
            assert state.scene is not None
            assert state.before is not None
            lines = proof(state.scene, state.before, moment)
            return all(line.holds is not False for line in lines)

        await until(keeps_its_promise, within=30)


async def test_it_never_runs_on_a_stream_of_the_users(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", is_lab=False) as runner:
        await runner.play(scene("3"))
        assert runner.state.phase == "idle"
        assert "never runs on a stream of yours" in runner.state.problem
        (status,) = (await runner.look()).receivers
        assert status.fault == "none"


async def test_a_receiver_that_is_no_lab_is_left_alone(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out", lab=False) as runner:
        await runner.play(scene("6"))
        assert "no lab receiver" in runner.state.problem
        await runner.play(scene("1"))
        assert "only `natsconsole demo`" in runner.state.problem


async def test_a_scene_that_is_broken_off_goes_back_too(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out") as runner:
        endless = scene("3")
        never = replace(endless.steps[0], until=lambda _: False)
        playing = asyncio.create_task(runner.play(replace(endless, steps=(never,))))

        async def is_held() -> bool:
            return any(one.state == "held" for one in (await runner.look()).receivers)

        await until(is_held)
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await runner.go_back()
        assert runner.state.phase == "back"
        assert runner.state.now is not None
        assert runner.state.now.receivers[0].fault == "none"


async def test_a_step_that_does_not_happen_is_named(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    async with lab(nats_server, connection, tmp_path / "out") as runner:
        first = scene("7")
        never = replace(first.steps[0], until=lambda _: False, within=0.5)
        await runner.play(replace(first, steps=(never,)))
        assert runner.state.phase == "failed"
        assert "did not happen within" in runner.state.problem
        await runner.go_back()
        assert not runner.state.may_go_back
