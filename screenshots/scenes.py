"""The scenes: which pipeline, which keys, which size."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec
from textual.pilot import Pilot

from natsconsole.domain.contexts import Context, ContextSettings
from natsconsole.domain.receivers import PartitionStatus
from natsconsole.domain.recording import MAGIC, Packer, Seen
from natsconsole.domain.shippers import ShipperPulse, ShippersSeen
from natsconsole.domain.snapshots import ConsumerTotals
from natsconsole.gateway.replay import Player, Recording
from natsconsole.tui.app import ConsoleApp
from natsconsole.tui.settings import DEFAULTS, Settings
from screenshots import triage_data
from screenshots.demo_data import LINK, NOW, hosts, lines_of, marks_of, pipeline, receiver
from screenshots.pages_data import (
    events,
    flying,
    known_hosts,
    played_hosts,
    played_scene,
    stored,
    two_receivers,
    withholding_two,
)
from screenshots.picture import picture_of, text_of, until
from tests.support.fake_gateway import FakeDemo, FakeGateway


async def _nothing(_pilot: Pilot[None], _gateway: FakeGateway) -> None:
    """Only look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture."""

    name: str
    gateway: Callable[[], FakeGateway]
    size: tuple[int, int] = (140, 40)
    act: Callable[[Pilot[None], FakeGateway], Awaitable[None]] = _nothing
    demo: Callable[[], FakeDemo | None] = FakeDemo
    title: str = "demo"
    settings: Settings = DEFAULTS
    contexts: tuple[Context, ...] = ()
    replays: Callable[[], Player] | None = None
    """The recording that is shown in place of what the gateway has."""


def flowing() -> FakeGateway:
    """All is well."""
    shown = pipeline()
    return FakeGateway(shown.home, link=LINK, lines=shown.lines, marks=shown.marks)


def withholding() -> FakeGateway:
    """The receiver does not acknowledge: messages come again and again."""
    shown = pipeline()
    rows = tuple(
        replace(row, unacked=min(6, (row.lag_messages or 0) * 2), redelivered=place % 3)
        for place, row in enumerate(hosts(lag_factor=3.0))
    )
    home = replace(
        shown.home,
        hosts=rows,
        lag_messages=1_204,
        lag_seconds=13.0,
        totals=ConsumerTotals(outstanding_acks=400, max_ack_pending=400, redelivered=212),
        receivers=(receiver(answer="withhold", unacked=400, redelivered=612),),
    )
    lines = {"web-02": lines_of("web-02", gap=0.9), "web-06": lines_of("web-06", gap=0.6)}
    marks = {
        "web-02": marks_of("web-02", lines["web-02"], stored=5, unacked=22, again=9, age=0.42),
        "web-06": marks_of("web-06", lines["web-06"], stored=9, unacked=18, again=6, age=0.5),
    }
    return FakeGateway(
        home, link=LINK, lines={**shown.lines, **lines}, marks={**shown.marks, **marks}
    )


def stopped() -> FakeGateway:
    """The Big Red Button is pressed: lines wait in the hosts' files."""
    shown = pipeline()
    rows = tuple(
        replace(
            row,
            state="paused",
            lines_per_second=0.0,
            lag_messages=0,
            lag_seconds=0.0,
            unacked=0,
            last_seen=NOW - 42.0,
            shipper=ShipperPulse(
                machine=row.host, is_paused=True, backlog_bytes=round(row.lines_per_second * 4_000)
            ),
        )
        for row in shown.home.hosts
    )
    waits = sum(row.shipper.backlog_bytes for row in rows if row.shipper)
    home = replace(
        shown.home,
        hosts=rows,
        inflow=replace(shown.home.inflow, per_second=0.0),
        outflow=replace(shown.home.outflow, per_second=0.0),
        lag_messages=0,
        lag_seconds=0.0,
        totals=replace(shown.home.totals, outstanding_acks=0, unprocessed=0),
        receivers=(receiver(unacked=0),),
        shippers=ShippersSeen(
            alive=96, hosts=96, paused_hosts=96, backlog_bytes=waits,
            is_stopped=True, reason="disk swap in rack 4",
        ),
    )  # fmt: skip
    return FakeGateway(home, link=LINK, lines=shown.lines, marks=shown.marks)


