"""Nothing that comes from the network may act on the terminal, or on the screen."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from natsconsole.domain.advisories import Advisory, EventsSeen
from natsconsole.domain.consumers import ConsumerState, GivenUp, OldestMessage
from natsconsole.domain.contexts import Context, ContextSettings
from natsconsole.domain.lines import HostMarks, LogLine
from natsconsole.domain.messages import InFlightMessage, StreamMessage
from natsconsole.domain.receivers import AnswerRule, HostStatus, PartitionStatus, UnackedMessage
from natsconsole.domain.snapshots import HomeSnapshot, HostRow, Link
from natsconsole.domain.streams import Replica, StreamState
from natsconsole.domain.terminal_text import visible
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.window_title import title_of
from screenshots.demo_data import NOW, receiver
from tests.support.fake_gateway import FakeContexts, FakeGateway
from tests.tui.consoles import console

HOSTILE = {
    "closing tag": "[/red]",
    "click tag": "[@click=app.quit]quit[/]",
    "style tag": "[bold red on white]x",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "title": "\x1b]0;owned\x1b\\",
    "clear": "\x1b[2J\x1b[H",
    "c1 csi": "\x9b31m\x9d52;c;x\x9c",
    "nul": "a\0b\x08\x7f",
    "right to left": "\u202egnp.exe\u2066\u200f",
    "line ends": "a\r\nb\u2028c\u2029d\x0be\x0c",
    "zero width": "a\u200bb\u200d\ufeffc\u2060",
    "surrogate": "\udcff\ud800",
    "a megabyte": "\x1b[31m" * 200_000,
    "wide": "日本語" * 200,
    "combining": "e" + "\u0301" * 500,
}

TOGETHER = {
    "each": "[/red][@click=app.quit]q[/]"
    "\x1b[2J\x1b]0;o\x1b\\\x9b1m\0\x08\r\n\u2028\u202e\u200b\ufeff\udcff",
    "a megabyte": ("\x1b[31m" + "日本語" * 20 + "e" + "\u0301" * 50) * 5_000,
}
"""The same, so short that a narrow column shows them: a whole console is started for each."""


MAX_NAME = 4_096
"""Bytes: a server takes no longer line, so no longer subject."""


def hostile_gateway(text: str) -> FakeGateway:
    """A gateway in which every text is this one; a name is no longer than a server lets it be."""
    name = text[:MAX_NAME]
    row = HostRow(host=name, partition=name, state="held", lines_per_second=3, lag_seconds=9)
    line = LogLine(sequence=7, index=0, time=NOW, text=text)
    status = receiver(
        name=name,
        reason=name,
        state="held",
        held_since=NOW,
        directory=name,
        group=name,
        version=name,
        alarms=(name,),
        members=(name, "another" + name),
        rule=AnswerRule(answer="term", reason=name, hosts=name),
        partitions=(PartitionStatus(partition=0, state="elsewhere", owner=name, reason=name),),
    )
    gateway = FakeGateway(
        HomeSnapshot(
            taken=NOW, stream=name, hosts=(row,), hosts_total=1, receivers=(status,), problem=name
        ),
        link=Link(state="live", address=name, server_name=name, server_version=name, error=name),
        lines={name: [line]},
        marks={name: HostMarks(delivered=7)},
    )
    message = UnackedMessage(
        sequence=7, host=name, partition=0, deliveries=2, age=1, remaining=4, written=True
    )
    gateway.flying = [InFlightMessage(receiver=name, message=message)]
    gateway.stored = {
        7: StreamMessage(
            sequence=7,
            subject=name,
            host=name,
            time=NOW,
            headers=((name, name),),
            payload=payload_of(text),
        )
    }
    gateway.known = {name: HostStatus(host=name, partition=0, delivered=7, written=7, reason=name)}
    event = Advisory(
        id=name, kind="terminated", time=name, stream=name, consumer=name, sequence=7, sentence=name
    )
    gateway.seen = EventsSeen(
        events=(event,), counts=(("terminated", 1),), history=name, revision=1
    )
    gateway.looks_at_all.snapshot = hostile_look(name)
    return gateway


def payload_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def hostile_look(text: str) -> TriageSnapshot:
    """A look at streams and consumers in which every text is this one."""
    peer = Replica(name=text, is_current=False, lag=3)
    stream = StreamState(
        name=text, description=text, subjects=(text,), transform=text, metadata={text: text},
        created=text, leader=text, cluster=text, replicas=(peer,), messages=3, last_seq=7,
    )  # fmt: skip
    consumer = ConsumerState(
        stream=text, name=text, description=text, filters=(text,), metadata={text: text},
        created=text, leader=text, cluster=text, replicas=(peer,), pinned_client=text,
        kind="push", deliver_subject=text, lag_messages=2,
        oldest=OldestMessage(sequence=7, subject=text, time=NOW),
        given_up=(GivenUp(sequence=7, deliveries=3, time=text),), given_up_total=1,
    )  # fmt: skip
    verdicts = tuple(
        Verdict(
            rule="poison", severity="critical", sentence=text, evidence=((text, text),),
            remedy=text, command=text, stream=text, consumer=name,
        )
        for name in ("", text)
    )  # fmt: skip
    return TriageSnapshot(
        taken=NOW, streams=(stream, replace(stream, name="LOGS")), consumers=(consumer,),
        verdicts=verdicts, not_permitted=(text,), problem=text,
    )  # fmt: skip


def unsafe(text: str) -> list[str]:
    """Return the characters a terminal would act on."""
    return [
        f"U+{ord(char):04X}"
        for char in text.replace("\n", "")
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ]


@pytest.mark.parametrize("text", TOGETHER.values(), ids=TOGETHER)
async def test_no_text_acts_on_terminal_or_screen(text: str) -> None:
    gateway = hostile_gateway(text)
    async with console(gateway) as it:
        await it.shows("HOSTS 1")
        assert unsafe(it.text) == []
        gateway.refusal = GatewayError(text)
        await it.press("a", "p", "slash", "x")
        assert unsafe(it.text) == []
        gateway.failure = GatewayError(text)
        gateway.link = replace(gateway.link, state="lost", since=NOW - 3)
        await it.shows("connection lost")
        assert unsafe(it.text) == []
        await it.press("escape", "question_mark")
        assert unsafe(it.text) == []
        assert it.app.is_running


PAGES = {
    "unacked": ["u"],
    "message": ["u", "enter"],
    "bytes": ["u", "enter", "x"],
    "typing": ["u", "T"],
    "answer": ["u", "a"],
    "events": ["e"],
    "receivers": ["R"],
    "reason": ["R", "down", "down", "enter", "enter"],
    "change": ["R", "right", "enter"],
    "drain": ["R", "D"],
    "lab": ["L", "3"],
    "streams": ["M", "c"],
    "stream": ["M", "enter", "down", "c"],
    "purge": ["M", "enter", "P", *"all", "enter"],
    "consumers": ["C", "c"],
    "consumer": ["C", "enter", "end", "c"],
    "edit": ["C", "enter", "i"],
    "hosts": ["C", "h"],
    "hosts of a stream": ["M", "enter", "h"],
    "plan": ["C", "enter", "D", "c"],
    "contexts": ["K", "enter"],
    "republish": ["u", "enter", "r"],
    "copy": ["u", "enter", "r", "enter"],
}


@pytest.mark.parametrize("text", TOGETHER.values(), ids=TOGETHER)
async def test_no_text_acts_on_any_other_screen(text: str) -> None:
    await go_through_pages(text)


ASKING = ("answer", "drain", "purge", "edit", "plan", "republish", "copy")
"""Pages that ask for a name where the context is one of production."""


async def test_no_text_acts_where_a_name_has_to_be_typed() -> None:
    pages = {name: PAGES[name] for name in ASKING}
    await go_through_pages(TOGETHER["each"], pages, is_production=True)


async def go_through_pages(
    text: str, pages: dict[str, list[str]] = PAGES, *, is_production: bool = False
) -> None:
    gateway = hostile_gateway(text[:65_536])
    gateway.context = Context(
        name=text[:65_536], settings=ContextSettings(production=is_production)
    )
    gateway.stored[7] = replace(gateway.stored[7], payload=payload_of(text))
    gateway.refusal = GatewayError(text[:65_536])
    contexts = FakeContexts([Context(name=text, description=text, address=text, problem=text)])
    async with console(gateway, size=(100, 30), waits=False, contexts=contexts) as it:
        await it.shows("HOSTS 1")
        for name, keys in pages.items():
            await it.press(*keys)
            await it.pilot.pause(0.06)  # what the screen asked for is answered
            assert unsafe(it.text) == [], name
            assert len(it.app.screen_stack) > 1, name
            while len(it.app.screen_stack) > 1:
                await it.press("escape")
        assert it.app.is_running
        assert unsafe(it.app.clipboard) == []


@pytest.mark.parametrize("text", TOGETHER.values(), ids=TOGETHER)
async def test_no_text_acts_from_within_a_pane(text: str, tmp_path: Path) -> None:
    gateway = hostile_gateway(text)
    async with console(gateway) as it:
        await it.press("exclamation_mark")
        assert unsafe(it.text) == []
        await it.press("escape", "tab", "up", "space", "w", "t", "t", "t", "slash")
        assert unsafe(it.text) == []
        it.home.prompt.typed.value = visible(text[:30])
        await it.press("enter", "n", "N")
        assert unsafe(it.text) == []
        await it.press("J", *"#9", "enter", "c", "s")
        assert unsafe(it.text) == []
        it.home.prompt.typed.value = str(tmp_path / "kept.log")
        await it.press("enter")
        await it.shows("saved 1 line")
        kept = (tmp_path / "kept.log").read_bytes().decode("utf-8", "surrogateescape")
        if "\ud800" not in text:  # which no bytes decode to
            assert kept == f"{text}\n"
        assert unsafe(it.app.clipboard) == []
        assert it.app.is_running


def test_a_title_holds_nothing_to_act_upon() -> None:
    for text in HOSTILE.values():
        assert unsafe(title_of(text, 3)) == []
        assert len(title_of(text, 3)) < 400


async def test_markup_is_shown_as_it_is() -> None:
    async with console(hostile_gateway("[@click=app.quit]x[/]")) as it:
        await it.shows("[@click=app.quit]x[/]")


async def test_a_pasted_control_does_not_reach_the_filter() -> None:
    async with console(hostile_gateway("web")) as it:
        await it.press("slash")
        it.home.panel.filter.insert_text_at_cursor("a\x1b]52;c;x\x07b")
        await it.pilot.pause()
        assert unsafe(it.text) == []
