"""What monitoring asks a receiver: ``/metrics``, ``/healthz`` and ``/readyz``.

It listens before there is a receiver, so that a taken port is known at once; until then it says
that the receiver is starting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self

from natsconsole.domain.receivers import ReceiverState, ReceiverStatus
from natsconsole.domain.terminal_text import visible
from natsconsole.receiver.partition_logs import Totals
from natsconsole.receiver.upkeep import UpkeepFigures
from shipper.http_server import Address, HttpServer, Reply, prometheus_needed

_RECEIVING: frozenset[ReceiverState] = frozenset({"running", "switching"})


class MetricsServer:
    """Serves one receiver's metrics and health. Opened with ``async with``."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._server = HttpServer(
            {"/metrics": self._metrics, "/healthz": self._health, "/readyz": self._readiness}
        )
        self._status: Callable[[], ReceiverStatus] | None = None
        self._is_connected: Callable[[], bool] = lambda: False
        self._counted: Callable[[], Totals] = Totals
        self._upkeep: Callable[[], UpkeepFigures | None] = lambda: None
        # One thread: a crowd of scrapers waits, the receiver does not.
        self._encoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics")

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, with the ports it got."""
        return self._server.addresses

    def watch(
        self,
        status: Callable[[], ReceiverStatus],
        *,
        counted: Callable[[], Totals] = Totals,
        is_connected: Callable[[], bool],
        upkeep: Callable[[], UpkeepFigures | None] = lambda: None,
    ) -> None:
        """Serve this receiver from now on. All of them are called in the event loop, per request.

        ``counted`` returns what was done since the start; the others how it is now.
        """
        self._counted = counted
        self._is_connected = is_connected
        self._upkeep = upkeep
        self._status = status

    async def __aenter__(self) -> Self:
        """Bind and begin to answer.

        Raises:
            HttpError: prometheus-client is missing, or the address cannot be had.
        """
        with prometheus_needed():
            from natsconsole.receiver import metrics  # noqa: F401
        await self._server.listen(self._address)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.close()
        self._encoder.shutdown(wait=False)

    async def _metrics(self, headers: Mapping[str, str]) -> Reply:
        from natsconsole.receiver.metrics import exposition

        if self._status is None:
            return Reply(503, b"starting\n")
        encode = partial(
            exposition,
            self._status(),
            self._counted(),
            self._upkeep(),
            connected=self._is_connected(),
            accept=headers.get("accept", ""),
        )
        loop = asyncio.get_running_loop()
        body, content_type = await loop.run_in_executor(self._encoder, encode)
        return Reply(200, body, content_type)

    async def _health(self, _: Mapping[str, str]) -> Reply:
        return Reply(200, b"alive\n")

    async def _readiness(self, _: Mapping[str, str]) -> Reply:
        reason = self._why_not_ready()
        if reason:
            return Reply(503, f"{visible(reason)}\n".encode())
        return Reply(200, b"receiving\n")

    def _why_not_ready(self) -> str:
        if self._status is None:
            return "starting"
        if not self._is_connected():
            return "not connected to the NATS server"
        status = self._status()
        if status.state in _RECEIVING:
            return ""
        return f"{status.state}: {status.reason}" if status.reason else status.state
