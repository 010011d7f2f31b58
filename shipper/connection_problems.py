"""What can be wrong with a connection: one line each, with the mend and without secrets."""

from __future__ import annotations

import errno
import os
import socket
import ssl


class ConnectionProblem(Exception):  # noqa: N818 - each kind below ends in Error
    """Base of all that can be wrong with a connection."""


class TlsMissingError(Exception):
    """The server is about to be spoken to in clear text, although TLS was asked for."""


class ConnectFailedError(ConnectionProblem):
    """No connection could be made."""


class CredentialsRefusedError(ConnectFailedError):
    """The server is there and does not let us in."""


class CredentialsFileError(ConnectFailedError):
    """The credentials file cannot be read or used."""


class TlsRefusedError(ConnectFailedError):
    """TLS was asked for and cannot be had; nothing was sent."""


class NotConnectedError(ConnectionProblem):
    """There is no connection now, or it was lost while an answer was awaited."""


class RequestFailedError(ConnectionProblem):
    """No answer came in time."""


class PermissionDeniedError(RequestFailedError):
    """The server does not let this login do that."""

    def __init__(self, action: str, subject: str, address: str) -> None:
        self.subject = subject
        super().__init__(
            f"{address} does not let this login {action} {subject!r}; "
            "grant it, or use other credentials"
        )


class NoRespondersError(ConnectionProblem):
    """Nobody listens on the subject of a request."""

    def __init__(self, subject: str, address: str, *, domain: str = "") -> None:
        self.subject = subject
        if subject.startswith("$JS.") and domain:
            text = (
                f"JetStream domain {domain!r} does not answer at {address}: "
                "check its name (--js-domain) and the account"
            )
        elif subject.startswith("$JS."):
            text = (
                f"JetStream does not answer at {address}: enable it on the server (-js), "
                "or check the account and the JetStream domain"
            )
        else:
            text = f"nothing listens on {subject!r} at {address}"
        super().__init__(text)


class PayloadTooLargeError(ConnectionProblem):
    """A message is larger than the server takes."""

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(
            f"a message of {size:,} bytes is more than the server's max_payload of {limit:,}; "
            "send less at once or raise max_payload on the server"
        )


def explain_connect_failure(
    error: BaseException, *, address: str, credentials: str, timeout: float
) -> ConnectFailedError:
    """Turn whatever connecting raised into one line.

    Args:
        error: what was raised.
        address: the server that was tried, without user information.
        credentials: what we logged in with, in words, such as ``user 'x'``; empty for nothing.
        timeout: the limit in seconds that applied.
    """
    if isinstance(error, ConnectFailedError):
        return error
    if isinstance(error, TlsMissingError):
        return TlsRefusedError(
            f"{address} offers no TLS, and TLS was asked for: no connection was made; "
            "configure TLS on the server, or use nats:// without TLS flags"
        )
    if isinstance(error, TimeoutError):
        return ConnectFailedError(
            f"no answer from {address} within {timeout:g} s; "
            "check the address and the firewall, or name another server with --server"
        )
    if isinstance(error, OSError):
        return _explain_os_error(error, address)
    text = str(error).removeprefix("nats: ").strip().strip("'")
    lowered = text.lower()
    if "authorization" in lowered or "authentication" in lowered:
        if not credentials:
            return CredentialsRefusedError(
                f"{address} wants credentials; give --user and --password, --token or --creds"
            )
        return CredentialsRefusedError(
            f"{address} refused the credentials of {credentials}; check {_flags_of(credentials)}"
        )
    if "empty response" in lowered or "json parse" in lowered:
        return ConnectFailedError(
            f"what listens at {address} is no NATS server; name another with --server"
        )
    return ConnectFailedError(f"cannot connect to {address}: {text or type(error).__name__}")


def _explain_os_error(error: OSError, address: str) -> ConnectFailedError:
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", "") or error.reason or "TLS failed"
        return TlsRefusedError(
            f"no TLS connection to {address}: {reason}; check --tlsca, --tlscert and the name"
        )
    if isinstance(error, socket.gaierror):
        host = address.rpartition(":")[0]
        return ConnectFailedError(
            f"the host name {host!r} is not known; check it or name another with --server"
        )
    if is_refused(error):
        reason = "connection refused"
    else:
        # Python's own text for a failed connect repeats the address; the bare reason is enough.
        reason = os.strerror(error.errno).lower() if error.errno else "cannot be reached"
    return ConnectFailedError(
        f"no NATS server at {address}: {reason}; start one or name another with --server"
    )


def is_refused(error: OSError) -> bool:
    """Tell whether every address of a name refused the connection.

    A name with several addresses gives an error without a number, only with their texts.
    """
    if error.errno is not None:
        return error.errno == errno.ECONNREFUSED
    return f"[Errno {errno.ECONNREFUSED}]" in str(error)


def _flags_of(credentials: str) -> str:
    if credentials.startswith("user"):
        return "--user and --password"
    return "--token" if credentials.startswith("the token") else "--creds"
