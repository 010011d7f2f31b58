"""A shipper's figures as Prometheus metrics. Nothing is counted here.

Hosts are no labels unless they are few: one process may ship ten thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

import shipper
from shipper.figures import Figures
from shipper.reader import Survey
from shipper.wire import Order

HOSTS_AS_LABELS = 50
_PREFIX = "shipper_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that there is to tell at one moment."""

    figures: Figures
    survey: Survey
    connected: bool
    problems: int
    orders: dict[str, Order] = field(default_factory=dict)
    """By host."""


def exposition(standing: Standing, accept: str = "") -> tuple[bytes, str]:
    """Return the metrics and their content type, in the newest format that ``accept`` names."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(standing))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Snapshot(Collector):
    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        standing = self._standing
        figures, survey, orders = standing.figures, standing.survey, standing.orders.values()
        hosts = survey.hosts.values()
        yield InfoMetricFamily(
            "shipper", "Which shipper this is.", value={"version": shipper.__version__}
        )
        yield _counter("lines", "Lines that the stream has.", figures.lines)
        yield _counter("bytes", "Bytes of files that the stream has.", figures.bytes)
        yield _counter("acks", "Messages acknowledged.", figures.acks)
        yield _counter("duplicates", "Messages that the stream had already.", figures.duplicates)
        yield _counter("retries", "Messages refused or not answered.", figures.retries)
        yield _counter(
            "lost_bytes", "Bytes taken away before they were read, at least.", survey.lost_bytes
        )
        yield _counter(
            "restarted_files", "Files whose content was replaced in place.", survey.restarts
        )
        yield _gauge("connected", "1 while connected to NATS.", standing.connected)
        yield _gauge("problems", "Problems there are now; the log says which.", standing.problems)
        yield _gauge("files", "Files held open.", survey.files)
        yield _gauge("logs", "Logs followed.", sum(host.logs for host in hosts))
        yield _gauge(
            "unwatched_logs", "Logs polled because the kernel tells nothing.", survey.unwatched
        )
        yield _gauge(
            "backlog_bytes",
            "Bytes in files that the stream does not have.",
            sum(host.backlog_bytes for host in hosts),
        )
        yield _gauge(
            "lag_seconds",
            "For how long, at most, the oldest of them have waited.",
            max((host.lag_seconds for host in hosts), default=0.0),
        )
        yield _gauge(
            "paused_hosts", "Hosts that the red button pauses.", sum(o.pause for o in orders)
        )
        yield _gauge(
            "limited_hosts",
            "Hosts whose rate the red button limits.",
            sum(o.bytes_per_second > 0 for o in orders),
        )
        if len(survey.hosts) <= HOSTS_AS_LABELS:
            yield from self._by_host()

    def _by_host(self) -> Iterator[Metric]:
        backlog = GaugeMetricFamily(
            f"{_PREFIX}host_backlog_bytes", "As backlog_bytes, of one host.", labels=["host"]
        )
        lag = GaugeMetricFamily(
            f"{_PREFIX}host_lag_seconds", "As lag_seconds, of one host.", labels=["host"]
        )
        for host, standing in self._standing.survey.hosts.items():
            backlog.add_metric([host], standing.backlog_bytes)
            lag.add_metric([host], standing.lag_seconds)
        yield backlog
        yield lag


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(_PREFIX + name, text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, text, value=value)
