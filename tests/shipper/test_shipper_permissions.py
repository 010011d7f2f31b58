"""The permissions that docs/shipper.md tells people to copy are enough."""

from __future__ import annotations

import re
from pathlib import Path

from shipper.connection import Connection, ConnectionOptions
from shipper.wire import HEARTBEAT_SUBJECT, PING_SUBJECT
from tests.shipper.shipping import (
    append,
    arrives,
    content,
    following,
    make_bucket,
    make_stream,
    press,
    release,
    shipping,
)
from tests.support.nats_server import NatsServer
from tests.support.waiting import until

DOCUMENT = Path(__file__).parents[2] / "docs/shipper.md"


def users() -> str:
    found = re.search(r"<!-- permissions -->\n```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    return f"""
authorization {{
  users: [
    {{ user: admin, password: admin }}
    {{ user: shipper, password: shipper, permissions {{ {found[1]} }} }}
  ]
}}
"""


async def test_the_documented_permissions_are_enough(tmp_path: Path) -> None:
    async with NatsServer(tmp_path / "nats", config=users()) as server:
        admin = ConnectionOptions(servers=(server.url,), user="admin", password="admin")
        restricted = ConnectionOptions(servers=(server.url,), user="shipper", password="shipper")
        heard: list[bytes] = []
        log = tmp_path / "app.log"
        append(log, b"one\n")
        async with Connection(admin) as connection, Connection(restricted) as its:
            await make_stream(connection)
            await make_bucket(connection)
            await connection.subscribe(
                f"{HEARTBEAT_SUBJECT}.>", lambda *frame: heard.append(frame[3])
            )
            async with shipping(its, tmp_path / "state", following(log)) as agent:
                await arrives(connection, b"one\n")
                await connection.publish(PING_SUBJECT, b"")
                await until(lambda: bool(heard))
                await press(connection, "all", pause=True)
                await until(lambda: agent.button.order_for("web1").pause)
                append(log, b"two\n")
                await release(connection, "all")
                await arrives(connection, b"one\ntwo\n")
            assert await content(connection) == b"one\ntwo\n"
            assert "Permissions Violation" not in server.log
