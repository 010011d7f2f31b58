"""Sends answers to deliveries.

An answer that cannot be sent is as if nobody had thought of it: the server delivers again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from natsconsole.receiver.answers import ACK
from natsconsole.receiver.delivery import Delivery
from shipper.connection import Connection, ConnectionProblem

CONFIRM_WITHIN = 2.0
"""Seconds to wait for the server's word that an ack counts."""


class Replies:
    """Answers on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, deliveries: Sequence[Delivery], answer: bytes) -> bool:
        """Queue one answer for each; False where there is no connection."""
        try:
            self._connection.send((delivery.reply, answer) for delivery in deliveries)
        except ConnectionProblem:
            return False
        return True

    def acknowledge(self, deliveries: Sequence[Delivery]) -> bool:
        """Queue an ack for each; False where there is no connection."""
        return self.send(deliveries, ACK)

    async def acknowledge_confirmed(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Acknowledge each with a reply subject of ours; returns what the server confirms."""

        async def confirm(delivery: Delivery) -> bool:
            try:
                await self._connection.request(delivery.reply, ACK, timeout=CONFIRM_WITHIN)
            except ConnectionProblem:
                return False
            return True

        confirmed = await asyncio.gather(*(confirm(delivery) for delivery in deliveries))
        return [one for one, is_in in zip(deliveries, confirmed, strict=True) if is_in]
