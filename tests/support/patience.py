"""Waiting for answers where a busy machine stops a server, or the test, for seconds."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shipper.connection import Connection, ConnectionOptions, Reply

PATIENCE = 20.0
"""Seconds."""


@pytest.fixture(autouse=True)
def patient_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every connection, the product's too, wait longer for an answer than by default."""
    for ask in (Connection.request, Connection.rtt):
        monkeypatch.setattr(ask, "__kwdefaults__", (ask.__kwdefaults__ or {}) | {"timeout": 10.0})


def patient_options(url: str) -> ConnectionOptions:
    """Return the options of a connection that may take long to be made."""
    return ConnectionOptions(servers=(url,), connect_timeout=PATIENCE)


class PatientConnection(Connection):
    """The test's own, for which nobody is too slow, where the product's limits are to hold."""

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
