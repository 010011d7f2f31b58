"""The command as a process: kill -9, signals, bad input, exit codes."""

from __future__ import annotations

import asyncio
import functools
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from shipper.connection import Connection
from tests.shipper.shipping import append, arrives, content, make_stream, stored
from tests.support.nats_server import NatsServer
from tests.support.programs import Program, run
from tests.support.waiting import until

NOWHERE = "nats://127.0.0.1:1"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    append(path, b"one\ntwo")
    return path


@pytest.fixture
def flags(nats_server: NatsServer, tmp_path: Path) -> list[str | Path]:
    return ["-s", nats_server.url, "--state", tmp_path / "state", "--host", "web1"]


async def test_once_ships_all_and_ends(
    connection: Connection, log: Path, flags: list[str | Path]
) -> None:
    await make_stream(connection)
    code, out, _ = await run("shipper", log, "--once", *flags)
    assert (code, out) == (0, "")
    assert await content(connection, "web1") == b"one\ntwo"


async def test_standard_input(connection: Connection, flags: list[str | Path]) -> None:
    await make_stream(connection)
    text = b"".join(b"line %d\n" % n for n in range(200_000)) + b"no end \xff\0"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shipper", "-", *map(str, flags), stdin=asyncio.subprocess.PIPE
    )
    await process.communicate(text)
    assert process.returncode == 0
    assert await content(connection, "web1") == text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_good_order(
    connection: Connection, log: Path, flags: list[str | Path], number: int
) -> None:
    await make_stream(connection)
    program = await Program("shipper", log, *flags).start()
    await arrives(connection, b"one\n")
    program.process.send_signal(number)
    code, _, _ = await program.finish()
    assert code == 0
    await run("shipper", log, "--once", *flags)
    assert [m.payload for m in await stored(connection)] == [b"one\n", b"two"]


async def test_it_ends_with_its_parent(
    connection: Connection, log: Path, flags: list[str | Path]
) -> None:
    await make_stream(connection)
    read, write = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shipper", str(log), *map(str, flags)),
        env=os.environ | {"NATSCONSOLE_LIFELINE": str(read)},
        pass_fds=(read,),
    )
    os.close(read)
    await arrives(connection, b"one\n")
    os.close(write)
    async with asyncio.timeout(30):
        assert await process.wait() == 0


class Writer:
    """Three hosts that write and rotate their logs by the roll of a die."""

    def __init__(self, directory: Path) -> None:
        self._choose = random.Random(7)
        self.logs = {host: directory / host / "app.log" for host in ("web1", "web2", "web3")}
        self.written = dict.fromkeys(self.logs, b"")
        for host, path in self.logs.items():
            path.parent.mkdir()
            self.append(host, b"begin\n")

    def append(self, host: str, text: bytes) -> None:
        self.written[host] += text
        append(self.logs[host], text)

    def act(self) -> None:
        host = self._choose.choice(list(self.logs))
        before = len(self.written[host])
        for number in range(self._choose.randrange(1, 300)):
            dots = b"." * self._choose.randrange(200)
            self.append(host, b"%s %d %d %s\n" % (host.encode(), before, number, dots))
        if self._choose.random() < 0.3:
            self._rotate(self.logs[host])

    def _rotate(self, path: Path) -> None:
        generations = [path, *(path.with_name(f"app.log.{age}") for age in range(1, 200))]
        last = next(age for age, older in enumerate(generations) if not older.exists())
        for age in range(last, 0, -1):
            generations[age - 1].rename(generations[age])

    async def act_for(self, seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds * (0.5 + self._choose.random())
        while asyncio.get_running_loop().time() < deadline:
            self.act()
            await asyncio.sleep(0.01)


async def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    connection: Connection, tmp_path: Path, flags: list[str | Path]
) -> None:
    await make_stream(connection)
    writer = Writer(tmp_path)
    command = ["shipper", tmp_path / "web*" / "app.log", *flags[:-1], "{dir}", "--linger", "0"]
    assert (await run(*map(str, command), "--once"))[0] == 0
    for _ in range(8):
        before = len(await stored(connection))
        program = await Program(*map(str, command)).start()
        await writer.act_for(0.5)
        await until(functools.partial(_grew, connection, before))
        await program.kill()
    for host in writer.logs:
        writer.append(host, b"the end\n")
    assert (await run(*map(str, command), "--once", within=30))[0] == 0
    for host, text in writer.written.items():
        assert await content(connection, host) == text


