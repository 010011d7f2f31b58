"""One delivery of one message, read from what JetStream sends."""

from __future__ import annotations

from typing import NamedTuple

from shipper.wire import SourceRange


class Place(NamedTuple):
    """What the ack reply subject says of a delivery."""

    deliveries: int
    stream_sequence: int
    consumer_sequence: int
    stored_ns: int
    """When the stream stored the message, in nanoseconds since the epoch."""
    pending: int
    """How many messages the consumer has still to deliver."""


def place_of(reply: str) -> Place | None:
    """Read an ack reply subject, of either form; None for anything else.

    The form with 9 tokens is ``$JS.ACK.<stream>.<consumer>.<deliveries>...``; the longer one has
    domain and account hash before the stream.
    """
    tokens = reply.split(".")
    if len(tokens) < 9 or tokens[0] != "$JS" or tokens[1] != "ACK":
        return None
    numbers = tokens[4:9] if len(tokens) == 9 else tokens[6:11]
    try:
        deliveries, stream, consumer, stored, pending = map(int, numbers)
    except ValueError:
        return None
    return Place(deliveries, stream, consumer, stored, pending)


class Delivery:
    """A message as it was delivered. One is made for every message: slots, no dataclass."""

    __slots__ = (
        "consumer_sequence",
        "deliveries",
        "host",
        "payload",
        "received",
        "reply",
        "sequence",
        "source",
        "written",
    )

    def __init__(
        self,
        *,
        place: Place,
        reply: str,
        host: str,
        source: SourceRange | None,
        payload: bytes,
        received: float,
    ) -> None:
        self.sequence = place.stream_sequence
        self.consumer_sequence = place.consumer_sequence
        self.deliveries = place.deliveries
        self.reply = reply
        self.host = host
        self.source = source
        self.payload = payload
        self.received = received
        """When it came, or was last said to be in progress; seconds of the monotonic clock."""
        self.written = False
        """Whether its lines are in the host's file and the ledger."""
