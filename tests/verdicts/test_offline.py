"""A stream that a newer server made is not run by an older one, and its messages wait there."""

import json
import re
from pathlib import Path

from natsconsole.gateway.triage import LiveTriage
from shipper.connection import Connection, ConnectionOptions
from tests.support.anybodys import Anybody, evidence_of
from tests.support.nats_server import NatsServer

BEYOND = "99"
"""An API level that no server has yet."""


async def test_a_stream_of_a_newer_server(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    async with server, Connection(ConnectionOptions(servers=(server.url,))) as connection:
        anybody = Anybody(connection)
        await anybody.make_stream()
        await anybody.publish(3)
    await _as_made_by_a_newer(server, anybody.stream)
    async with server, Connection(ConnectionOptions(servers=(server.url,))) as connection:
        snapshot = await LiveTriage(connection).look()
    (verdict,) = snapshot.verdicts_of(anybody.stream, "")
    assert (verdict.rule, verdict.severity) == ("offline", "critical")
    assert f"required API level: {BEYOND}" in str(evidence_of(verdict)["reason"])
    assert snapshot.streams[0].is_missing, "it is shown, and nothing is made up about it"


async def _as_made_by_a_newer(server: NatsServer, stream: str) -> None:
    """Write what such a server leaves: the level that it needs, and the checksum of that.

    A server refuses the file for its checksum, and says which one it should have.
    """
    config = next(server.directory.rglob(f"streams/{stream}/meta.inf"))
    known = json.loads(config.read_bytes())
    known["metadata"]["_nats.req.level"] = BEYOND
    config.write_text(json.dumps(known, separators=(",", ":")))
    async with server:
        said = re.search(rf"/{stream}/meta.inf.*checksums do not match (.*)", server.log)
    assert said, server.log
    stored = config.with_name("meta.sum")
    (wanted,) = set(re.findall("[0-9a-f]{16}", said[1])) - {stored.read_text()}
    stored.write_text(wanted)