async def _grew(connection: Connection, before: int) -> bool:
    return len(await stored(connection)) > before


async def test_a_file_that_appears_later_is_followed(
    connection: Connection, tmp_path: Path, flags: list[str | Path]
) -> None:
    await make_stream(connection)
    log = tmp_path / "later.log"
    async with Program("shipper", log, *flags) as program:
        assert program.process.stderr is not None
        while b"not there yet" not in await program.process.stderr.readline():
            pass
        append(log, b"hello\n")
        await arrives(connection, b"hello\n")


async def test_the_environment_of_the_series(
    connection: Connection, nats_server: NatsServer, log: Path, tmp_path: Path
) -> None:
    await make_stream(connection, subjects=["series.logs.>"])
    environment = {
        "SHIPPER_FILE": str(log),
        "SHIPPER_SUBJECT": "series.logs",
        "HOSTNAME": "web7",
        "NATS_URL": nats_server.url,
    }
    program = Program("shipper", "--once", "--state", tmp_path / "state", env=environment)
    code, _, _ = await (await program.start()).finish()
    assert code == 0
    assert await content(connection, "web7") == b"one\ntwo"


async def test_without_a_server_it_says_so_once_and_goes_on(log: Path, tmp_path: Path) -> None:
    program = Program("shipper", log, "-s", NOWHERE, "--state", tmp_path / "s", "--host", "a")
    await program.start()
    assert program.process.stderr is not None
    first = await program.process.stderr.readline()
    assert b"no NATS server at 127.0.0.1:1" in first
    code, _, rest = await program.terminate()
    assert (code, rest) == (0, "")


async def test_once_without_a_server_cannot_tell(log: Path, tmp_path: Path) -> None:
    code, out, said = await run(
        "shipper", log, "--once", "-s", NOWHERE, "--state", tmp_path / "s", "--host", "a"
    )
    assert (code, out, said.count("\n")) == (3, "", 1)
    assert "no NATS server at 127.0.0.1:1" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "no host"], "cannot be part of a subject"),
        (["--host", "a.>"], "cannot be part of a subject"),
        (["--prefix", "logs.*"], "no subject without wildcards"),
        (["--state", "/dev/null/x"], "cannot write the state directory"),
        (["--once", "missing.log"], "there is no file"),
        (["--max-line", "1"], "--max-line"),
        (["-"], "standard input is shipped alone"),
    ],
)
async def test_bad_input_is_one_line_and_exit_2(
    log: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    code, out, text = await run(
        "shipper", log, "-s", NOWHERE, "--state", tmp_path / "s", "--host", "a", *arguments
    )
    assert (code, out) == (2, "")
    assert said in text
    assert "Traceback" not in text


async def test_standard_input_has_no_metrics() -> None:
    code, out, said = await run("shipper", "-", "-s", NOWHERE, "--metrics", "127.0.0.1:0")
    assert (code, out) == (2, "")
    assert "standard input is shipped without --metrics" in said


async def test_a_second_shipper_on_one_state_is_refused(
    connection: Connection, log: Path, flags: list[str | Path]
) -> None:
    await make_stream(connection)
    async with Program("shipper", log, *flags):
        await arrives(connection, b"one\n")
        code, _, said = await run("shipper", log, *flags)
    assert code == 2
    assert "another shipper uses the state directory" in said
    assert said.count("\n") == 1


async def test_a_damaged_state_is_refused_and_nothing_shipped(
    connection: Connection, log: Path, tmp_path: Path, flags: list[str | Path]
) -> None:
    await make_stream(connection)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "checkpoint.sqlite").write_bytes(b"torn" * 1000)
    code, _, said = await run("shipper", log, "--once", *flags)
    assert code == 2
    assert "is damaged" in said
    assert said.count("\n") == 1
    assert await content(connection) == b""


async def test_what_is_refused_is_a_problem_found(
    connection: Connection, log: Path, tmp_path: Path, flags: list[str | Path]
) -> None:
    await make_stream(connection)
    os.mkfifo(tmp_path / "pipe.log")
    code, _, said = await run("shipper", log, tmp_path / "pipe.log", "--once", *flags)
    assert code == 1
    assert "no regular file" in said
    assert await content(connection) == b"one\ntwo"
