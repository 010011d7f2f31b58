"""What operators do with a shipper: a configuration file, signals, metrics, logs for machines."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
from pathlib import Path

import pytest

from shipper.config import ConfigError, read_config
from shipper.connection import Connection
from shipper.headers import fields_of
from shipper.wire import LABELS_HEADER
from tests.shipper.shipping import arrives, content, make_stream
from tests.support.nats_server import NatsServer
from tests.support.programs import Program, run
from tests.support.waiting import until


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "logs" / "app.log"
    path.parent.mkdir()
    path.write_bytes(b"one\n")
    return path


async def test_a_configuration_file(
    connection: Connection, nats_server: NatsServer, log: Path, tmp_path: Path
) -> None:
    await make_stream(connection)
    log.with_name("debug.log").write_bytes(b"noise\n")
    config = tmp_path / "shipper.toml"
    config.write_text(
        f"""
server = "{nats_server.url}"
host = "web1"
state = "{tmp_path / "state"}"
[[files]]
paths = ["{log.parent}/*.log"]
exclude = ["debug*"]
host = "{{dir}}"
labels = {{ service = "shop", team = "web" }}
"""
    )
    other = tmp_path / "other.log"
    other.write_bytes(b"other\n")
    code, _, said = await run("shipper", "--config", config, other, "--once", "--host", "web2")
    assert (code, "Traceback" in said) == (0, False)
    assert await content(connection, "logs") == b"one\n"
    assert await content(connection, "web2") == b"other\n"
    reply = await connection.request("$JS.API.DIRECT.GET.LOGS", b'{"last_by_subj":"logs.logs"}')
    assert fields_of(reply.headers)[LABELS_HEADER] == "service=shop,team=web"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hots = 'a'", "did you mean 'host'?"),
        ("[[files]]\npath = ['x']", "did you mean 'paths'?"),
        ("[[files]]\nexclude = ['x']", "names no paths"),
        ("[[files]]\npaths = [1]", "must be a list of texts"),
        ("[[files]]\npaths = 'x'\nhost = 'a b'", "cannot be part of a subject"),
        ("[[files]]\npaths = 'x'\nlabels = {a = 'b,c'}", "cannot be sent"),
        ("files = 1", "write [[files]]"),
        ("host = ['a']", "must be a single value"),
        ("host", "is no TOML"),
    ],
)
def test_a_mistake_is_named_with_its_mend(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(path, ["host", "prefix"])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value).rstrip()


async def test_a_bad_configuration_is_exit_2(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("linger = 'soon'\n[[files]]\npaths = 'x'\n")
    cases: list[list[str | Path]] = [["--config", path], ["--config", tmp_path / "none"], []]
    for arguments in cases:
        code, out, said = await run("shipper", *arguments)
        assert (code, out, "Traceback" in said) == (2, "", False)


async def test_sighup_looks_for_new_files_and_metrics_tell(
    connection: Connection, nats_server: NatsServer, log: Path, tmp_path: Path, unused_port: int
) -> None:
    await make_stream(connection)
    program = Program(
        *("shipper", f"{log.parent}/*.log", "-s", nats_server.url, "--host", "web1"),
        *("--state", tmp_path / "state", "--metrics", f"127.0.0.1:{unused_port}"),
        *("--log-format", "json"),
    )
    async with program:
        await arrives(connection, b"one\n")
        program.process.send_signal(signal.SIGHUP)
        log.with_name("b.log").write_bytes(b"two\n")
        await arrives(connection, b"one\ntwo\n")

        async def are_counted() -> bool:
            text = await get(unused_port, "/metrics")
            figures = dict(re.findall(r"^(\w+) ([\d.e+]+)$", text, re.MULTILINE))
            return (
                float(figures["shipper_lines_total"]) == 2
                and float(figures["shipper_bytes_total"]) == 8
                and float(figures["shipper_acks_total"]) == 2
                and float(figures["shipper_backlog_bytes"]) == 0
                and float(figures["shipper_files"]) == 2
                and "shipper_lag_seconds" in figures
            )

        await until(are_counted)
        assert "200 OK" in await get(unused_port, "/readyz")
        _, _, said = await program.terminate()
    entries = [json.loads(line) for line in said.splitlines()]
    assert any("connected to" in entry["message"] for entry in entries)
    assert {"time", "level", "logger", "message"} <= entries[0].keys()


async def get(port: int, path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    writer.write_eof()
    text = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return text


async def test_systemd_hears_of_it(
    connection: Connection, nats_server: NatsServer, log: Path, tmp_path: Path
) -> None:
    await make_stream(connection)
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = tmp_path / "n"
        manager.bind(str(address))
        manager.setblocking(False)

        def take() -> None:
            heard.append(manager.recv(1000))

        asyncio.get_running_loop().add_reader(manager, take)
        environment = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "300000"}
        state = tmp_path / "state"
        arguments: list[str | Path] = ["-s", nats_server.url, "--host", "a", "--state", state]
        program = await Program("shipper", log, *arguments, env=environment).start()
        await until(lambda: heard.count(b"WATCHDOG=1") > 1 and b"READY=1" in heard)
        await program.terminate()
        await until(lambda: b"STOPPING=1" in heard)
        asyncio.get_running_loop().remove_reader(manager)