def disk_full() -> FakeGateway:
    """The disk is full: partition 3 holds what it has."""
    shown = pipeline()
    rows = tuple(
        replace(
            row, state="held", lag_messages=(row.lag_messages or 0) + 12, lag_seconds=4.2, unacked=9
        )
        if row.partition == "3"
        else row
        for row in shown.home.hosts
    )
    status = receiver(
        state="held",
        reason="no space left on device",
        held_since=NOW - 4,
        held_messages=212,
        unacked=212,
        disk_free_bytes=0,
        fault="disk-full",
        partitions=tuple(
            PartitionStatus(partition=part, state="held" if part == 3 else "running")
            for part in range(4)
        ),
    )
    home = replace(
        shown.home,
        hosts=rows,
        lag_messages=1_204,
        lag_seconds=4.2,
        receivers=(status,),
        totals=replace(shown.home.totals, outstanding_acks=212),
    )
    held = marks_of("api-04", shown.lines["api-04"], stored=4, unacked=13, age=0.3)
    return FakeGateway(home, link=LINK, lines=shown.lines, marks={**shown.marks, "api-04": held})


def disconnected() -> FakeGateway:
    """The connection was lost 14 s ago."""
    shown = pipeline()
    home = replace(shown.home, taken=NOW - 15)
    return FakeGateway(home, link=LINK, lines=shown.lines, marks=shown.marks)


def in_flight() -> FakeGateway:
    """Two receivers withhold their acks; JetStream has told of a few troubles."""
    shown = withholding()
    shown.flying = flying()
    shown.flying_read_at = NOW
    shown.stored = stored(shown.flying)
    shown.known = known_hosts(shown.flying)
    shown.seen = events()
    shown.home = replace(shown.home, receivers=withholding_two())
    return shown


def two() -> FakeGateway:
    """Two receivers share the partitions."""
    shown = flowing()
    shown.home = replace(shown.home, receivers=two_receivers())
    return shown


def _go(*keys: str) -> Callable[[Pilot[None], FakeGateway], Awaitable[None]]:
    async def press(pilot: Pilot[None], _gateway: FakeGateway) -> None:
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.3)

    return press


