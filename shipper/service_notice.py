"""Tells the service manager how a program is: ready, stopping, and alive by the second.

systemd's protocol is one datagram of NAME=value lines to the socket that NOTIFY_SOCKET names.
Where none is named, nothing is sent.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


class ServiceNotice:
    """Notices to the service manager that started this process, if one did."""

    def __init__(self, address: str = "", *, watchdog: float | None = None) -> None:
        """``watchdog``: seconds without a sign of life after which the manager acts."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ServiceNotice:
        """Return what the service manager asked for in the environment."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        return cls(address, watchdog=_watchdog(environment))

    def ready(self) -> None:
        """Say that it does its work, or will as soon as there is a connection."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Say that it drains and will end."""
        self._send("STOPPING=1")

    async def keep_alive(self) -> None:
        """Give signs of life for as long as the event loop turns. Never returns."""
        if self._watchdog is None:
            await asyncio.Event().wait()
            return
        while True:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 3)

    def _send(self, line: str) -> None:
        if not self._address:
            return
        kind = socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)
        try:
            with socket.socket(socket.AF_UNIX, kind) as sender:
                sender.setblocking(False)
                sender.sendto(line.encode(), self._address)
        except OSError as error:
            log.debug("the service manager cannot be told %s: %s", line, error)


def _watchdog(environment: Mapping[str, str]) -> float | None:
    process = environment.get("WATCHDOG_PID", "")
    microseconds = environment.get("WATCHDOG_USEC", "")
    if process not in ("", str(os.getpid())):
        return None
    if not (microseconds.isascii() and microseconds.isdigit()) or int(microseconds) == 0:
        return None
    return int(microseconds) / 1e6
