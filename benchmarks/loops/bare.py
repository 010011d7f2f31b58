"""The receiver's work without its promise: pull, write, sync, acknowledge, and no ledger.

The same connection, partitions, batch sizes, one disk thread and one sync per group of batches. It
keeps no account, cuts no file, and recognises no repeat: the most that a receiver could reach.

Usage: ``python -m benchmarks.loops.bare URL DIRECTORY MESSAGES``; prints the seconds it took.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import queue
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from benchmarks.support.fleet import STREAM
from natsconsole.gateway.jetstream import API_PREFIX, JetStream
from natsconsole.receiver.consumer_settings import DEFAULTS
from natsconsole.receiver.partition_worker import BATCH
from shipper.connection import Connection, ConnectionOptions
from shipper.wire import stored_subject

_MAX_BYTES = 4 << 20
_ACK_PREFIX = "$JS.ACK."


class _Message(NamedTuple):
    host: str
    reply: str
    payload: bytes


class _Disk:
    """Writes batches in a thread; those that wait share one sync."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._root = os.open(directory, os.O_RDONLY)
        self._files: dict[str, int] = {}
        self._work: queue.SimpleQueue[tuple[list[_Message], asyncio.Future[None]]] = (
            queue.SimpleQueue()
        )
        self._loop = asyncio.get_running_loop()
        self._libc = ctypes.CDLL(None)
        threading.Thread(target=self._run, daemon=True).start()

    async def write(self, batch: list[_Message]) -> None:
        done = self._loop.create_future()
        self._work.put((batch, done))
        await done

    def _run(self) -> None:
        while True:
            items = [self._work.get()]
            while not self._work.empty():
                items.append(self._work.get())
            pieces: dict[str, list[bytes]] = {}
            for batch, _ in items:
                for message in batch:
                    pieces.setdefault(message.host, []).append(message.payload)
            for host, parts in pieces.items():
                os.write(self._file(host), b"".join(parts))
            self._libc.syncfs(self._root)
            self._loop.call_soon_threadsafe(_settle, [done for _, done in items])

    def _file(self, host: str) -> int:
        file = self._files.get(host)
        if file is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            file = self._files[host] = os.open(self._directory / host, flags, 0o640)
        return file


def _settle(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)


class _Partition:
    def __init__(self, connection: Connection, disk: _Disk, number: int) -> None:
        self.done = 0
        self._connection = connection
        self._disk = disk
        self._name = f"bare-{number}"
        self._filter = stored_subject(STREAM.prefix, str(number), ">")
        self._before_host = len(self._filter) - 1
        self._inbox = connection.new_inbox()
        self._next = f"{API_PREFIX}.CONSUMER.MSG.NEXT.{STREAM.name}.{self._name}"
        self._request = json.dumps(
            {"batch": BATCH, "max_bytes": _MAX_BYTES, "expires": 30 * 10**9}
        ).encode()
        self._buffer: deque[_Message] = deque()
        self._expected = 0
        self._arrived = asyncio.Event()

    async def open(self, jetstream: JetStream) -> None:
        config = {
            "durable_name": self._name,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "filter_subject": self._filter,
            "ack_wait": 30 * 10**9,
            "max_ack_pending": DEFAULTS.max_ack_pending,
        }
        await jetstream.create_consumer(STREAM.name, config)
        await self._connection.subscribe(self._inbox, self._take)

    async def run(self) -> None:
        while True:
            if self._expected + len(self._buffer) <= BATCH // 2:
                self._expected += BATCH
                await self._connection.publish(self._next, self._request, reply=self._inbox)
            batch = [self._buffer.popleft() for _ in range(min(BATCH, len(self._buffer)))]
            if not batch:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._disk.write(batch)
            self._connection.send([(message.reply, b"+ACK") for message in batch])
            self.done += len(batch)

    def _take(self, subject: str, reply: str, _headers: bytes, payload: bytes) -> None:
        if reply.startswith(_ACK_PREFIX):
            self._expected -= 1
            self._buffer.append(_Message(subject[self._before_host :], reply, payload))
        else:
            self._expected = 0
        self._arrived.set()


async def _main(url: str, directory: Path, messages: int) -> None:
    async with Connection(ConnectionOptions(servers=(url,))) as connection:
        disk = _Disk(directory)
        partitions = [_Partition(connection, disk, n) for n in range(STREAM.partitions)]
        for partition in partitions:
            await partition.open(JetStream(connection))
        begun = time.monotonic()
        tasks = [asyncio.create_task(partition.run()) for partition in partitions]
        while sum(partition.done for partition in partitions) < messages:
            await asyncio.sleep(0.01)
        await connection.rtt()
        print(time.monotonic() - begun)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
