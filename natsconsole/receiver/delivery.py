"""One delivery of one message, read from what JetStream sends."""

from __future__ import annotations

import msgspec

from shipper.wire import SourceRange

Place = tuple[int, int, int, int]
"""Deliveries, stream sequence, consumer sequence, and how many messages the consumer has still to
deliver. One is made for every message: a bare tuple costs a tenth of a named one."""


def place_of(reply: str) -> Place | None:
    """Read an ack reply subject, of either form; None for anything else.

    The form with 9 tokens is ``$JS.ACK.<stream>.<consumer>.<deliveries>...``; the longer one has
    domain and account hash before the stream.
    """
    tokens = reply.split(".")
    count = len(tokens)
    if count < 9 or tokens[0] != "$JS" or tokens[1] != "ACK":
        return None
    try:
        if count == 9:
            return int(tokens[4]), int(tokens[5]), int(tokens[6]), int(tokens[8])
        return int(tokens[6]), int(tokens[7]), int(tokens[8]), int(tokens[10])
    except (ValueError, IndexError):
        return None


def stored_at(reply: str) -> int:
    """Return when a message was stored, in nanoseconds since the epoch; 0 where it is not said."""
    tokens = reply.split(".")
    try:
        return int(tokens[7 if len(tokens) == 9 else 9])
    except (ValueError, IndexError):
        return 0


class Delivery(msgspec.Struct, eq=False, gc=False):
    """A message as it was delivered. One is made for every message: no dict, no collection."""

    sequence: int
    """Of the stream."""
    consumer_sequence: int
    deliveries: int
    reply: str
    host: str
    source: SourceRange | None
    payload: bytes
    received: float
    """When it came, or was last said to be in progress; seconds of the monotonic clock."""
    written: bool = False
    """Whether its lines are in the host's file and the ledger."""
