"""Where to connect and as whom. Knows no NATS library, so that ``--help`` is quick."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from shipper.subjects import is_literal

DEFAULT_SERVER = "nats://127.0.0.1:4222"
DEFAULT_PORT = 4222
DEFAULT_API_PREFIX = "$JS.API"
DEFAULT_EVENT_PREFIX = "$JS.EVENT"
DEFAULT_INBOX_PREFIX = "_INBOX"

_DOMAIN = re.compile(r"[^\s.*>\x00-\x20\x7f]+")


class BadServerError(ValueError):
    """A server URL that cannot be used. The text shows no user information."""


class BadSubjectPrefixError(ValueError):
    """A domain or a prefix of subjects that cannot be used."""


class Server(NamedTuple):
    """One server to try, with the login its URL carried, if any."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False
    """The URL asks for TLS."""

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Server({self.address})"

    @property
    def address(self) -> str:
        """``host:port``, never with user information."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL to dial, without user information."""
        return f"nats://{self.address}"

    @classmethod
    def parse(cls, text: str) -> Server:
        """Read ``[nats://][user:password@]host[:port]``; a lone user is a token, as in the CLI.

        With ``tls://`` there is TLS or no connection.

        Raises:
            BadServerError: the URL cannot be used.
        """
        stripped = text.strip()
        shown = _without_login(stripped)
        try:
            parts = urlsplit(stripped if "://" in stripped else f"nats://{stripped}")
            port = parts.port or DEFAULT_PORT
        except ValueError:
            raise BadServerError(
                f"server {shown!r} is no URL; write nats://host:port, an IPv6 address in brackets"
            ) from None
        if parts.scheme not in ("nats", "tls"):
            raise BadServerError(
                f"server {shown!r}: only nats:// and tls:// can be used, not {parts.scheme}://"
            )
        if not parts.hostname or any(c.isspace() or not c.isprintable() for c in stripped):
            raise BadServerError(f"server {shown!r} names no host; write nats://host:port")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise BadServerError(f"server {shown!r}: nothing can follow the port")
        return cls(parts.hostname, port, *_login(parts), tls=parts.scheme == "tls")


def _login(parts: SplitResult) -> tuple[str | None, str | None]:
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return user or None, password


def _without_login(text: str) -> str:
    scheme, separator, rest = text.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConnectionOptions:
    """Where to connect and as whom.

    Raises:
        BadServerError: one of ``servers`` cannot be used.
        BadSubjectPrefixError: the domain or one of the prefixes cannot be part of a subject.
    """

    servers: tuple[str, ...] = (DEFAULT_SERVER,)
    """URLs; scheme and port may be left out, user information may be in them."""
    user: str | None = None
    password: str | None = None
    token: str | None = None
    creds: Path | None = None
    """A credentials file. Read anew at every connect, so that it can be rotated."""
    nkey: Path | None = None
    """A file with an nkey's seed. Read anew at every connect."""
    user_jwt: str | None = None
    """A user JWT itself, with its seed below, or a bearer's without one."""
    user_seed: str | None = None
    tls: bool = False
    """TLS or no connection. Any of the following asks for it, too, and so does ``tls://``."""
    tls_cert: Path | None = None
    """Our certificate, with its chain. Read anew at every connect, as the other two."""
    tls_key: Path | None = None
    tls_ca: Path | None = None
    """Whom to trust instead of the system's authorities."""
    tls_first: bool = False
    """Begin with TLS, before the server says anything."""
    inbox_prefix: str = DEFAULT_INBOX_PREFIX
    """Where all answers come to, from the server and from others."""
    js_domain: str | None = None
    """The JetStream domain that is meant; the nearest one where there is none."""
    js_api_prefix: str | None = None
    """Where JetStream's API is, in place of ``$JS.API``; a domain counts more."""
    js_event_prefix: str | None = None
    """Where its advisories are, in place of ``$JS.EVENT``."""
    context: str = ""
    """The `nats` CLI's context that any of these come from; empty where none was used."""
    name: str = "natsconsole"
    """Shown in the server's list of connections."""
    connect_timeout: float = 2.0
    """Seconds for one attempt at one server, login included."""
    ping_interval: float = 10.0
    """Seconds between pings; a link that leaves three unanswered is dead."""
    parsed_servers: tuple[Server, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Check the servers once, so that nobody else has to."""
        self._check_subjects()
        if not self.servers:
            raise BadServerError("no server is named; write nats://host:port")
        parsed = tuple(Server.parse(server) for server in self.servers)
        # One TLS URL means a cluster with TLS: a server we are told of is no way around it.
        if any(server.tls for server in parsed):
            object.__setattr__(self, "tls", True)
        object.__setattr__(self, "parsed_servers", parsed)

    def _check_subjects(self) -> None:
        if self.js_domain is not None and not _DOMAIN.fullmatch(self.js_domain):
            raise BadSubjectPrefixError(
                f"JetStream domain {self.js_domain!r}: a domain has no dots, spaces or wildcards"
            )
        prefixes = {
            "inbox prefix": self.inbox_prefix,
            "JetStream API prefix": self.js_api_prefix,
            "JetStream event prefix": self.js_event_prefix,
        }
        for what, prefix in prefixes.items():
            if prefix is not None and not is_literal(prefix):
                raise BadSubjectPrefixError(
                    f"{what} {prefix!r}: a prefix has no spaces, wildcards or empty tokens, "
                    "and ends without a dot"
                )

    @property
    def api_prefix(self) -> str:
        """Where JetStream's API is, ``$JS.API`` unless there is a domain or a prefix."""
        if self.js_domain is not None:
            return f"$JS.{self.js_domain}.API"
        return self.js_api_prefix or DEFAULT_API_PREFIX

    @property
    def event_prefix(self) -> str:
        """Where JetStream's advisories are, ``$JS.EVENT`` unless there is a prefix."""
        return self.js_event_prefix or DEFAULT_EVENT_PREFIX

    @property
    def wants_tls(self) -> bool:
        """Whether there must be TLS to every server."""
        files = (self.tls_cert, self.tls_key, self.tls_ca)
        return self.tls or self.tls_first or any(file is not None for file in files)

    @property
    def address(self) -> str:
        """The servers as ``host:port,...``, never with user information."""
        return ",".join(server.address for server in self.parsed_servers)

    @property
    def login(self) -> str:
        """What the login is, in words and without secrets; empty where there is none."""
        if self.creds is not None:
            return f"the file {str(self.creds)!r}"
        if self.nkey is not None:
            return f"the nkey in {str(self.nkey)!r}"
        if self.user_jwt is not None:
            return "a JWT"
        if self.user is not None:
            return f"user {self.user!r}"
        if self.token is not None:
            return "a token"
        (user, password), *_ = ((one.user, one.password) for one in self.parsed_servers)
        if user is None:
            return ""
        return "the token in its URL" if password is None else f"user {user!r}"

    def __repr__(self) -> str:
        """Show no secret, also none from a URL."""
        return f"ConnectionOptions(address={self.address!r}, name={self.name!r})"
