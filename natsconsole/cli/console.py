"""``natsconsole``: the console on a terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from natsconsole.cli.contexts import ConsoleContexts
from natsconsole.cli.failures import Failure, failures_as_one_line
from natsconsole.cli.receiver_child import ReceiverChildren
from natsconsole.domain.contexts import why_read_only
from natsconsole.domain.host_pattern import HostPattern
from natsconsole.gateway.interface import GatewayError
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.recorder import Recorder, RecordingError
from natsconsole.tui.settings import DEFAULTS, Settings
from shipper.connection_options import ConnectionOptions

if TYPE_CHECKING:
    from natsconsole.tui.app import ConsoleApp
    from natsconsole.tui.demo_controls import DemoControls

MIN_COLUMNS, MIN_ROWS = 60, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the flags ask to be shown; what they leave open, the context's settings say."""

    stream: str | None = None
    pattern: HostPattern | None = None
    read_only: bool = False
    record: Path | None = None
    """The file that keeps what is seen."""


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


def open_console(options: ConnectionOptions, asked: Asked, settings: Settings) -> None:
    """Run the console until its user quits."""
    require_terminal("the console draws on one")
    with failures_as_one_line(GatewayError, RecordingError):
        asyncio.run(run_console(options, asked, settings=settings))


async def run_console(
    options: ConnectionOptions,
    asked: Asked,
    *,
    settings: Settings = DEFAULTS,
    title: str = "",
    demo: DemoControls | None = None,
) -> None:
    """Connect, show the console, and return when its user quits or a signal ends it.

    Raises:
        ConnectionProblem: there is no server, or it does not let us in.
        GatewayError: there is nothing to show, such as no stream of that name.
        RecordingError: what is seen cannot be recorded.
    """
    recorder = Recorder(asked.record) if asked.record is not None else None
    try:
        await _run(options, asked, settings, title, demo, recorder)
    finally:
        if recorder is not None:
            recorder.close()
    if recorder is not None and recorder.problem:
        raise RecordingError(recorder.problem)


async def _run(
    options: ConnectionOptions,
    asked: Asked,
    settings: Settings,
    title: str,
    demo: DemoControls | None,
    recorder: Recorder | None,
) -> None:
    children = ReceiverChildren(options)

    def starts_here(options: ConnectionOptions, gateway: LiveGateway) -> None:
        refusal = why_read_only(gateway.context) if gateway.read_only else ""
        children.belong_to(options, refusal=refusal)

    contexts = ConsoleContexts(
        settings.contexts,
        stream=asked.stream,
        pattern=asked.pattern,
        read_only=asked.read_only,
        silent_after=settings.silent_after,
        recorder=recorder,
        on_open=starts_here,
    )
    try:
        # The first look mostly waits: meanwhile the screen is loaded.
        gateway, application = await asyncio.gather(
            contexts.open_with(options), asyncio.to_thread(_application)
        )
        app = application(
            gateway,
            settings=settings,
            title=f"{title} ● recording".strip() if recorder is not None else title,
            demo=demo,
            starter=children,
            contexts=None if demo else contexts,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, app.exit)
        try:
            await app.run_async(mouse=settings.mouse)
            await app.restore()
        finally:
            await children.close()
    finally:
        await contexts.close()


def _application() -> type[ConsoleApp]:
    from natsconsole.tui.app import ConsoleApp

    return ConsoleApp
