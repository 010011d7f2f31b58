"""Patience with a server that is only out of breath, as while it elects a leader."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from natsconsole.gateway.jetstream import ApiError, JetStreamOffError
from natsconsole.gateway.key_value import NoBucketError
from shipper.connection import ConnectionProblem

log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds: longer than a cluster needs for an election."""
_PAUSE = 0.5

T = TypeVar("T")


async def patiently(attempt: Callable[[], Awaitable[T]], *, seconds: float = PATIENCE) -> T:
    """Return what ``attempt`` returns, trying again while it fails for a passing reason.

    Raises:
        Exception: what the attempt raised, at once where trying again is no use, else once
            ``seconds`` have passed.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await attempt()
        except Exception as error:
            if not is_passing(error) or time.monotonic() > deadline:
                raise
            log.info("%s; trying again", error)
        await asyncio.sleep(_PAUSE)


def is_passing(error: BaseException) -> bool:
    """Whether an error may be gone by itself in some seconds."""
    cause = error.__cause__ or error
    if isinstance(cause, ApiError):
        return cause.code in {408, 500, 503, 504} and not isinstance(cause, JetStreamOffError)
    return isinstance(cause, ConnectionProblem | NoBucketError)
