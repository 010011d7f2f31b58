"""What every test of the receiver has."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from natsconsole.receiver import receiver
from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.patience import PatientConnection, patient_options


@pytest.fixture(autouse=True)
def _patient_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody give up asking a receiver: a busy machine holds its workers up for seconds."""
    for limit in ("ANSWER_LIMIT", "SWITCH_LIMIT"):
        monkeypatch.setattr(receiver, limit, 30.0)


@pytest_asyncio.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Connection]:
    """An open connection to the server, of the test's own."""
    async with PatientConnection(patient_options(nats_server.url)) as opened:
        yield opened
