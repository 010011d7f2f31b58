"""What every test of the receiver has."""

from __future__ import annotations

import pytest

from natsconsole.receiver import receiver


@pytest.fixture(autouse=True)
def _patient_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody give up asking a receiver: a busy machine holds its workers up for seconds."""
    for limit in ("ANSWER_LIMIT", "SWITCH_LIMIT"):
        monkeypatch.setattr(receiver, limit, 30.0)
