"""The flags that say where NATS is and as whom to log in, alike for every command.

A flag counts more than its variable, a variable more than a configuration file, and all of them
more than the `nats` CLI's context, which is the one that ``--context`` or ``NATS_CONTEXT`` names.
Without either, and unless a server is named, it is the selected one: what a context holds to log
in with goes nowhere by accident.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from shipper.connection_options import (
    DEFAULT_INBOX_PREFIX,
    DEFAULT_SERVER,
    BadServerError,
    BadSubjectPrefixError,
    ConnectionOptions,
)
from shipper.nats_context import ContextError, ContextFiles, NatsContext

Result = TypeVar("Result")

_FILE = click.Path(path_type=Path)
_LOGINS = ("user", "token", "creds", "nkey")
_BEFORE = "shipper.connection_flags.before"
"""Where a group leaves the flags that were typed before its subcommand."""

# Named as the nats CLI names them; some variables are those of the series this project follows.
_FLAGS = (
    click.option(
        "--context",
        metavar="NAME",
        envvar="NATS_CONTEXT",
        show_envvar=True,
        shell_complete=lambda _context, _flag, begun: [
            name for name in ContextFiles().names() if name.startswith(begun)
        ],
        help="The nats CLI's context to take what follows from; the selected one, where neither "
        "this nor a server is named.",
    ),
    click.option(
        "-s",
        "--server",
        metavar="URL[,URL]",
        envvar="NATS_URL",
        show_envvar=True,
        show_default=DEFAULT_SERVER,
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
        type=_FILE,
        envvar="NATS_CREDS",
        show_envvar=True,
        help="File with a user JWT and its seed.",
    ),
    click.option(
        "--nkey",
        metavar="FILE",
        type=_FILE,
        envvar="NATS_NKEY",
        show_envvar=True,
        help="File with an nkey's seed.",
    ),
    click.option(
        "--tlscert",
        metavar="FILE",
        type=_FILE,
        envvar=["NATS_CERT", "NATS_CERTIFICATE"],
        show_envvar=True,
        help="Our certificate. This and the next three: TLS or no connection.",
    ),
    click.option(
        "--tlskey",
        metavar="FILE",
        type=_FILE,
        envvar="NATS_KEY",
        show_envvar=True,
        help="Its key.",
    ),
    click.option(
        "--tlsca",
        metavar="FILE",
        type=_FILE,
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
    click.option(
        "--js-domain",
        metavar="DOMAIN",
        envvar="NATS_JS_DOMAIN",
        show_envvar=True,
        help="JetStream domain to use.",
    ),
    click.option(
        "--js-api-prefix",
        metavar="PREFIX",
        envvar="NATS_JS_API_PREFIX",
        show_envvar=True,
        help="Where JetStream's API is, in place of $JS.API.",
    ),
    click.option(
        "--inbox-prefix",
        metavar="PREFIX",
        envvar="NATS_INBOX_PREFIX",
        show_envvar=True,
        help=f"Where answers come to, in place of {DEFAULT_INBOX_PREFIX}.",
    ),
)
_NAMES = (
    "context",
    "server",
    "user",
    "password",
    "token",
    "creds",
    "nkey",
    "tlscert",
    "tlskey",
    "tlsca",
    "tlsfirst",
    "js_domain",
    "js_api_prefix",
    "inbox_prefix",
)


class ConnectionRefusal(click.ClickException):
    """The connection that was asked for cannot be: one line, exit code 2."""

    exit_code = 2


def connection_flags(command: Callable[..., Result]) -> Callable[..., Result]:
    """Add the flags to a click command and pass them as one argument, ``connection``.

    Given before a subcommand they hold for it, too; the group's own function then gets options
    that mean nothing.
    """

    @functools.wraps(command)
    def with_connection(*args: Any, **values: Any) -> Result:
        flags = {name: values.pop(name) for name in _NAMES}
        where = click.get_current_context()
        if where.invoked_subcommand is not None:
            where.meta[_BEFORE] = _from(where, flags, ParameterSource.COMMANDLINE)
            return command(*args, connection=ConnectionOptions(), **values)
        given = {
            **_from(where, flags, ParameterSource.DEFAULT_MAP, ParameterSource.ENVIRONMENT),
            **where.meta.get(_BEFORE, {}),
            **_from(where, flags, ParameterSource.COMMANDLINE),
        }
        return command(*args, connection=connection_options(given), **values)

    wrapped: Callable[..., Result] = with_connection
    for flag in reversed(_FLAGS):
        wrapped = flag(wrapped)
    return wrapped


def _from(
    where: click.Context, flags: Mapping[str, Any], *sources: ParameterSource
) -> dict[str, Any]:
    return {
        name: value
        for name, value in flags.items()
        if value is not None and where.get_parameter_source(name) in sources
    }


def connection_options(
    given: Mapping[str, Any], files: ContextFiles | None = None
) -> ConnectionOptions:
    """Join flags, by their names with underscores, with the context they name or that is selected.

    Raises:
        ConnectionRefusal: they contradict each other, or the context cannot be used.
    """
    context = _context_of(given, files or ContextFiles())
    if given.get("js_domain") and given.get("js_api_prefix"):
        raise ConnectionRefusal("--js-domain and --js-api-prefix mean two places: give one")
    try:
        return ConnectionOptions(
            context=context.name,
            **_servers(given, context),
            **_login(given, context),
            **_tls(given, context),
            **_subjects(given, context),
        )
    except (BadServerError, BadSubjectPrefixError) as error:
        is_theirs = context.name and "server" not in given
        where = f"context {context.name!r}: " if is_theirs else ""
        raise ConnectionRefusal(f"{where}{error}") from None


def _context_of(given: Mapping[str, Any], files: ContextFiles) -> NatsContext:
    name = given.get("context", "")
    selected = "" if name or "server" in given else files.selected()
    if not name and not selected:
        return NatsContext(name="")
    try:
        context = files.read(name or selected)
    except ContextError as error:
        hint = "" if name else "; it is the selected one: select another, or name a --server"
        raise ConnectionRefusal(f"{error}{hint}") from None
    if context.not_served:
        raise ConnectionRefusal(
            f"context {context.name!r} {' and '.join(context.not_served)}, which we cannot do; "
            "make one without it, or use flags"
        )
    return context


def _servers(given: Mapping[str, Any], context: NatsContext) -> dict[str, Any]:
    text: str = given.get("server") or context.url or DEFAULT_SERVER
    return {"servers": tuple(one for one in text.split(",") if one.strip())}


def _login(given: Mapping[str, Any], context: NatsContext) -> dict[str, Any]:
    """Return one login, never one that is half flags and half context."""
    password = given.get("password")
    if any(name in given for name in _LOGINS):
        if password is not None and "user" not in given:
            raise ConnectionRefusal("--password needs --user (NATS_USER)")
        return {
            "user": given.get("user"),
            "password": password,
            "token": given.get("token"),
            "creds": _expanded(given.get("creds")),
            "nkey": _expanded(given.get("nkey")),
        }
    if password is not None:
        if not context.user:
            raise ConnectionRefusal("--password needs --user (NATS_USER)")
        return {"user": context.user, "password": password}
    if context.user:
        return {"user": context.user, "password": context.password}
    if context.creds:
        return {"creds": Path(context.creds)}
    if context.nkey:
        return {"nkey": Path(context.nkey)}
    if context.user_jwt:
        return {"user_jwt": context.user_jwt, "user_seed": context.user_seed or None}
    return {"token": context.token or None}


def _tls(given: Mapping[str, Any], context: NatsContext) -> dict[str, Any]:
    cert, key = _expanded(given.get("tlscert")), _expanded(given.get("tlskey"))
    if (cert is None) != (key is None):
        raise ConnectionRefusal("--tlscert and --tlskey go together")
    if cert is None:
        if bool(context.cert) != bool(context.key):
            raise ConnectionRefusal(f"context {context.name!r}: cert and key go together")
        cert, key = _path(context.cert), _path(context.key)
    return {
        "tls_cert": cert,
        "tls_key": key,
        "tls_ca": _expanded(given.get("tlsca")) or _path(context.ca),
        "tls_first": given.get("tlsfirst", context.tls_first),
    }


def _subjects(given: Mapping[str, Any], context: NatsContext) -> dict[str, Any]:
    found = {
        "inbox_prefix": given.get("inbox_prefix") or context.inbox_prefix or DEFAULT_INBOX_PREFIX,
        "js_event_prefix": context.jetstream_event_prefix or None,
    }
    if given.get("js_domain") or given.get("js_api_prefix"):
        return found | {
            "js_domain": given.get("js_domain"),
            "js_api_prefix": given.get("js_api_prefix"),
        }
    return found | {
        "js_domain": context.jetstream_domain or None,
        "js_api_prefix": context.jetstream_api_prefix or None,
    }


def environment_of(options: ConnectionOptions, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a program of ours connects as these options say.

    Secrets go this way because others on the machine cannot see it. What no variable says, such
    as a JWT, the program takes from the same context.
    """
    found: dict[str, object] = {
        "NATS_CONTEXT": options.context,
        "NATS_URL": ",".join(options.servers),
        "NATS_USER": options.user,
        "NATS_PASSWORD": options.password,
        "NATS_TOKEN": options.token,
        "NATS_CREDS": options.creds,
        "NATS_NKEY": options.nkey,
        "NATS_CERT": options.tls_cert,
        "NATS_KEY": options.tls_key,
        "NATS_CA": options.tls_ca,
        "NATS_TLS_FIRST": "true" if options.tls_first else None,
        "NATS_JS_DOMAIN": options.js_domain,
        "NATS_JS_API_PREFIX": None if options.js_domain else options.js_api_prefix,
        "NATS_INBOX_PREFIX": options.inbox_prefix,
    }
    others = {name: value for name, value in inherited.items() if name not in found}
    others.pop("NATS_CERTIFICATE", None)
    return others | {name: str(value) for name, value in found.items() if value}


def _expanded(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser()


def _path(text: str) -> Path | None:
    return Path(text) if text else None
