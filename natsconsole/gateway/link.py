"""The connection as the screen shows it."""

from __future__ import annotations

from natsconsole.domain.snapshots import Link
from shipper.connection import Connection


def link_of(connection: Connection, rtt_seconds: float | None) -> Link:
    """Return the connection as it is now, without asking anybody."""
    is_live = connection.state == "connected"
    return Link(
        state="live" if is_live else "lost" if connection.generation else "connecting",
        address=connection.connected_address or connection.options.address,
        server_name=connection.server_name,
        server_version=connection.server_version,
        rtt_seconds=rtt_seconds if is_live else None,
        since=connection.since,
        error="" if is_live else connection.last_error,
    )