async def _play_scene(pilot: Pilot[None], gateway: FakeGateway) -> None:
    """Show a scene that has been played: its clock is not the pictures'."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)  # noqa: S101
    app.lab.state = played_scene(gateway.flying[:24])
    app.lab.played = {"1": True, "3": True}
    gateway.known = played_hosts()
    gateway.flying = gateway.flying[:24]
    await pilot.press("L")


async def _lose_connection(pilot: Pilot[None], gateway: FakeGateway) -> None:
    gateway.link = replace(LINK, state="lost", since=NOW - 14, error="connection reset by peer")
    await until(pilot, lambda: "connection lost" in text_of(picture_of(pilot.app)))


async def _open_help(pilot: Pilot[None], _gateway: FakeGateway) -> None:
    await pilot.press("question_mark")


async def _open_host(pilot: Pilot[None], _gateway: FakeGateway) -> None:
    await pilot.press("enter")


async def _open_four(pilot: Pilot[None], _gateway: FakeGateway) -> None:
    await pilot.press("space", "space", "down", "down", "space", "space", "enter", "w", "tab")
    await pilot.press(*["up"] * 6, "space", *["up"] * 3)


async def _search(pilot: Pilot[None], _gateway: FakeGateway) -> None:
    await pilot.press("tab", "slash", *"upstream", "enter", "n", "n", "n")


async def _press_button(pilot: Pilot[None], _gateway: FakeGateway) -> None:
    await pilot.press("B", *"resume all")


async def _jump(pilot: Pilot[None], _gateway: FakeGateway) -> None:
    await pilot.press("tab", "J", *"17:13")


async def _mark_hosts(pilot: Pilot[None], _gateway: FakeGateway) -> None:
    await pilot.press("slash", "exclamation_mark", *"web", "enter", "s", "s")
    await pilot.press("space", "space", "down", "space")


async def _list_alerts(pilot: Pilot[None], _gateway: FakeGateway) -> None:
    await pilot.press("exclamation_mark")


def troubled() -> FakeGateway:
    """Several things need attention at once."""
    gateway = disk_full()
    (status,) = gateway.home.receivers
    rows = tuple(
        replace(row, state="silent", last_seen=NOW - 1_250.0 - 60 * place)
        if row.state == "quiet"
        else row
        for place, row in enumerate(gateway.home.hosts)
    )
    gateway.home = replace(
        gateway.home,
        hosts=rows,
        receivers=(msgspec.structs.replace(status, ack_policy="none", max_deliver=5),),
        totals=replace(gateway.home.totals, outstanding_acks=400),
    )
    return gateway


def shopping() -> FakeGateway:
    """An account of somebody else, with trouble."""
    gateway = flowing()
    gateway.looks_at_all.snapshot = triage_data.shop()
    gateway.stored = triage_data.poison()
    gateway.context = triage_data.CONTEXTS[0]
    return gateway


def in_production() -> FakeGateway:
    """The same where a mistake is an incident."""
    gateway = shopping()
    gateway.context = triage_data.CONTEXTS[1]
    return gateway


def recorded() -> Player:
    """A recording of ten minutes, at a moment before its end."""
    packer = Packer()
    look = triage_data.shop()
    frames = []
    for step in range(61):
        moment = NOW - 600 + 10 * step
        seen = Seen(triage=replace(look, taken=moment), link=LINK, context="shop-prod")
        frames.append(packer.pack(seen, moment))
    player = Player(Recording(MAGIC + b"".join(frames)), clock=lambda: NOW)
    player.step(37)
    return player


def not_permitted() -> FakeGateway:
    """A login that may know little."""
    gateway = shopping()
    gateway.looks_at_all.snapshot = triage_data.restricted()
    return gateway


def no_demo() -> None:
    """A console on a pipeline that it has not started."""


def production() -> FakeGateway:
    """A context where a mistake is an incident, looked at by somebody who may change nothing."""
    gateway = flowing()
    settings = ContextSettings(production=True, read_only=True, colour="red")
    gateway.context = Context(name="prod-eu", settings=settings)
    gateway.read_only = True
    return gateway


SCENES: tuple[Scene, ...] = (
    Scene(name="home", gateway=flowing),
    Scene(name="home-120x36", gateway=flowing, size=(120, 36)),
    Scene(name="home-80x24", gateway=flowing, size=(80, 24)),
    Scene(name="production", gateway=production, size=(120, 36), demo=no_demo, title=""),
    Scene(name="withhold", gateway=withholding),
    Scene(name="disk-full", gateway=disk_full, act=_open_host),
    Scene(name="red-button", gateway=stopped, act=_press_button),
    Scene(name="connection-lost", gateway=disconnected, act=_lose_connection),
    Scene(name="help", gateway=flowing, act=_open_help),
    Scene(name="unacked", gateway=in_flight, act=_go("u", "down", "down")),
    Scene(name="unacked-80x24", gateway=in_flight, act=_go("u"), size=(80, 24)),
    Scene(name="unacked-empty", gateway=flowing, act=_go("u"), size=(120, 36)),
    Scene(name="message", gateway=in_flight, act=_go("u", "enter"), size=(120, 36)),
    Scene(name="message-hex", gateway=in_flight, act=_go("u", "enter", "x"), size=(80, 24)),
    Scene(name="events", gateway=in_flight, act=_go("e")),
    Scene(name="events-80x24", gateway=in_flight, act=_go("e", "f"), size=(80, 24)),
    Scene(name="receivers", gateway=two, act=_go("R", "down", "right", "right")),
    Scene(name="receivers-80x24", gateway=in_flight, act=_go("R", "down"), size=(80, 24)),
    Scene(name="streams", gateway=shopping, act=_go("M", "down")),
    Scene(name="streams-80x24", gateway=shopping, act=_go("M"), size=(80, 24)),
    Scene(name="streams-not-permitted", gateway=not_permitted, act=_go("M"), size=(120, 36)),
    Scene(name="stream", gateway=shopping, act=_go("M", "enter"), size=(120, 44)),
    Scene(name="consumers", gateway=shopping, act=_go("C")),
    Scene(name="consumers-80x24", gateway=shopping, act=_go("C"), size=(80, 24)),
    Scene(name="consumers-200x60", gateway=shopping, act=_go("C"), size=(200, 60)),
    Scene(name="consumer", gateway=shopping, act=_go("C", "down", "down", "enter"), size=(120, 44)),
    Scene(
        name="purge-production",
        gateway=in_production,
        act=_go("M", "down", "enter", "P", *"keep", "space", *"100", "enter"),
        size=(120, 36),
    ),
    Scene(
        name="poison-json",
        gateway=shopping,
        act=_go("C", "down", "down", "enter", "o", "x"),
        size=(120, 36),
    ),
    Scene(name="replay", gateway=shopping, replays=recorded, act=_go("C"), title="replay of night"),
    Scene(name="contexts", gateway=shopping, act=_go("K", "down"), contexts=triage_data.CONTEXTS),
    Scene(name="lab", gateway=in_flight, act=_play_scene),
    Scene(name="lab-80x24", gateway=in_flight, act=_play_scene, size=(80, 24)),
    Scene(name="help-unacked", gateway=in_flight, act=_go("u", "question_mark"), size=(120, 36)),
    Scene(name="four-panes-200x60", gateway=withholding, size=(200, 60), act=_open_four),
    Scene(name="search", gateway=flowing, act=_search),
    Scene(name="jump-80x24", gateway=flowing, size=(80, 24), act=_jump),
    Scene(name="hosts", gateway=troubled, act=_mark_hosts),
    Scene(name="alerts", gateway=troubled, act=_list_alerts),
    Scene(name="light", gateway=troubled, settings=Settings(theme="light"), act=_search),
    Scene(
        name="colour-blind", gateway=troubled, settings=Settings(theme="colour-blind"), act=_search
    ),
    Scene(name="monochrome", gateway=troubled, settings=Settings(theme="monochrome"), act=_search),
)
