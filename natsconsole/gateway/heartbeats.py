"""The shippers' heartbeats as they come: untrusted like everything from the network."""

from __future__ import annotations

import msgspec

from shipper.wire import Heartbeat

LONGEST = 1 << 20
"""Bytes of a heartbeat that are read at most."""
LONGEST_TEXT = 300
"""Characters that are kept of any text in it."""
PROBLEMS = 20
"""Problems that are kept of one shipper."""


def read_heartbeat(payload: bytes) -> Heartbeat | None:
    """Read a heartbeat, its texts cut; None where it is none."""
    if len(payload) > LONGEST:
        return None
    try:
        beat = msgspec.json.decode(payload, type=Heartbeat)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return msgspec.structs.replace(
        beat,
        name=beat.name[:LONGEST_TEXT],
        instance=beat.instance[:LONGEST_TEXT],
        problems=tuple(text[:LONGEST_TEXT] for text in beat.problems[:PROBLEMS]),
    )
