"""``natsconsole receive`` as a command."""

from __future__ import annotations

from pathlib import Path

from shipper.connection import Connection
from tests.support.nats_server import NatsServer
from tests.support.pipeline import Source, make_stream
from tests.support.programs import Program


async def test_the_directory_of_the_series_consumer_is_taken(
    nats_server: NatsServer, connection: Connection, tmp_path: Path
) -> None:
    await make_stream(connection)
    source = Source(connection, "web1")
    await source.publish_lines(3)
    flags = ("receive", "-s", nats_server.url, "--exit-when-idle", "0.2")
    program = Program("natsconsole", *flags, env={"SHIPPER_DIRECTORY": str(tmp_path / "logs")})
    async with program:
        code, _, said = await program.finish()
    assert code == 0, said
    assert (tmp_path / "logs/web1/app.log").read_bytes() == source.content
