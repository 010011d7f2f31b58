"""``natsconsole``: the console on a terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from natsconsole.cli.failures import Failure, failures_as_one_line
from natsconsole.cli.receiver_child import ReceiverChildren
from natsconsole.gateway.interface import GatewayError
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.tui.settings import DEFAULTS, Settings
from shipper.connection import Connection
from shipper.connection_options import ConnectionOptions

if TYPE_CHECKING:
    from natsconsole.tui.app import ConsoleApp
    from natsconsole.tui.demo_controls import DemoControls

MIN_COLUMNS, MIN_ROWS = 60, 16


def require_terminal(otherwise: str) -> None:
    """Refuse to draw where there is nothing to draw on.

    Raises:
        Failure: not a terminal, or one too small; ``otherwise`` says what to do instead.
    """
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise Failure(f"this is not a terminal: {otherwise}")
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    if columns < MIN_COLUMNS or rows < MIN_ROWS:
        raise Failure(
            f"this terminal is {columns}x{rows}, the console needs {MIN_COLUMNS}x{MIN_ROWS}: "
            "enlarge the window"
        )


def open_console(
    options: ConnectionOptions, *, stream: str, read_only: bool, settings: Settings
) -> None:
    """Run the console until its user quits."""
    require_terminal("the console draws on one")
    with failures_as_one_line(GatewayError):
        asyncio.run(run_console(options, stream=stream, read_only=read_only, settings=settings))


async def run_console(
    options: ConnectionOptions,
    *,
    stream: str,
    read_only: bool = False,
    settings: Settings = DEFAULTS,
    title: str = "",
    demo: DemoControls | None = None,
) -> None:
    """Connect, show the console, and return when its user quits or a signal ends it.

    Raises:
        ConnectionProblem: there is no server, or it does not let us in.
        GatewayError: there is nothing to show, such as no stream of that name.
    """
    async with Connection(options) as connection:
        gateway = LiveGateway(
            connection, stream, read_only=read_only, silent_after=settings.silent_after
        )
        # The first look mostly waits: meanwhile the screen is loaded.
        _, application = await asyncio.gather(gateway.look(), asyncio.to_thread(_application))
        children = ReceiverChildren(options, stream)
        app = application(gateway, settings=settings, title=title, demo=demo, starter=children)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, app.exit)
        try:
            await app.run_async(mouse=settings.mouse)
            await app.restore()
        finally:
            await children.close()


def _application() -> type[ConsoleApp]:
    from natsconsole.tui.app import ConsoleApp

    return ConsoleApp
