"""The servers: one, or a cluster of three on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from natsconsole.demo import watchdog
from natsconsole.demo.child import Child, ChildPlan
from natsconsole.demo.directory import DemoDirectory
from natsconsole.demo.last_words import last_words
from natsconsole.demo.nats_server import nats_server_binary
from natsconsole.demo.problems import DemoError
from natsconsole.gateway.jetstream import API_PREFIX, ApiError, JetStream
from natsconsole.gateway.log_stream import LogStream, create_log_stream
from shipper.connection import Connection, ConnectionOptions, ConnectionProblem
from shipper.lifeline import Lifeline

_ADDRESS = "127.0.0.1"
_READY_WITHIN = 20.0
_POLL = 0.05


class _ClusterField(msgspec.Struct):
    leader: str = ""


class _Led(msgspec.Struct):
    cluster: _ClusterField = msgspec.field(default_factory=_ClusterField)


class Node:
    """One nats-server with JetStream, beneath the watchdog that ends it with us."""

    def __init__(
        self, name: str, directory: DemoDirectory, *, port: int, route: int, remove: str
    ) -> None:
        self.name = name
        self.port = port
        self.route = route
        self.child: Child | None = None
        self._directory = directory
        self._home = directory.server / name
        self._binary = nats_server_binary()
        self._remove = remove

    @property
    def pid(self) -> int | None:
        """The server's own process, which is not its watchdog's."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._pid_file.read_text())
        return None

    def kill(self) -> None:
        """Kill it (SIGKILL); it stays down until its child is revived."""
        assert self.child is not None
        pid = self.pid
        self.child.kill()
        if pid is not None:  # on Linux it dies with its watchdog, elsewhere it does not
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def write_config(self, routes: Sequence[int]) -> None:
        """Write its configuration; more than one route makes it a member of a cluster."""
        self._home.mkdir(parents=True, exist_ok=True)
        urls = [f"nats://{_ADDRESS}:{route}" for route in routes]
        cluster = (
            f"cluster {{ name: chaos, host: {_ADDRESS}, port: {self.route}, no_advertise: true, "
            f"routes: {json.dumps(urls)} }}\n"
            if len(routes) > 1
            else ""
        )
        self._config.write_text(
            f"host: {_ADDRESS}\nport: {self.port}\nserver_name: {self.name}\n"
            f"pid_file: {json.dumps(str(self._pid_file))}\n"
            f"jetstream {{ store_dir: {json.dumps(str(self._home / 'store'))}, "
            f"max_file_store: 2GiB, max_memory_store: 64MiB }}\n{cluster}"
        )

    def command(self) -> list[str]:
        """Return the command that runs it beneath its watchdog."""
        self._pid_file.unlink(missing_ok=True)
        dog = [sys.executable, "-I", "-S", watchdog.__file__]
        lock = str(self._directory.lock_path)
        return [*dog, lock, self._remove, self._binary, "--config", str(self._config)]

    @property
    def _config(self) -> Path:
        return self._home / "nats-server.conf"

    @property
    def _pid_file(self) -> Path:
        return self._home / "nats-server.pid"


class Cluster:
    """All servers, and how to reach them past every fault of the network.

    Args:
        count: 1, or 3 for a cluster whose stream has 3 replicas.
        remove: the directory that the watchdogs remove if we are killed; empty for none.
    """

    def __init__(self, count: int, directory: DemoDirectory, *, remove: str) -> None:
        ports = _free_ports(2 * count)
        self.nodes = [
            Node(
                f"server-{number + 1}",
                directory,
                port=ports[2 * number],
                route=ports[2 * number + 1],
                remove=remove,
            )
            for number in range(count)
        ]
        self._directory = directory

    @property
    def urls(self) -> tuple[str, ...]:
        """Where the servers listen."""
        return tuple(f"nats://{_ADDRESS}:{node.port}" for node in self.nodes)

    @property
    def ports(self) -> list[int]:
        """The ports clients connect to."""
        return [node.port for node in self.nodes]

    async def start(self, lifeline: Lifeline, report: Callable[[str], None]) -> None:
        """Start every server."""
        for node in self.nodes:
            node.write_config([other.route for other in self.nodes])
            plan = ChildPlan(
                name=node.name,
                command=node.command,
                log=self._directory.logs / f"{node.name}.log",
                lifeline=lifeline,
            )
            node.child = Child(plan, report=report)
            await node.child.start()

    async def make_stream(self, stream: LogStream) -> Connection:
        """Wait until the servers answer, make the stream, and return an open connection.

        Raises:
            DemoError: they do not answer in time.
        """
        connection = Connection(ConnectionOptions(servers=self.urls, name="chaos"))
        await connection.open(retry=True)
        deadline = time.monotonic() + _READY_WITHIN
        jetstream = JetStream(connection)
        while True:
            try:
                await connection.wait_connected(1.0)
                await create_log_stream(jetstream, stream)
            except (ConnectionProblem, ApiError) as error:
                if time.monotonic() > deadline:
                    await connection.close()
                    why = last_words(self._directory.logs / f"{self.nodes[0].name}.log")
                    raise DemoError(f"the servers are not ready: {error}; {why}") from None
                await asyncio.sleep(_POLL)
            else:
                return connection

    async def leader(self, connection: Connection, stream: str) -> Node:
        """Return the server that leads the stream; any of them where nobody can tell."""
        if len(self.nodes) == 1:
            return self.nodes[0]
        with contextlib.suppress(ConnectionProblem, msgspec.MsgspecError):
            reply = await connection.request(f"{API_PREFIX}.STREAM.INFO.{stream}", timeout=2.0)
            name = msgspec.json.decode(reply.data, type=_Led).cluster.leader
            return next((node for node in self.nodes if node.name == name), self.nodes[-1])
        return self.nodes[-1]

    async def stop(self, within: float) -> None:
        """End every server in good order."""
        children = [node.child for node in self.nodes if node.child is not None]
        await asyncio.gather(*(child.stop(within) for child in children))


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as open_sockets:
        found = []
        for _ in range(count):
            probe = open_sockets.enter_context(socket.socket())
            probe.bind((_ADDRESS, 0))
            found.append(int(probe.getsockname()[1]))
        return found
