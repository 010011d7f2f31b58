"""Runs something until it is done or a signal ends it; either way it tidies up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

from shipper.lifeline import watch_lifeline

Result = TypeVar("Result")

_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_signalled(work: Coroutine[None, None, Result]) -> Result | None:
    """Return what ``work`` returns, or None once a signal has ended it and it has tidied up."""
    task = asyncio.create_task(work)
    is_ended = False

    def end() -> None:
        # Only once: a second signal must not interrupt the tidying up.
        nonlocal is_ended
        if not is_ended:
            is_ended = True
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in _ENDING_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end)
    watch_lifeline(end)
    try:
        return await task
    except asyncio.CancelledError:
        if not is_ended:
            raise
        return None
