"""Stored messages as log lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from natsconsole.domain.lines import LogLine
from natsconsole.domain.messages import StreamMessage
from natsconsole.gateway.jetstream import StoredMessage

ADDED = frozenset(
    {
        "nats-stream",
        "nats-subject",
        "nats-sequence",
        "nats-time-stamp",
        "nats-num-pending",
        "nats-last-sequence",
        "nats-upto-sequence",
    }
)
"""Headers that direct get adds to those of the message."""


def epoch_seconds(text: str) -> float:
    """Read JetStream's RFC 3339 times, whose fractions have up to nine digits."""
    main, dot, rest = text.rstrip("Z").partition(".")
    try:
        seconds = datetime.fromisoformat(f"{main}+00:00").timestamp()
    except ValueError:
        return 0.0
    return seconds + (float(f"0.{rest}") if dot and rest.isdigit() else 0.0)


def lines_of(messages: Sequence[StoredMessage]) -> Iterator[LogLine]:
    """Split messages into their lines. Bytes that are not UTF-8 become surrogate escapes."""
    for message in messages:
        text = message.payload.decode("utf-8", "surrogateescape")
        time_ = epoch_seconds(message.time)
        for index, line in enumerate(text.removesuffix("\n").split("\n")):
            yield LogLine(sequence=message.sequence, index=index, time=time_, text=line)


def message_of(stored: StoredMessage, host: str | None) -> StreamMessage:
    """Return a stored message with all its own headers."""
    return StreamMessage(
        sequence=stored.sequence,
        subject=stored.subject,
        host=host or "",
        time=epoch_seconds(stored.time),
        headers=tuple(_headers(stored.headers)),
        payload=stored.payload,
    )


def _headers(block: bytes) -> Iterator[tuple[str, str]]:
    for line in block.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower().decode("utf-8", "replace") not in ADDED:
            yield (
                name.strip().decode("utf-8", "surrogateescape"),
                value.strip().decode("utf-8", "surrogateescape"),
            )
