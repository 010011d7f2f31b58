"""The flags that say where NATS is and as whom to log in, alike for every command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from shipper.connection_options import DEFAULT_SERVER, BadServerError, ConnectionOptions

Result = TypeVar("Result")

# Named as the nats CLI names them; some variables are those of the series this project follows.
_FLAGS = (
    click.option(
        "-s",
        "--server",
        metavar="URL[,URL]",
        default=DEFAULT_SERVER,
        show_default=True,
        envvar="NATS_URL",
        show_envvar=True,
        help="NATS server, or several of one cluster.",
    ),
    click.option(
        "--user", metavar="NAME", envvar="NATS_USER", show_envvar=True, help="User to log in as."
    ),
    click.option(
        "--password",
        metavar="PASSWORD",
        envvar="NATS_PASSWORD",
        show_envvar=True,
        help="Password; others on this machine can see it here, but not in the variable.",
    ),
    click.option(
        "--token",
        metavar="TOKEN",
        envvar="NATS_TOKEN",
        show_envvar=True,
        help="Token to log in with; others on this machine can see it here, too.",
    ),
    click.option(
        "--creds",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="NATS_CREDS",
        show_envvar=True,
        help="File with a user JWT and its seed.",
    ),
    click.option(
        "--nkey",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="NATS_NKEY",
        show_envvar=True,
        help="File with an nkey's seed.",
    ),
    click.option(
        "--tlscert",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar=["NATS_CERT", "NATS_CERTIFICATE"],
        show_envvar=True,
        help="Our certificate. This and the next three: TLS or no connection.",
    ),
    click.option(
        "--tlskey",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="NATS_KEY",
        show_envvar=True,
        help="Its key.",
    ),
    click.option(
        "--tlsca",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="NATS_CA",
        show_envvar=True,
        help="Authorities to trust, instead of the system's.",
    ),
    click.option(
        "--tlsfirst",
        is_flag=True,
        envvar="NATS_TLS_FIRST",
        help="Begin with TLS, before the server says anything.",
    ),
)


def connection_flags(command: Callable[..., Result]) -> Callable[..., Result]:
    """Add the flags to a click command and pass them as one argument, ``connection``."""

    @functools.wraps(command)
    def with_connection(  # noqa: PLR0913 - one a flag
        *args: Any,
        server: str,
        user: str | None,
        password: str | None,
        token: str | None,
        creds: Path | None,
        nkey: Path | None,
        tlscert: Path | None,
        tlskey: Path | None,
        tlsca: Path | None,
        tlsfirst: bool,
        **others: Any,
    ) -> Result:
        if password is not None and user is None:
            raise click.UsageError("--password needs --user (NATS_USER)")
        if (tlscert is None) != (tlskey is None):
            raise click.UsageError("--tlscert and --tlskey go together")
        try:
            connection = ConnectionOptions(
                servers=tuple(one for one in server.split(",") if one.strip()),
                user=user,
                password=password,
                token=token,
                creds=_expanded(creds),
                nkey=_expanded(nkey),
                tls_cert=_expanded(tlscert),
                tls_key=_expanded(tlskey),
                tls_ca=_expanded(tlsca),
                tls_first=tlsfirst,
            )
        except BadServerError as error:
            raise click.UsageError(str(error)) from None
        return command(*args, connection=connection, **others)

    wrapped: Callable[..., Result] = with_connection
    for flag in reversed(_FLAGS):
        wrapped = flag(wrapped)
    return wrapped


def _expanded(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser()
