"""The flags that every command with a screen takes. A flag wins over the settings file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from natsconsole.tui.settings import BANDWIDTHS, THEMES, Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def _print_settings(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from natsconsole.cli.settings_file import as_toml

        click.echo(as_toml())
        context.exit()


def screen_flags(command: Command) -> Command:
    """Add the flags; the command gets ``settings``, a function that reads file and flags.

    The function raises ``Failure`` where the file is wrong: only a command that opens a screen
    calls it, so that a bad file stops nothing else.
    """

    @functools.wraps(command)
    def with_settings(
        *args: Any,
        config: Path | None,
        theme: str | None,
        interval: float | None,
        bandwidth: str | None,
        no_mouse: bool,
        **others: Any,
    ) -> Any:
        def settings() -> Settings:
            from natsconsole.cli.settings_file import read_settings

            flags: dict[str, Any] = {
                "theme": theme,
                "interval": interval,
                "bandwidth": bandwidth,
                "mouse": False if no_mouse else None,
            }
            given = {name: value for name, value in flags.items() if value is not None}
            return replace(read_settings(config), **given)

        return command(*args, settings=settings, **others)

    for option in reversed(_OPTIONS):
        with_settings = option(with_settings)
    return with_settings  # type: ignore[return-value]


_OPTIONS = (
    click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Settings and keys. Else natsconsole/config.toml in your configuration directory.",
    ),
    click.option(
        "--print-config",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_settings,
        help="Print a settings file with every default and what it means.",
    ),
    click.option("--theme", type=click.Choice(THEMES), help="Colours. NO_COLOR takes them away."),
    click.option(
        "--interval",
        type=click.FloatRange(min=0.2, max=60),
        metavar="SECONDS",
        help="Time between two looks.  [default: 1.0]",
    ),
    click.option(
        "--bandwidth", type=click.Choice(BANDWIDTHS), help="low sends less, for slow lines."
    ),
    click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal."),
)
