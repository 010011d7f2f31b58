"""What the pictures beside Home show: messages in flight, events, two receivers."""

from __future__ import annotations

import random

import msgspec

from natsconsole.domain.advisories import KINDS, Advisory, EventsSeen, Kind
from natsconsole.domain.lab import Moment, account_of
from natsconsole.domain.lab_scenes import SCENES
from natsconsole.domain.messages import InFlight, InFlightMessage, StreamMessage
from natsconsole.domain.receivers import (
    AnswerRule,
    HostStatus,
    PartitionStatus,
    ReceiverStatus,
    UnackedMessage,
)
from natsconsole.tui.lab.runner import LabState
from screenshots.demo_data import NOW, SHAPES, host_names, receiver

FIRST = 18_204
ACK_WAIT = 10.0
GIVEN_UP = "given up after 3 deliveries: the server delivers it no more, written or not"


def flying(number: int = 64, *, is_lab: bool = True) -> list[InFlightMessage]:
    """Return messages in flight, as a receiver that withholds its acks has them."""
    names = host_names()
    found = []
    for place in range(number):
        age = (ACK_WAIT * 0.97 - place * 0.15) % ACK_WAIT
        host = names[(place * 7) % len(names)]
        message = UnackedMessage(
            sequence=FIRST + place,
            host=host,
            partition=place % 4,
            deliveries=3 if place < 8 else 2 if place < 26 else 1,
            age=age,
            remaining=ACK_WAIT - age,
            written=place < number - 4,
        )
        owner = "receiver-1" if place % 4 < 2 else "receiver-2"
        found.append(InFlightMessage(receiver=owner, message=message, is_lab=is_lab))
    return found


def stored(messages: list[InFlightMessage]) -> dict[int, StreamMessage]:
    """Return these messages as the stream has them."""
    found = {}
    for place, one in enumerate(messages):
        host = one.message.host
        shapes = SHAPES.get(host.partition("-")[0], ("started task 8f21", "evicted 14 keys"))
        lines = [shapes[(place + step) % len(shapes)] for step in range(3)]
        payload = "".join(f"2026-09-21T17:13:0{step}.4{step}0Z {line}\n" for step, line in
                          enumerate(lines)).encode()  # fmt: skip
        start = 91_204 + 180 * place
        found[one.sequence] = StreamMessage(
            sequence=one.sequence,
            subject=f"logs.{one.message.partition}.{host}",
            host=host,
            time=NOW - one.message.age - ACK_WAIT * (one.message.deliveries - 1),
            headers=(
                ("Log-Host", host),
                ("Log-Name", "app.log"),
                ("Log-File", "66a1-2f7c81"),
                ("Log-Range", f"{start}-{start + len(payload)}"),
                ("Log-Line", f"{1_204 + 3 * place}"),
                ("Nats-Msg-Id", f"{host}:66a1-2f7c81:{start}-{start + len(payload)}"),
            ),
            payload=payload,
        )
    return found


def known_hosts(messages: list[InFlightMessage]) -> dict[str, HostStatus]:
    """Return what the receivers know of the hosts of these messages."""
    return {
        one.message.host: HostStatus(
            host=one.message.host,
            partition=one.message.partition,
            delivered=one.sequence,
            written=one.sequence,
        )
        for one in messages
    }


def events() -> EventsSeen:
    """Return what JetStream told in the last minutes."""
    chance = random.Random(11)  # noqa: S311
    found: list[Advisory] = []

    def add(kind: Kind, sentence: str, *, sequence: int = 0, partition: int = 0) -> None:
        second = 60 * 14 + 59 - len(found) * 7
        clock = f"{second // 60:02d}:{second % 60:02d}"
        found.append(
            Advisory(
                id=f"e{len(found)}",
                kind=kind,
                time=f"2026-09-21T15:{clock}.{chance.randint(100, 999)}Z",
                stream="LOGS",
                consumer=f"archive-p{partition}-explicit-1",
                sequence=sequence,
                sentence=sentence,
            )
        )

    for place in range(6):
        delivery = 6 - place // 2
        add("nak", f"refused (nak) at delivery {delivery}: it comes again",
            sequence=FIRST + place, partition=place % 4)  # fmt: skip
    add("terminated", "terminated after 4 deliveries: not a log", sequence=FIRST + 9, partition=1)
    add("max deliver", GIVEN_UP, sequence=FIRST + 12, partition=0)
    for place in range(5):
        add("nak", "refused (nak) at delivery 1: it comes again",
            sequence=FIRST + 20 + place, partition=place % 4)  # fmt: skip
    add("pinned", "one client of group receiver is served alone from now on", partition=2)
    add("pinned", "its client is no longer the only one served: timeout", partition=2)
    add("leader", "the consumer has a new leader: n2", partition=3)
    add("pause", "no longer paused", partition=1)
    add("change", "the consumer was created", partition=3)
    counts = [(kind, sum(one.kind == kind for one in found)) for kind in KINDS]
    return EventsSeen(
        events=tuple(found),
        counts=tuple(
            (kind, number * 40 if kind == "nak" else number) for kind, number in counts if number
        ),
        forgotten=429,
        listening_since=NOW - 900,
        history="older ones come from stream LOGS_EVENTS",
        revision=1,
    )


def two_receivers(**fields: object) -> tuple[ReceiverStatus, ReceiverStatus]:
    """Return two receivers that share four partitions."""
    members = ("receiver-1", "receiver-2")

    def parts(ours: tuple[int, int], other: str) -> tuple[PartitionStatus, ...]:
        return tuple(
            PartitionStatus(
                partition=number,
                state="running" if number in ours else "elsewhere",
                delivered=18_240 + number if number in ours else 0,
                committed=18_238 + number if number in ours else 0,
                unacked=8 + number if number in ours else 0,
                owner="" if number in ours else other,
            )
            for number in range(4)
        )

    first = receiver(
        members=members, max_ack_pending=200, partitions=parts((0, 1), "receiver-2"),
        suppressed=212, **fields,
    )  # fmt: skip
    second = receiver(
        name="receiver-2", members=members, max_ack_pending=200, pid=4802, started=NOW - 212,
        written_lines=88_004, written_messages=22_010, unacked=21,
        partitions=parts((2, 3), "receiver-1"),
    )  # fmt: skip
    return first, second


WITHHOLD = AnswerRule(answer="withhold")


def played_hosts() -> dict[str, HostStatus]:
    """Return what the receivers know after a scene on order."""
    host = HostStatus(
        host="web-01", partition=0, delivered=18_240, written=18_240, written_lines=31_204,
        suppressed=18, out_of_order=70,
    )  # fmt: skip
    return {"web-01": host}


def played_scene(flying: list[InFlightMessage]) -> LabState:
    """Return the lab when a scene has been played and not gone back from."""
    before = Moment(receivers=(receiver(),), counters={"written": 27_167, "repeats": 12})
    now = Moment(
        receivers=(receiver(),),
        counters=account_of(played_hosts()),
        in_flight=InFlight(total=len(flying), messages=tuple(flying), read_at=NOW),
    )
    scene = SCENES[-1]
    return LabState(phase="played", scene=scene, step=len(scene.steps), before=before, now=now)


def withholding_two() -> tuple[ReceiverStatus, ...]:
    """Return the two while they withhold their acks."""
    return tuple(
        msgspec.structs.replace(one, answer="withhold", rule=WITHHOLD, unacked=32)
        for one in two_receivers()
    )
