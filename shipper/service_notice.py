"""Tells systemd how the shipper is: ready, stopping, and alive while its event loop turns.

The protocol is one datagram of NAME=value lines to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping

from shipper.log_format import plain


class ServiceNotice:
    """Notices to the service manager that started this process, if one did."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = _watchdog_seconds(environment)

    def ready(self) -> None:
        """Say that files are followed; the connection may come later, the files wait."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Say that it will end."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Say in one line how it is: ``systemctl status`` shows it."""
        self._send(f"STATUS={plain(text)}")

    async def keep_alive(self) -> None:
        """Give signs of life until cancelled."""
        while self._watchdog:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 3)
        await asyncio.Event().wait()

    def _send(self, line: str) -> None:
        if not self._address.startswith(("/", "\0")):
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(line.encode(), self._address)


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    text = environment.get("WATCHDOG_USEC", "")
    is_ours = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
    return int(text) / 1e6 if is_ours and text.isascii() and text.isdigit() else 0.0
