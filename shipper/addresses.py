"""Addresses to listen on, as people write them on a command line: ``:9791``, ``[::1]:9791``."""

from __future__ import annotations

import re
from typing import Any

import click

from shipper.http_server import Address

_ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<host>[\w.-]*)):(?P<port>\d{1,5})", re.ASCII
)


class ListenAddress(click.ParamType[Address]):
    """``HOST:PORT``, ``[IPV6]:PORT``, or ``:PORT`` for every address of this machine."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Return host and port."""
        if isinstance(value, Address):
            return value
        found = _ADDRESS.fullmatch(value.strip())
        if found is None or int(found["port"]) > 65535:
            self.fail(
                f"{value!r} is no address: write 127.0.0.1:9791, [::1]:9791 or :9791", param, ctx
            )
        return Address(found["six"] or found["host"] or "", int(found["port"]))
