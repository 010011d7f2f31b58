"""The fleet: one process that writes every host's log, as the hosts' services would.

``python -m natsconsole.demo.fleet --dir D --hosts N --rate R`` writes ``D/<host>/<log>.log`` until
SIGTERM, or until the process that holds its lifeline is gone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import selectors
import signal
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random

from natsconsole.demo.fleet_hosts import fleet_hosts
from natsconsole.demo.host_log import HostLog
from natsconsole.demo.log_lines import LineSource
from natsconsole.demo.pace import Pace
from shipper.lifeline import LIFELINE_VARIABLE

TICK = 0.03
"""Seconds between writes: shorter than what a screen shows as jerks."""
ROTATE_BYTES = 64 << 10
"""Small, so that in a demo of some minutes most hosts rotate."""
ROTATE_SECONDS = 2.0
"""Also the busiest log of a fast fleet keeps its name so long: as in life, a shipper that is just
starting finds it under it."""
_SPARE_FILES = 64


class Fleet:
    """All hosts' logs, written at uneven rates that sum to ``rate`` lines a second."""

    def __init__(
        self, directory: Path, *, hosts: int, rate: float, seed: int, rotate_bytes: int
    ) -> None:
        members = fleet_hosts(hosts)
        self._sources = [LineSource(host, seed) for host in members]
        self._paths = [directory / host.name / host.log_name for host in members]
        self._rotate_bytes = rotate_bytes
        self._logs: dict[int, HostLog] = {}
        self._pace = Pace(members, rate, Random(seed))  # noqa: S311 - it writes fiction
        self._stamps = Stamps()
        self._last = 0.0

    def write(self, elapsed: float, now: float) -> None:
        """Write what is due ``elapsed`` seconds after the start, at the time ``now``."""
        due = self._pace.due(elapsed)
        began, span = now - (elapsed - self._last), elapsed - self._last
        self._last = elapsed
        written: defaultdict[int, list[bytes]] = defaultdict(list)
        for place, index in enumerate(due, start=1):
            if self._log(index).takes_more:
                stamp = self._stamps.at(began + span * place / len(due))
                written[index].append(self._sources[index].line(stamp))
        for index, lines in written.items():
            self._log(index).write(b"".join(lines))

    def close(self) -> None:
        """Close every log behind its last whole line."""
        for log in self._logs.values():
            log.close()

    def _log(self, index: int) -> HostLog:
        if index not in self._logs:
            self._logs[index] = HostLog(
                self._paths[index],
                rotate_bytes=self._rotate_bytes,
                rotate_seconds=ROTATE_SECONDS,
            )
        return self._logs[index]


class Stamps:
    """Times of day as ``14:03:21.220``."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def at(self, now: float) -> str:
        """Return the time of day at ``now``, in seconds since the epoch."""
        millis = int(now * 1000)
        second = millis // 1000
        if second != self._second:
            self._second = second
            self._text = time.strftime("%H:%M:%S", time.localtime(second))
        return f"{self._text}.{millis % 1000:03d}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write until told to stop."""
    asked = _parser().parse_args(arguments)
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _allow_open_files(asked.hosts + _SPARE_FILES)
    fleet = Fleet(
        asked.dir,
        hosts=asked.hosts,
        rate=asked.rate,
        seed=asked.seed,
        rotate_bytes=asked.rotate_bytes,
    )
    with contextlib.closing(fleet), selectors.DefaultSelector() as parent:
        lifeline = os.environ.get(LIFELINE_VARIABLE, "")
        if lifeline.isdigit():
            parent.register(int(lifeline), selectors.EVENT_READ)
        began = time.monotonic()
        while not stopping:
            fleet.write(time.monotonic() - began, time.time())
            # Nobody writes to the pipe: it is readable when its other end has gone.
            stopping = _wait(parent, TICK) or stopping


def _wait(parent: selectors.BaseSelector, seconds: float) -> bool:
    if not parent.get_map():
        time.sleep(seconds)
        return False
    return bool(parent.select(seconds))


def _allow_open_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m natsconsole.demo.fleet", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--hosts", type=int, default=12, metavar="N")
    parser.add_argument("--rate", type=float, default=200.0, metavar="LINES_PER_SECOND")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--rotate-bytes", type=int, default=ROTATE_BYTES, metavar="BYTES")
    return parser


if __name__ == "__main__":
    main()
