"""A connection of the test's own, for which nobody is too slow."""

from __future__ import annotations

from collections.abc import Mapping

from shipper.connection import Connection, ConnectionOptions, Reply

PATIENCE = 20.0
"""Seconds: a busy machine stops a server, or the test, for some of them."""


def patient_options(url: str) -> ConnectionOptions:
    """Return the options of a connection that may take long to be made."""
    return ConnectionOptions(servers=(url,), connect_timeout=PATIENCE)


class PatientConnection(Connection):
    """Waits longer for an answer than anybody says who asks."""

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        timeout: float = PATIENCE,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        return await super().request(
            subject, payload, timeout=max(timeout, PATIENCE), headers=headers
        )
