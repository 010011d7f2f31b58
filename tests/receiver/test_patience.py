"""Starting waits for a server that is only out of breath, and for nothing else."""

from __future__ import annotations

import pytest

from natsconsole.gateway.jetstream import ApiError, JetStreamOffError
from natsconsole.gateway.key_value import NoBucketError
from natsconsole.receiver import patience
from natsconsole.receiver.opening import ReceiverError
from natsconsole.receiver.patience import patiently
from shipper.connection import NoRespondersError, RequestFailedError


@pytest.fixture(autouse=True)
def _without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSE", 0.0)


def caused_by(cause: Exception) -> Exception:
    error = ReceiverError("in other words")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        RequestFailedError("no answer"),
        NoRespondersError("a.b", "127.0.0.1:1"),
        ApiError(503, 10008, "JetStream system temporarily unavailable"),
        NoBucketError("bucket"),
        caused_by(ApiError(503, 10008, "JetStream system temporarily unavailable")),
    ],
)
async def test_tries_again_what_passes(error: Exception) -> None:
    errors = [error, error]

    async def attempt() -> str:
        if errors:
            raise errors.pop()
        return "done"

    assert await patiently(attempt) == "done"


@pytest.mark.parametrize(
    "error",
    [
        ReceiverError("there is no stream"),
        ApiError(404, 10059, "stream not found"),
        JetStreamOffError(),
        ValueError("a defect"),
    ],
)
async def test_says_at_once_what_does_not(error: Exception) -> None:
    attempts = 0

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        raise error

    with pytest.raises(type(error)):
        await patiently(attempt)
    assert attempts == 1


async def test_does_not_wait_for_ever() -> None:
    async def attempt() -> None:
        raise RequestFailedError("no answer")

    with pytest.raises(RequestFailedError):
        await patiently(attempt, seconds=-1)
