"""Waiting for what must become true."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable


async def until(
    condition: Callable[[], object | Awaitable[object]], *, within: float = 20.0, why: str = ""
) -> None:
    """Poll ``condition``, sync or async, until it is true; AssertionError after ``within`` s."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {why or inspect.getsource(condition)}")
        await asyncio.sleep(0.005)
