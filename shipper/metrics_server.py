"""What monitoring asks a shipper: ``/metrics``, ``/healthz`` and ``/readyz``."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from shipper.agent import Agent
from shipper.connection import Connection
from shipper.http_server import Address, HttpServer, Reply, prometheus_needed


class MetricsServer:
    """Serves one shipper's metrics and health. Opened with ``async with``."""

    def __init__(self, address: Address, agent: Agent, connection: Connection) -> None:
        self._address = address
        self._agent = agent
        self._connection = connection
        self._server = HttpServer(
            {"/metrics": self._metrics, "/healthz": self._health, "/readyz": self._readiness}
        )

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, with the ports it got."""
        return self._server.addresses

    async def __aenter__(self) -> Self:
        """Bind and begin to answer.

        Raises:
            HttpError: prometheus-client is missing, or the address cannot be had.
        """
        with prometheus_needed():
            from shipper import metrics  # noqa: F401
        await self._server.listen(self._address)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.close()

    async def _metrics(self, headers: Mapping[str, str]) -> Reply:
        from shipper.metrics import Standing, exposition

        survey = await self._agent.survey()
        standing = Standing(
            figures=self._agent.figures,
            survey=survey,
            connected=self._connection.state == "connected",
            problems=len(self._agent.problems),
            orders={host: self._agent.button.order_for(host) for host in survey.hosts},
        )
        body, content_type = exposition(standing, headers.get("accept", ""))
        return Reply(200, body, content_type)

    async def _health(self, _: Mapping[str, str]) -> Reply:
        return Reply(200, b"alive\n")

    async def _readiness(self, _: Mapping[str, str]) -> Reply:
        if self._connection.state != "connected":
            return Reply(503, b"not connected to the NATS server\n")
        return Reply(200, b"shipping\n")
