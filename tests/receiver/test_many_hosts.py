"""Ten thousand hosts with few descriptors, modes under any umask, and names that mean harm."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from natsconsole.gateway.log_stream import LogStream
from natsconsole.receiver.file_names import log_path
from shipper.connection import Connection, NoRespondersError
from shipper.wire import SourceRange
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream, receiver_config, running
from tests.support.programs import Program
from tests.support.waiting import until

DESCRIPTORS = 256
TEN = LogStream(partitions=10, max_age_seconds=3600, max_bytes=256 << 20)


def receive(server: NatsServer, out: Path, *more: str, first: str) -> Program:
    """A receiver that a shell starts once it has run ``first``."""
    program = Program("natsconsole", "receive", "-s", server.url, "--dir", out, *more)
    program.command = ["sh", "-c", f'{first} && exec "$@"', "sh", *program.command]
    return program


async def publish_to_all(connection: Connection, hosts: list[str], line: int) -> None:
    for first in range(0, len(hosts), 500):
        await asyncio.gather(
            *(
                connection.request(f"logs.{host}", f"{host} {line}\n".encode())
                for host in hosts[first : first + 500]
            )
        )


@pytest.mark.early
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
@pytest.mark.parametrize("count", [3_000, pytest.param(10_000, marks=pytest.mark.long)])
async def test_thousands_of_hosts_with_256_descriptors(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, count: int
) -> None:
    await make_stream(connection, TEN)
    out = tmp_path / "out"
    hosts = [f"h{number}" for number in range(count)]
    for line in (1, 2):
        await publish_to_all(connection, hosts, line)
    program = receive(
        nats_server, out, "--metrics", "127.0.0.1:0", "--exit-when-idle", "4s",
        first=f"ulimit -n {DESCRIPTORS}",
    )  # fmt: skip
    most = 0
    async with program:
        descriptors = Path(f"/proc/{program.process.pid}/fd")
        finished = asyncio.create_task(program.finish(within=90))
        while not finished.done():
            try:
                most = max(most, len(os.listdir(descriptors)))  # noqa: PTH208 - many times
            except OSError:
                break
            await asyncio.sleep(0.01)
        code, _, errors = await finished

    assert code == 0, errors
    assert "open files" not in errors, errors
    assert 150 < most < DESCRIPTORS, "descriptors are used, and bounded"
    wrong = [
        host
        for host in hosts
        if (out / log_path(host, "")).read_bytes() != f"{host} 1\n{host} 2\n".encode()
    ]
    assert wrong == []


@pytest.mark.parametrize("umask", ["000", "077"])
async def test_modes_whatever_the_umask(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, umask: str
) -> None:
    await make_stream(connection)
    await Source(connection, "web1").publish(b"x" * 70_000 + b"\n")
    await Source(connection, "web1", name="other.log").publish_lines(1)
    out = tmp_path / "deep/out"
    async with receive(
        nats_server, out, "--exit-when-idle", "0.3s", first=f"umask {umask}"
    ) as program:
        code, _, errors = await program.finish_served()
    assert code == 0, errors
    modes = {
        str(path.relative_to(out)): path.stat().st_mode & 0o777 for path in [out, *out.rglob("*")]
    }
    state = {name: mode for name, mode in modes.items() if name.startswith(".natsconsole")}
    assert {name: mode for name, mode in modes.items() if name not in state} == {
        ".": 0o750, "web1": 0o750, "web1/app.log": 0o640, "web1/other.log": 0o640,
    }  # fmt: skip
    assert state[".natsconsole"] & 0o077 == 0
    assert all(mode & 0o022 == 0 for mode in state.values())


async def test_a_directory_that_everybody_can_write_to_is_warned_about(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    flags = ("--exit-when-idle", "0.1s")
    async with receive(nats_server, out, *flags, first="true") as program:
        code, _, errors = await program.finish_served()
    assert code == 0
    assert f"{out} is writable by everybody" in errors
    assert out.stat().st_mode & 0o777 == 0o777, "it is not ours to change"
    out.chmod(0o775)
    async with receive(nats_server, out, *flags, first="true") as program:
        _, _, errors = await program.finish_served()
    assert "writable by everybody" not in errors


HARMFUL = [
    "%2e%2e", "a/b", "/etc/passwd", "a\\b", "~", "~root", "-rf", "$(reboot)", "`id`", "|sh",
    ".natsconsole", "natsconsole", "x" * 300, "x" * 299 + "y", "Web1", "web1", "WEB1", "é",
    "e\u0301", "\x01\x1b[2J", "a%b", "con", "app.log", "a.20260101T000000Z", "a..b", "a.", "..",
    "\x7f", "a:b", "\u202egnp", "nul\x00nul",
]  # fmt: skip


@pytest.mark.parametrize("named", [False, True], ids=["plain", "with a range"])
async def test_harmful_names_stay_below_the_directory(
    nats_server: NatsServer, connection: Connection, tmp_path: Path, named: bool
) -> None:
    await make_stream(connection)
    out = tmp_path / "out"
    expected: dict[str, bytes] = {}
    for number, host in enumerate(HARMFUL):
        payload = f"line of {number}\n".encode()
        headers = {}
        if named:
            headers = SourceRange(
                host="other",
                name=f"../{number}",
                file=f"{number}",
                start=0,
                end=len(payload),
                line=0,
            ).headers()
        try:
            await connection.request(f"logs.{host}", payload, headers=headers or None)
        except NoRespondersError:  # it makes no subject of the stream's
            continue
        expected[log_path(host, f"../{number}" if named else "")] = payload
    assert len(expected) > 20
    config = receiver_config(out)
    for _ in range(2):
        async with running(nats_server, config) as receiver:
            await until(lambda: receiver.status("").written_lines == len(expected), within=30)

    found = {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and ".natsconsole/" not in str(path)
    }
    assert found == expected
    assert set(os.listdir(tmp_path)) == {"nats", "out"}  # noqa: PTH208 - names
    assert all(len(part) <= 64 for name in found for part in name.split("/"))
    names = {path.name for path in (out / ".natsconsole").iterdir()}
    assert all(name.startswith(("ledger.db", "reserve-", "LOGS-p", "files-")) for name in names)
