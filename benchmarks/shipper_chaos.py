"""Random rotation of all kinds with kill -9 of shipper and server: what was written arrives.

Run ``python -m benchmarks.shipper_chaos --minutes 5 --seed 1``.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click

from benchmarks.support.shipper import Bench
from shipper.connection import Connection, ConnectionOptions
from shipper.wire import source_range
from tests.support.nats_server import NatsServer

_RESTARTS_MEAN = 4.0
_SERVER_KILLS_MEAN = 11.0
"""Seconds between kills, on average."""
_CLOCK_STEP = 0.012
_SETTLE_SECONDS = 20.0


@click.command()
@click.option("--minutes", default=5.0, show_default=True)
@click.option("--hosts", default=12, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(minutes: float, hosts: int, seed: int) -> None:
    """Print an account per host; ends with 0 only if all bytes are there once and in order."""
    sys.exit(0 if asyncio.run(Chaos(hosts, seed).run(minutes * 60)) else 1)


class HostLog:
    """One host's log: what is written to it, and how it is rotated."""

    def __init__(self, path: Path, choose: random.Random) -> None:
        self.path = path
        self.written = bytearray()
        self.rotations = {"rename": 0, "date": 0, "copytruncate": 0}
        self._choose = choose
        self._lines = 0
        path.parent.mkdir(parents=True)
        path.touch()

    def act(self) -> None:
        """Write some lines, and sometimes rotate."""
        for _ in range(self._choose.randrange(1, 60)):
            self._lines += 1
            self._write(b"%d %s" % (self._lines, b"." * self._choose.randrange(300)))
            self._write(b"\n")
        dice = self._choose.random()
        if dice < 0.02:
            self._write(b"a line that goes on ")
        if dice < 0.06 and self.path.stat().st_size:
            getattr(self, self._choose.choice(["_rename", "_date", "_copytruncate"]))()
            # Where names do not tell the order, times do, and those have steps of some ms.
            time.sleep(_CLOCK_STEP)

    def begin(self) -> None:
        """Write the first line."""
        self._write(b"begin\n")

    def end(self) -> None:
        """Write the last line."""
        self._write(b"the end\n")

    def _write(self, text: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(text)
        self.written += text

    def _rename(self) -> None:
        self._shift()
        self.path.rename(self._generation(1))
        self.path.touch()
        self.rotations["rename"] += 1

    def _date(self) -> None:
        # By the age of their last change all generations stand in one order, whatever their names.
        stamp = time.strftime("%Y%m%d") + f"-{time.time_ns()}"
        self.path.rename(self.path.with_name(f"{self.path.name}-{stamp}"))
        self.path.touch()
        self.rotations["date"] += 1

    def _copytruncate(self) -> None:
        self._shift()
        shutil.copyfile(self.path, self._generation(1))
        os.truncate(self.path, 0)
        self.rotations["copytruncate"] += 1

    def _generation(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _shift(self) -> None:
        last = next(n for n in range(1, 10_000) if not self._generation(n).exists())
        for number in range(last, 1, -1):
            self._generation(number - 1).rename(self._generation(number))


class Chaos:
    """All hosts, one shipper and one server, and what happens to them."""

    def __init__(self, hosts: int, seed: int) -> None:
        self._choose = random.Random(seed)  # noqa: S311 - guards nothing
        self._hosts = hosts
        self._kills = {"shipper": 0, "server": 0}
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, seconds: float) -> bool:
        """Let it happen for so long; return whether all bytes are there."""
        with tempfile.TemporaryDirectory(prefix="natsconsole-benchmark-") as name:
            directory = Path(name)
            server = await NatsServer(directory / "server").start()
            try:
                async with Connection(ConnectionOptions(servers=(server.url,))) as connection:
                    await Bench(server.url, connection, directory).empty_stream()
                    logs = {
                        f"web-{number:02}": HostLog(
                            directory / "logs" / f"web-{number:02}" / "app.log", self._choose
                        )
                        for number in range(self._hosts)
                    }
                    await self._start(directory, server)
                    await self._meet(connection, logs)
                    await self._live(directory, server, list(logs.values()), seconds)
                    return await self._account(directory, connection, logs)
            finally:
                if self._process is not None and self._process.returncode is None:
                    self._process.kill()
                    await self._process.wait()
                await server.stop()

    async def _live(
        self, directory: Path, server: NatsServer, logs: list[HostLog], seconds: float
    ) -> None:
        begun = time.monotonic()
        next_shipper, next_server = self._next(_RESTARTS_MEAN), self._next(_SERVER_KILLS_MEAN)
        while (now := time.monotonic()) < begun + seconds:
            for log in self._choose.sample(logs, max(1, len(logs) // 3)):
                log.act()
            if now >= next_shipper:
                assert self._process is not None
                self._process.kill()
                await self._process.wait()
                self._kills["shipper"] += 1
                for _ in range(self._choose.randrange(4)):
                    self._choose.choice(logs).act()
                await self._start(directory, server)
                next_shipper = self._next(_RESTARTS_MEAN)
            if now >= next_server:
                await server.kill()
                self._kills["server"] += 1
                for _ in range(self._choose.randrange(4)):
                    self._choose.choice(logs).act()
                await server.start()
                next_server = self._next(_SERVER_KILLS_MEAN)
            await asyncio.sleep(self._choose.uniform(0, 0.06))
        for log in logs:
            log.end()

    async def _meet(self, connection: Connection, logs: dict[str, HostLog]) -> None:
        """Let the shipper see each log once: what was rotated away before is not its business."""
        for log in logs.values():
            log.begin()
        found: dict[str, bytearray] = {}
        place = 0
        while len(found) < len(logs):
            await asyncio.sleep(0.1)
            place = await self._read(connection, found, place)

    def _next(self, mean: float) -> float:
        return time.monotonic() + self._choose.expovariate(1 / mean)

    async def _start(self, directory: Path, server: NatsServer) -> None:
        command = (
            *(sys.executable, "-m", "shipper", str(directory / "logs" / "*" / "app.log")),
            *("-s", server.url, "--host", "{dir}", "--state", str(directory / "state")),
        )
        with (directory / "shipper.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(*command, stderr=output)

    async def _account(
        self,
        directory: Path,
        connection: Connection,
        logs: dict[str, HostLog],
    ) -> bool:
        wanted = sum(len(log.written) for log in logs.values())
        deadline = time.monotonic() + _SETTLE_SECONDS
        found: dict[str, bytearray] = {}
        place = 0
        while time.monotonic() < deadline:
            place = await self._read(connection, found, place)
            if sum(map(len, found.values())) >= wanted:
                break
            await asyncio.sleep(0.5)
        are_alike = True
        for host, log in logs.items():
            is_alike = found.get(host, b"") == log.written
            are_alike &= is_alike
            if not is_alike:
                _show_difference(bytes(found.get(host, b"")), bytes(log.written))
            print(
                f"  {host}  {len(log.written):>12,} bytes written  "
                f"{len(found.get(host, b'')):>12,} in the stream  {log.rotations}  "
                f"{'identical' if is_alike else 'DIFFERENT'}"
            )
        verdict = "all bytes are there, once and in order" if are_alike else "FAILED"
        print(f"killed {self._kills}; {verdict}")
        if not are_alike:
            print((directory / "shipper.log").read_text()[-3000:])
        return are_alike

    async def _read(self, connection: Connection, found: dict[str, bytearray], place: int) -> int:
        """Append what the stream has behind a sequence; return the last."""
        await connection.wait_connected(30)
        state = (await Bench("", connection, Path()).api("STREAM.INFO.LOGS"))["state"]
        for sequence in range(place + 1, state["last_seq"] + 1):
            reply = await connection.request(
                "$JS.API.DIRECT.GET.LOGS", b'{"seq":%d}' % sequence, timeout=10
            )
            source = source_range(reply.headers)
            assert source is not None
            found.setdefault(source.host, bytearray()).extend(reply.data)
        return int(state["last_seq"])


def _show_difference(found: bytes, written: bytes) -> None:
    pairs = enumerate(zip(found, written, strict=False))
    place = next((at for at, (one, other) in pairs if one != other), min(len(found), len(written)))
    print(f"    at byte {place:,}: written {written[place : place + 60]!r}")
    print(f"    {'':>8} in the stream {found[place : place + 60]!r}")


if __name__ == "__main__":
    main()
