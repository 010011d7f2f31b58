"""The commands. ``natsconsole`` alone opens the console."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click

from natsconsole import __version__
from natsconsole.cli.patterns import Pattern
from natsconsole.cli.screen_flags import screen_flags
from natsconsole.domain.host_pattern import HostPattern
from natsconsole.tui.settings import Settings
from shipper.connection_flags import connection_flags
from shipper.connection_options import ConnectionOptions

_COMMANDS = {
    "demo": "Watch a whole pipeline at work, on this machine, with nothing to set up.",
    "receive": "Receive hosts' logs from JetStream into files.",
    "replay": "Walk through what `natsconsole --record` kept.",
    "setup": "Create or update the log stream.",
    "status": "Say what is wrong with streams, consumers, hosts and receivers.",
    "tail": "Show lines of hosts as they come.",
}


class _LateCommands(click.Group):
    """Imports a command's module only when that command is run: ``--help`` must be quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"natsconsole.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.group(
    cls=_LateCommands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@connection_flags
@click.option(
    "--stream", metavar="NAME", show_default="LOGS, or the only one", help="Show this one."
)
@click.option(
    "--subject",
    metavar="PATTERN",
    type=Pattern(),
    help="Which part of a stored subject is the host: orders.{host}.> or logs.*.{host>}",
)
@click.option("--read-only", is_flag=True, help="Refuse every change until restarted.")
@click.option(
    "--record",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep figures and events in a new file; `natsconsole replay FILE` shows them.",
)
@screen_flags
@click.version_option(__version__, prog_name="natsconsole")
@click.pass_context
def main(
    context: click.Context,
    connection: ConnectionOptions,
    stream: str | None,
    subject: HostPattern | None,
    read_only: bool,
    record: Path | None,
    settings: Callable[[], Settings],
) -> None:
    """A console for NATS JetStream, and the receiver of the log pipeline beneath it.

    Without a command it opens the console.
    """
    if context.invoked_subcommand is not None:
        return
    from natsconsole.cli.console import Asked, open_console

    asked = Asked(stream=stream, pattern=subject, read_only=read_only, record=record)
    open_console(connection, asked, settings())
