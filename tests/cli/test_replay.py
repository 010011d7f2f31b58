from pathlib import Path

import pytest
from click.testing import CliRunner

from natsconsole.cli import main
from shipper.connection import Connection
from tests.support.anybodys import Anybody
from tests.support.nats_server import NatsServer
from tests.support.terminal import Terminal


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 a zip", "it is no recording of natsconsole"),
        (b"natsconsole recording 1\n", "it holds no whole frame"),
        (b"natsconsole recording 1\nK\x00", "it holds no whole frame"),
    ],
)
def test_a_file_that_is_no_recording_is_one_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    found = CliRunner().invoke(main, ["replay", str(path)])
    assert found.exit_code == 2
    assert found.output.startswith(f"Error: {path}: {words}")
    assert found.output.count("\n") == 1


async def test_what_was_recorded_is_shown_again(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    shop = Anybody(connection)
    await shop.make_stream()
    await shop.make_consumer("billing")
    await shop.publish(3)
    path = tmp_path / "night"
    async with Terminal("natsconsole", "-s", nats_server.url, "--record", str(path)) as terminal:
        await terminal.until(lambda: terminal.shows("● recording"), within=30)
        terminal.press("C")
        await terminal.until(lambda: terminal.shows("CONSUMERS", "billing"), within=30)
        await terminal.until(lambda: path.stat().st_size > 2_000, within=30)
        terminal.press("q")
        assert await terminal.end() == 0
    async with Terminal("natsconsole", "replay", str(path)) as terminal:
        await terminal.until(lambda: terminal.shows("replay of night", "STOPPED"), within=30)
        terminal.press("C")
        terminal.press("}")
        await terminal.until(lambda: terminal.shows("CONSUMERS", "billing", "READ-ONLY"), within=30)
        terminal.press("q")
        assert await terminal.end() == 0
    async with Terminal("natsconsole", "-s", nats_server.url, "--record", str(path)) as terminal:
        assert await terminal.end() == 2
        assert terminal.shows("exists: name another file for --record")
