"""Messages that can never be written, kept where somebody can look at them.

They are terminated, with the reason, and never silently dropped: a line of JSON each, with the
payload as it came, in a file of the partition. That file is bounded: whoever may publish could fill
the disk otherwise, and stop every host. What comes beyond is terminated and counted, not kept.
"""

from __future__ import annotations

import base64
import json
import time

from natsconsole.receiver.delivery import Delivery

MOST_BYTES = 64 << 20
"""Of one partition's file: anybody who sends so much means to. It is not rotated."""


def quarantine_path(partition: int) -> str:
    """Return where a partition's quarantined messages go, below the receiver's directory."""
    return f".natsconsole/quarantine-p{partition}.jsonl"


def full_alarm(partition: int) -> str:
    """Return what the operator must hear once a partition's file has no room."""
    return (
        f"the quarantine of partition {partition} is full: messages that can never be written are "
        f"terminated and not kept; look at {quarantine_path(partition)} and move it away"
    )


def why_unwritable(delivery: Delivery) -> str:
    """Return why a message can never be written, or nothing where it can."""
    if not delivery.host:
        return "its subject names no host, or one that is no UTF-8"
    source = delivery.source
    if source is not None and source.end - source.start != len(delivery.payload):
        return f"its range says {source.end - source.start} bytes, it has {len(delivery.payload)}"
    if source is not None and source.line > source.start:
        return f"it says that {source.line} line ends are in the {source.start} bytes before it"
    return ""


def quarantined_line(delivery: Delivery, reason: str) -> bytes:
    """Return the line that keeps a message."""
    source = delivery.source
    kept = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "sequence": delivery.sequence,
        "host": delivery.host,
        "log": source.name if source is not None else "",
        "range": None if source is None else [source.file, source.start, source.end, source.line],
        "reason": reason,
        "payload_base64": base64.b64encode(delivery.payload).decode("ascii"),
    }
    return json.dumps(kept).encode() + b"\n"
