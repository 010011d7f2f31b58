"""The Big Red Button: pressed in a bucket, obeyed within two seconds, by all or by one."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from shipper.agent import Agent
from shipper.connection import Connection
from shipper.wire import (
    HEARTBEAT_SUBJECT,
    ORDERS_BUCKET,
    PING_SUBJECT,
    Heartbeat,
    Order,
    order_key,
    strictest,
)
from tests.shipper.shipping import (
    api,
    append,
    arrives,
    content,
    following,
    make_bucket,
    make_stream,
    press,
    release,
    shipping,
)
from tests.support.waiting import until

OBEYED_SECONDS = 2.0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def logs(tmp_path: Path) -> dict[str, Path]:
    found = {host: tmp_path / host / "app.log" for host in ("web1", "web2")}
    for path in found.values():
        append(path, b"one\n")
    return found


@pytest.mark.parametrize("key", ["all", order_key("web1")])
async def test_pressed_and_released(
    connection: Connection, logs: dict[str, Path], state: Path, tmp_path: Path, key: str
) -> None:
    await make_stream(connection)
    await make_bucket(connection)
    what = following(tmp_path / "web*" / "app.log", host="{dir}")
    async with shipping(connection, state, what) as agent:
        await arrives(connection, b"one\n", "web1")
        assert min([await obeyed_after(connection, agent, key) for _ in range(3)]) < OBEYED_SECONDS
        for path in logs.values():
            append(path, b"two\n")
        if key == "all":
            await until(lambda: is_held(agent, "web2"))
        else:
            await arrives(connection, b"one\ntwo\n", "web2")
        await until(lambda: is_held(agent, "web1"))
        assert await content(connection, "web1") == b"one\n"
        await release(connection, key)
        await arrives(connection, b"one\ntwo\n", "web1")


async def obeyed_after(connection: Connection, agent: Agent, key: str) -> float:
    """Release it and press it; return how many seconds web1 goes on."""
    await release(connection, key)
    await until(lambda: not agent.button.order_for("web1").pause)
    begun = time.monotonic()
    await press(connection, key, pause=True, reason="the collector burns")
    await until(lambda: agent.button.order_for("web1").pause)
    return time.monotonic() - begun


async def is_held(agent: Agent, host: str) -> bool:
    survey = await agent.survey()
    return host in survey.hosts and survey.hosts[host].backlog_bytes == 4


async def test_it_outlasts_a_restart(
    connection: Connection, logs: dict[str, Path], state: Path
) -> None:
    await make_stream(connection)
    await make_bucket(connection)
    await press(connection, "all", pause=True)
    async with shipping(connection, state, following(logs["web1"])) as agent:
        await until(lambda: agent.button.order_for("web1").pause)
        await until(lambda: is_held(agent, "web1"))
        assert await content(connection) == b""
    async with shipping(connection, state, following(logs["web1"])) as agent:
        await until(lambda: is_held(agent, "web1"))
        assert await content(connection) == b""
        await press(connection, "all", pause=False)
        await arrives(connection, b"one\n")


async def test_it_outlasts_a_bucket_that_nobody_answers_for(
    connection: Connection, logs: dict[str, Path], state: Path
) -> None:
    """As while its stream has no leader, or the server that holds it is down."""
    await make_stream(connection)
    await make_bucket(connection)
    async with shipping(connection, state, following(logs["web1"])) as agent:
        await arrives(connection, b"one\n")
        await press(connection, "all", pause=True)
        await until(lambda: agent.button.order_for("web1").pause)
        await api(connection, f"STREAM.DELETE.KV_{ORDERS_BUCKET}")
        await connection.publish(f"$KV.{ORDERS_BUCKET}.all")  # rings
        await until(lambda: any("last order" in problem for problem in agent.problems))
        assert agent.button.order_for("web1").pause
        append(logs["web1"], b"two\n")
        await until(lambda: is_held(agent, "web1"))
        await make_bucket(connection)  # an empty one, and nothing rings
        await arrives(connection, b"one\ntwo\n")
        await until(lambda: not agent.problems)


async def test_a_bucket_that_was_not_there_at_the_start_is_found(
    connection: Connection, logs: dict[str, Path], state: Path
) -> None:
    await make_stream(connection)
    other = {"name": "OTHER", "subjects": ["other.>"], "storage": "file"}
    await api(connection, "STREAM.CREATE.OTHER", other)
    await connection.request("other.all", b'{"pause":true}')
    async with shipping(connection, state, following(logs["web1"])) as agent:
        await arrives(connection, b"one\n")
        name = f"KV_{ORDERS_BUCKET}"
        moved = [{"src": "other.>", "dest": f"$KV.{ORDERS_BUCKET}.>"}]
        sources = [{"name": "OTHER", "subject_transforms": moved}]
        # What comes from another stream rings no bell, as what was pressed before rings none.
        late = {"name": name, "storage": "file", "sources": sources}
        await api(connection, f"STREAM.CREATE.{name}", late)
        await until(lambda: holds_one(connection, name))
        await api(connection, f"STREAM.UPDATE.{name}", late | {"allow_direct": True})
        await until(lambda: agent.button.order_for("web1").pause)


async def holds_one(connection: Connection, stream: str) -> bool:
    count: int = (await api(connection, f"STREAM.INFO.{stream}"))["state"]["messages"]
    return count == 1


async def test_a_limit_is_kept(connection: Connection, logs: dict[str, Path], state: Path) -> None:
    await make_stream(connection, max_msg_size=5000)
    await make_bucket(connection)
    await press(connection, order_key("web1"), bytes_per_second=20_000)
    append(logs["web1"], b"x" * 99 + b"\n" + (b"x" * 99 + b"\n") * 399)
    wanted = logs["web1"].read_bytes()
    async with shipping(connection, state, following(logs["web1"])):
        begun = time.monotonic()
        await arrives(connection, wanted)
        assert time.monotonic() - begun > 1.2


async def test_a_heartbeat_shows_it(
    connection: Connection, logs: dict[str, Path], state: Path
) -> None:
    await make_stream(connection)
    await make_bucket(connection)
    heard: list[Heartbeat] = []

    def take(_subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        heard.append(msgspec.json.decode(payload, type=Heartbeat))

    await connection.subscribe(f"{HEARTBEAT_SUBJECT}.>", take)
    async with shipping(connection, state, following(logs["web1"])):
        await until(lambda: heard and heard[-1].hosts)
        assert heard[-1].hosts[0].host == "web1"
        await press(connection, "all", pause=True)
        append(logs["web1"], b"waits\n")
        await until(lambda: heard[-1].hosts[0].paused)
        before = len(heard)
        await connection.publish(PING_SUBJECT)
        await until(lambda: len(heard) > before)
        await until(lambda: heard[-1].hosts[0].paused)
        (pulse,) = heard[-1].hosts
        assert (pulse.host, pulse.logs) == ("web1", 1)


async def test_what_it_holds_that_is_no_order_changes_nothing(
    connection: Connection, logs: dict[str, Path], state: Path
) -> None:
    await make_stream(connection)
    await make_bucket(connection)
    async with shipping(connection, state, following(logs["web1"])) as agent:
        await arrives(connection, b"one\n")
        await press(connection, "all", pause=True)
        await until(lambda: agent.button.order_for("web1").pause)
        await press(connection, "all", pause="perhaps")
        await until(lambda: any("red button" in problem for problem in agent.problems))
        assert agent.button.order_for("web1").pause
        await release(connection, "all")
        await until(lambda: not agent.problems)
        assert not agent.button.order_for("web1").pause


async def test_stopping_does_not_wait_for_it(
    connection: Connection, logs: dict[str, Path], state: Path
) -> None:
    await make_stream(connection)
    await make_bucket(connection)
    await press(connection, "all", pause=True)
    times = []
    for _ in range(3):
        async with shipping(connection, state, following(logs["web1"])) as agent:
            await until(lambda: is_held(agent, "web1"))
            begun = time.monotonic()
        times.append(time.monotonic() - begun)
    assert min(times) < 1.0, times


async def test_many_hosts_read_it_at_once(
    connection: Connection, tmp_path: Path, state: Path
) -> None:
    await make_stream(connection)
    await make_bucket(connection)
    for number in range(30):
        append(tmp_path / f"h{number}" / "app.log", b"one\n")
    await press(connection, order_key("h7"), pause=True)
    what = following(tmp_path / "h*" / "app.log", host="{dir}")
    async with shipping(connection, state, what) as agent:
        await arrives(connection, b"one\n", "h29")
        await until(lambda: agent.button.order_for("h7").pause)
        await press(connection, order_key("h8"), pause=True)
        await until(lambda: agent.button.order_for("h8").pause)
        await release(connection, order_key("h7"))
        await until(lambda: not agent.button.order_for("h7").pause)


def test_the_stricter_order_holds() -> None:
    fast, slow = Order(bytes_per_second=9), Order(bytes_per_second=5, reason="b")
    assert strictest(fast, slow) == Order(bytes_per_second=5, reason="b")
    assert strictest(Order(pause=True, reason="a"), slow).pause
    assert strictest(Order(), Order()) == Order()


def test_a_host_is_a_key() -> None:
    assert order_key("web1.example.net") == "host.web1.example.net"
    assert order_key("a+\u00fc") == "host.a=2B=C3=BC"
