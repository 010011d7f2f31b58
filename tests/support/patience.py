"""Waiting for answers where the machine may be busy."""

from __future__ import annotations

import pytest

from shipper.connection import Connection


@pytest.fixture(autouse=True)
def patient_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer for an answer than a person would: a server may be held up for seconds."""
    for ask in (Connection.request, Connection.rtt):
        monkeypatch.setattr(ask, "__kwdefaults__", (ask.__kwdefaults__ or {}) | {"timeout": 10.0})
