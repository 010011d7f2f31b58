from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from natsconsole.domain.actions import (
    Action,
    Change,
    DeleteConsumer,
    DeleteMessage,
    EditConsumer,
    PauseConsumer,
    PurgeStream,
    Republish,
    ResetConsumer,
    ResumeConsumer,
    UnpinConsumer,
)
from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.contexts import Context, ContextSettings
from natsconsole.domain.streams import StreamState
from natsconsole.domain.subjects import untransformed
from natsconsole.gateway.interface import GatewayError, NotPermittedError
from natsconsole.gateway.live_gateway import LiveGateway
from shipper.connection import Connection, ConnectionOptions
from tests.support.anybodys import Anybody
from tests.support.nats_server import NatsServer

CONFIG = """
authorization { users: [
  { user: boss, password: x }
  { user: guest, password: x, permissions: { publish: [
    "$JS.API.STREAM.INFO.>", "$JS.API.CONSUMER.INFO.>", "$JS.API.STREAM.LIST",
    "$JS.API.CONSUMER.LIST.>", "$JS.API.INFO" ] } }
] }
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    async with NatsServer(Path(tmp_path_factory.mktemp("actions")), config=CONFIG) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def connection(server: NatsServer) -> AsyncIterator[Connection]:
    url = f"nats://boss:x@{server.address}"
    async with Connection(ConnectionOptions(servers=(url,))) as opened:
        yield opened


async def state(gateway: LiveGateway, stream: str) -> tuple[StreamState, ConsumerState | None]:
    found = await gateway.triage.look()
    consumer = next((one for one in found.consumers if one.stream == stream), None)
    return next(one for one in found.streams if one.name == stream), consumer


@pytest.mark.asyncio(loop_scope="module")
async def test_each_change_does_what_its_plan_says(connection: Connection) -> None:
    shop = Anybody(connection)
    await shop.make_stream()
    await shop.make_consumer(priority_policy="pinned_client", priority_groups=["g"],
                             priority_timeout=60_000_000_000)  # fmt: skip
    for number in range(6):
        await shop.publish(1, subject="eu" if number % 2 else "us", payload=b"%d" % number)
    gateway = LiveGateway(connection, shop.stream)

    async def info() -> dict[str, Any]:
        return await shop.api(f"CONSUMER.INFO.{shop.stream}.worker")

    async def done(make: Callable[[ConsumerState], Action]) -> str:
        _, consumer = await state(gateway, shop.stream)
        assert consumer is not None
        return await gateway.carry_out(make(consumer))

    said = await done(lambda one: PauseConsumer(consumer=one, until=one.taken + 600))
    assert said == f"{shop.stream} > worker is paused"
    assert (await info())["paused"]
    await done(lambda one: ResumeConsumer(consumer=one))
    assert not (await info()).get("paused")

    said = await done(lambda one: ResetConsumer(consumer=one, sequence=4))
    assert said == f"{shop.stream} > worker delivers sequence 4 next"
    assert (await info())["num_pending"] == 3
    await done(lambda one: ResetConsumer(consumer=one))

    changes: dict[str, Change] = {
        "max_ack_pending": 7,
        "ack_wait": 45.0,
        "backoff": (),
        "description": "ours",
    }
    await done(lambda one: EditConsumer(consumer=one, changes=changes))
    config = (await info())["config"]
    assert (config["max_ack_pending"], config["ack_wait"]) == (7, 45_000_000_000)
    assert (config["description"], config["priority_groups"]) == ("ours", ["g"])

    with pytest.raises(GatewayError):
        await done(lambda one: UnpinConsumer(consumer=one, group="nobody"))
    await done(lambda one: UnpinConsumer(consumer=one, group="g"))

    message = await gateway.message(2, shop.stream)
    assert message is not None
    assert await gateway.neighbour(shop.stream, message.subject, 2, 1) == 4
    assert await gateway.neighbour(shop.stream, message.subject, 4, -1) == 2
    assert await gateway.neighbour(shop.stream, message.subject, 6, 1) is None
    assert await gateway.count(shop.stream, f"{shop.subject}.eu") == 3
    assert await gateway.moment_in(shop.stream, "", message.time) == 2
    said = await gateway.carry_out(
        Republish(stream=shop.stream, sequence=2, subject=message.subject, payload=message.payload,
                  headers=(("A", "b"),))
    )  # fmt: skip
    assert said == f"stored in {shop.stream} as message 7"
    copy = await gateway.message(7, shop.stream)
    assert copy is not None
    assert (copy.payload, copy.headers) == (message.payload, (("A", "b"),))

    await gateway.carry_out(DeleteMessage(stream=shop.stream, sequence=7))
    assert await gateway.message(7, shop.stream) is None
    stream, _ = await state(gateway, shop.stream)
    said = await gateway.carry_out(PurgeStream(stream=stream, subject=f"{shop.subject}.eu", keep=1))
    assert said == f"2 messages of {shop.stream} are removed"
    await gateway.carry_out(PurgeStream(stream=stream, below=5))
    await gateway.carry_out(PurgeStream(stream=stream))
    assert (await shop.api(f"STREAM.INFO.{shop.stream}"))["state"]["messages"] == 0
    await done(lambda one: DeleteConsumer(consumer=one))
    assert (await state(gateway, shop.stream))[1] is None


@pytest.mark.parametrize(
    ("source", "destination", "subject"),
    [
        ("{}.>", "{}.{{{{partition(10)}}}}.>", "web1.example.net"),
        ("{}.*.*", "{}.{{{{wildcard(2)}}}}.{{{{partition(10,1)}}}}.$1", "web1.eu"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_copy_comes_to_lie_where_its_original_does(
    connection: Connection, source: str, destination: str, subject: str
) -> None:
    shop = Anybody(connection)
    transform = {"src": source.format(shop.subject), "dest": destination.format(shop.subject)}
    await shop.make_stream(subject_transform=transform)
    await shop.publish(1, subject=subject)
    gateway = LiveGateway(connection, shop.stream)
    stream, _ = await state(gateway, shop.stream)
    stored = await gateway.message(1)
    assert stored is not None
    published = untransformed(stored.subject, stream.transforms, stream.transform)
    assert published == f"{shop.subject}.{subject}"
    await gateway.carry_out(
        Republish(stream=shop.stream, sequence=1, subject=published, payload=b"x")
    )
    copy = await gateway.message(2)
    assert copy is not None
    assert copy.subject == stored.subject


@pytest.mark.asyncio(loop_scope="module")
async def test_read_only_is_refused_here_not_only_on_the_screen(connection: Connection) -> None:
    shop = Anybody(connection)
    await shop.make_stream()
    await shop.make_consumer()
    await shop.publish(2)
    context = Context(name="prod", settings=ContextSettings(read_only=True))
    gateway = LiveGateway(connection, shop.stream, read_only=True, context=context)
    stream, consumer = await state(gateway, shop.stream)
    assert consumer is not None
    every: list[Action] = [
        PauseConsumer(consumer=consumer, until=consumer.taken + 60),
        ResumeConsumer(consumer=consumer),
        ResetConsumer(consumer=consumer),
        UnpinConsumer(consumer=consumer, group="g"),
        EditConsumer(consumer=consumer, changes={"max_ack_pending": 1}),
        DeleteConsumer(consumer=consumer),
        PurgeStream(stream=stream),
        DeleteMessage(stream=shop.stream, sequence=1),
        Republish(stream=shop.stream, sequence=1, subject=f"{shop.subject}.a", payload=b""),
    ]
    for action in every:
        with pytest.raises(NotPermittedError, match="read-only"):
            await gateway.showing(shop.stream, None).carry_out(action)
    assert (await shop.api(f"STREAM.INFO.{shop.stream}"))["state"]["messages"] == 2


@pytest.mark.asyncio(loop_scope="module")
async def test_what_the_server_refuses_is_named(connection: Connection, server: NatsServer) -> None:
    shop = Anybody(connection)
    await shop.make_stream()
    await shop.make_consumer()
    options = ConnectionOptions(servers=(f"nats://guest:x@{server.address}",))
    async with Connection(options) as guest:
        gateway = LiveGateway(guest, shop.stream)
        _, consumer = await state(gateway, shop.stream)
        assert consumer is not None
        with pytest.raises(NotPermittedError, match=r"does not let this login .*CONSUMER\.DELETE"):
            await gateway.carry_out(DeleteConsumer(consumer=consumer))


@pytest.mark.parametrize(
    ("make", "command"),
    [
        (lambda one: ResetConsumer(consumer=one, sequence=9),
         """nats request '$JS.API.CONSUMER.RESET.S.a b' '{"seq": 9}'"""),
        (lambda one: ResetConsumer(consumer=one), "nats request '$JS.API.CONSUMER.RESET.S.a b' ''"),
        (lambda one: UnpinConsumer(consumer=one, group="g"), "nats consumer unpin S 'a b' g"),
        (lambda one: DeleteConsumer(consumer=one), "nats consumer rm S 'a b'"),
        (lambda one: EditConsumer(consumer=one, changes={"max_deliver": -1, "ack_wait": 0.5}),
         "nats consumer edit S 'a b' --max-deliver=-1 --wait=500ms"),
        (lambda one: PauseConsumer(consumer=one, until=0.0),
         "nats consumer pause S 'a b' '1970-01-01 00:00:00'"),
    ],
)  # fmt: skip
def test_commands_are_quoted_for_a_shell(
    make: Callable[[ConsumerState], Action], command: str
) -> None:
    assert make(ConsumerState(stream="S", name="a b")).command == command
