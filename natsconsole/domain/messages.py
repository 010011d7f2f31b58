"""Messages as a person looks at them: those in flight, and one opened to its last byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from natsconsole.domain.lines import HostMarks
from natsconsole.domain.receivers import HostStatus, UnackedMessage

HEX_WIDTH = 16
LONGEST_ROW = 4096
"""Characters of one row of text: what follows stands on the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlightMessage:
    """A message that is delivered and not acknowledged, and the receiver that has it."""

    receiver: str
    message: UnackedMessage
    is_lab: bool = False
    """Whether its receiver may be told to refuse it."""

    @property
    def sequence(self) -> int:
        """Its stream sequence."""
        return self.message.sequence

    def remaining(self, read_at: float, now: float) -> float:
        """Return the seconds until it is delivered again, 0 where it is due."""
        return max(0.0, self.message.remaining - (now - read_at))

    def age(self, read_at: float, now: float) -> float:
        """Return the seconds since it was delivered last."""
        return max(0.0, self.message.age + (now - read_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """The messages in flight over all receivers, in sequence order."""

    total: int = 0
    """How many there are, where ``messages`` was cut."""
    messages: tuple[InFlightMessage, ...] = ()
    read_at: float = 0.0
    """By the console's clock: countdowns run on from here."""
    silent: tuple[str, ...] = ()
    """Receivers that did not answer: theirs are missing."""


EMPTY_IN_FLIGHT = InFlight()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMessage:
    """A stored message. Everything in it is untrusted."""

    sequence: int
    subject: str
    host: str
    """Empty where the subject names none."""
    time: float
    headers: tuple[tuple[str, str], ...]
    """As they were published, repeated ones too."""
    payload: bytes

    @property
    def first_line(self) -> str:
        """The first line; bytes that are not UTF-8 are surrogate escapes."""
        line = self.payload[:LONGEST_ROW].partition(b"\n")[0]
        return line.decode("utf-8", "surrogateescape")


def text_rows(payload: bytes, width: int = LONGEST_ROW) -> list[str]:
    """Return a payload's lines, folded to a width in cells."""
    rows: list[str] = []
    for line in payload.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n"):
        # Letters of other scripts may be two cells wide, bytes that are no text take four.
        step = max(1, width if line.isascii() and line.isprintable() else width // 4)
        step = step if len(line) > width or step == width else width
        rows += [line[at : at + step] for at in range(0, len(line), step)] or [""]
    return rows


def json_text(payload: bytes) -> bytes | None:
    """Return a payload that is JSON laid out for reading; None where it is none."""
    try:
        return msgspec.json.format(payload, indent=2) if payload.strip() else None
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def hex_row(payload: bytes, number: int) -> str:
    """Return one row of sixteen bytes: offset, bytes, and what of them is printable ASCII."""
    chunk = payload[number * HEX_WIDTH : (number + 1) * HEX_WIDTH]
    halves = (chunk[:8].hex(" "), chunk[8:].hex(" "))
    text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in chunk)
    return f"{number * HEX_WIDTH:08x}  {halves[0]:<23}  {halves[1]:<23}  {text}"


def hex_rows(payload: bytes) -> int:
    """Return how many rows a payload takes."""
    return -(-len(payload) // HEX_WIDTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """A message and what its receiver did with it."""

    message: StreamMessage
    in_flight: InFlightMessage | None = None
    host: HostStatus | None = None
    marks: HostMarks = field(default_factory=HostMarks)

    @property
    def story(self) -> tuple[str, ...]:
        """What became of it, in sentences."""
        return tuple(_story(self))


def _story(opened: OpenedMessage) -> Iterator[str]:
    sequence, host = opened.message.sequence, opened.host
    if opened.in_flight is not None:
        message = opened.in_flight.message
        times = "once" if message.deliveries == 1 else f"{message.deliveries} times"
        yield f"delivered {times} to {opened.in_flight.receiver}, partition {message.partition}"
        yield (
            "its lines are in the host's file; it will not be written twice"
            if message.written
            else "its lines are not in the host's file yet"
        )
        return
    if host is None:
        if sequence <= opened.marks.ack_floor:
            yield "below the ack floor of its consumer: acknowledged, terminated or given up"
        elif sequence <= opened.marks.delivered:
            yield "delivered; no receiver of ours tells more"
        else:
            yield "stored, not delivered yet"
        return
    if host.parked_from and sequence >= host.parked_from:
        yield f"waits in the stream until the host's file can be written: {host.reason}"
    elif sequence > host.delivered:
        yield "stored, not delivered yet"
    elif sequence > host.written:
        yield f"delivered, not written{host.reason and f': {host.reason}'}"
    else:
        yield (
            "settled: written and acknowledged, or terminated"
            if host.quarantined
            else "written, and acknowledged"
        )
    if host.quarantined:
        yield (
            f"{host.quarantined:,} of this host's messages were terminated and lie in quarantine; "
            "Events says which and why"
        )
