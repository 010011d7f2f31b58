"""What messages begin with, read from the stream only for the rows that are seen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from natsconsole.domain.messages import StreamMessage
from natsconsole.gateway.interface import Gateway

KEPT = 2_000
AT_ONCE = 8
"""Messages that are read side by side: each may hold half a megabyte."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is kept of a message."""

    host: str
    line: str


GONE = Beginning("", "(the stream has it no more)")


class FirstLines:
    """A bounded memory of beginnings."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._known: dict[int, Beginning] = {}

    @property
    def known(self) -> Mapping[int, Beginning]:
        """By stream sequence."""
        return self._known

    def missing(self, sequences: Iterable[int]) -> list[int]:
        """Return those that have not been read."""
        return [one for one in dict.fromkeys(sequences) if one and one not in self._known]

    async def read(self, sequences: Iterable[int]) -> Mapping[int, Beginning]:
        """Read the messages and return what they begin with.

        Raises:
            GatewayError: they cannot be read.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def read_one(sequence: int) -> tuple[int, StreamMessage | None]:
            async with gate:
                return sequence, await self._gateway.message(sequence)

        found = await asyncio.gather(*(read_one(one) for one in sequences))
        return {sequence: _beginning(message) for sequence, message in found}

    def learn(self, found: Mapping[int, Beginning]) -> None:
        """Keep what was read; the oldest is forgotten."""
        self._known |= found
        for sequence in list(self._known)[: max(0, len(self._known) - KEPT)]:
            del self._known[sequence]


def _beginning(message: StreamMessage | None) -> Beginning:
    return GONE if message is None else Beginning(message.host, message.first_line)
