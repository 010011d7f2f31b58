"""``natsconsole replay``: walk through a recording on the same screens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import click

from natsconsole.cli.console import require_terminal
from natsconsole.cli.failures import failures_as_one_line
from natsconsole.cli.screen_flags import screen_flags
from natsconsole.domain.recording import NoRecordingError
from natsconsole.gateway.replay import Player, Recording, ReplayGateway
from natsconsole.tui.settings import Settings


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@screen_flags
def replay(file: Path, settings: Callable[[], Settings]) -> None:
    """Walk through a recording that `natsconsole --record FILE` made.

    On every screen: F5 plays and stops, [ and ] go a moment back and on, { and } a minute, F6
    jumps to a time.
    """
    chosen = settings()
    with failures_as_one_line(NoRecordingError):
        player = Player(Recording.open(file))
        player.seen  # noqa: B018 - a recording of another release is refused before the screen opens
        require_terminal("a replay draws on one")
        asyncio.run(_show(player, file.name, chosen))


async def _show(player: Player, name: str, settings: Settings) -> None:
    from natsconsole.tui.app import ConsoleApp

    app = ConsoleApp(
        ReplayGateway(player),
        settings=settings,
        title=f"replay of {name}",
        clock=lambda: player.now,
        player=player,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, app.exit)
    await app.run_async(mouse=settings.mouse)
