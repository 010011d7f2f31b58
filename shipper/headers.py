"""NATS message headers as bytes in and values out.

The receive path looks at every message's headers, most of which are ours or absent, so the raw
block is kept and only what is asked for is parsed. Nothing here raises on hostile input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_VERSION = b"NATS/1.0"
_END_OF_LINE = b"\r\n"


class Status(NamedTuple):
    """The inline status of a control message, such as ``404 No Messages``."""

    code: int
    description: str


def status_of(block: bytes) -> Status | None:
    """Return the inline status of a raw header block, or None for an ordinary message."""
    if not block.startswith(_VERSION + b" "):
        return None
    line = block[len(_VERSION) :].split(_END_OF_LINE, 1)[0].strip()
    code, _, description = line.partition(b" ")
    if not code.isdigit() or len(code) > 3:
        return None
    return Status(int(code), description.decode("utf-8", "replace"))


def fields_of(block: bytes) -> dict[str, str]:
    """Return the fields of a raw header block; of a repeated field, the first value.

    Lines that are no ``Name: value`` are passed over, bytes that are not UTF-8 are replaced.
    """
    fields: dict[str, str] = {}
    for name, value in _lines_of(block):
        fields.setdefault(name, value)
    return fields


def server_fields_of(block: bytes) -> dict[str, str]:
    """Return the fields as the server has them: of a repeated field, the last value.

    The server appends its own to those of the publisher, who may have sent some of that name.
    """
    return dict(_lines_of(block))


def _lines_of(block: bytes) -> Iterator[tuple[str, str]]:
    for line in block.split(_END_OF_LINE)[1:]:
        name, colon, value = line.partition(b":")
        if colon and name.isascii():
            yield name.decode("ascii").strip(), value.strip().decode("utf-8", "replace")
