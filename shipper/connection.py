"""One connection to NATS that heals itself: all traffic of both programs goes through it.

A lost client is never repaired but replaced, whatever it died of. So there is one path for a
server restart, a dead link, rotated credentials and a bug in nats-py, and it is a tested one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import count, groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from nats.aio.client import RawCredentials

from shipper.backoff import Backoff
from shipper.connection_options import (
    DEFAULT_API_PREFIX,
    DEFAULT_PORT,
    DEFAULT_SERVER,
    BadServerError,
    ConnectionOptions,
    Server,
)
from shipper.connection_problems import (
    ConnectFailedError,
    ConnectionProblem,
    CredentialsFileError,
    CredentialsRefusedError,
    NoRespondersError,
    NotConnectedError,
    PayloadTooLargeError,
    PermissionDeniedError,
    RequestFailedError,
    TlsRefusedError,
    explain_connect_failure,
)
from shipper.hardened_client import HardenedClient, Sink
from shipper.headers import status_of

__all__ = [
    "DEFAULT_SERVER",
    "BadServerError",
    "BadSubjectError",
    "ConnectFailedError",
    "Connection",
    "ConnectionOptions",
    "ConnectionProblem",
    "ConnectionState",
    "CredentialsFileError",
    "CredentialsRefusedError",
    "HardenedClient",
    "NoRespondersError",
    "NotConnectedError",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "Reply",
    "RequestFailedError",
    "Sink",
    "Subscription",
    "TlsRefusedError",
]

logger = logging.getLogger(__name__)

ConnectionState = Literal["connecting", "connected", "reconnecting", "closed"]

ClientCallback = Callable[[HardenedClient], Awaitable[None]]

_DEFAULT_MAX_PAYLOAD = 1 << 20
_WRITE_AHEAD = 1 << 20
"""Bytes queued beyond which a publisher waits for the socket."""
_FLUSH_ON_CLOSE = 1.0
_STABLE_AFTER = 2.0
"""Seconds after which a connection counts as a success, and the next back-off starts anew."""
_MAX_CREDS_SIZE = 1 << 16
_SEED = re.compile(r"SU[A-Z2-7]{40,80}")

_NOT_IN_SUBJECT = re.compile(r"[ \t\r\n]")
_DENIED = re.compile(
    r"permissions violation for (publish|subscription) to \"([^\"]*)\"", re.IGNORECASE
)
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE_ENDS = str.maketrans({"\r": " ", "\n": " "})


class BadSubjectError(ValueError):
    """A subject, reply subject or header name that cannot be sent."""


class Reply(NamedTuple):
    """The answer to a request."""

    subject: str
    headers: bytes
    """The raw header block, empty where there is none."""
    data: bytes


class Subscription:
    """A subscription that lives until it is cancelled, over any number of clients."""

    def __init__(self, connection: Connection, subject: str, sink: Sink) -> None:
        self.subject = subject
        self.sink = sink
        self._connection = connection

    def cancel(self) -> None:
        """End it; the sink is called no more. Does nothing the second time."""
        self._connection._forget(self)  # noqa: SLF001

    async def unsubscribe(self) -> None:
        """End it and wait, if there is a connection, until the server knows."""
        self.cancel()
        with contextlib.suppress(ConnectionProblem):
            await self._connection.rtt()


class Connection:
    """One logical connection that outlives any number of clients.

    Used from one event loop. A request, publish or subscription fails with a `ConnectionProblem`
    whose text is one line for the user.

    What is asked of ``$JS.API`` goes to the JetStream domain or API prefix of the options, and so
    does what is put into a bucket: whoever uses a connection writes the subjects as they are
    without one.
    """

    def __init__(self, options: ConnectionOptions) -> None:
        self.options = options
        self._is_elsewhere = options.api_prefix != DEFAULT_API_PREFIX
        self.since = time.time()
        """When the state last changed, in seconds since the epoch."""
        self.last_error = ""
        """What last went wrong, in one line; kept while connected."""
        self.generation = 0
        """Raised by one with each connect: whoever holds state at the server starts over then."""
        self._state: ConnectionState = "closed"
        self._client: HardenedClient | None = None
        self._server_info: dict[str, Any] = {}
        self._server = options.parsed_servers[0]
        self._discovered: tuple[Server, ...] = ()
        self._supervisor: asyncio.Task[None] | None = None
        self._greeting: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        """Wakes at each change whoever waits just then."""
        self._hostile_frames = 0
        self._listeners: list[Callable[[], None]] = []
        self._client_callbacks: list[ClientCallback] = []
        self._inbox = f"{options.inbox_prefix}.{secrets.token_hex(11)}"
        self._tokens = count(1)
        self._waiting: dict[str, tuple[str, asyncio.Future[Reply]]] = {}
        """By token: subject and answer of each request under way."""
        self.denied: set[str] = set()
        """Subjects that this login may not publish or subscribe to, since the last connect."""
        self._subscriptions: dict[Subscription, int] = {}
        """With the id that each has at the current client."""
        self._subscriptions[Subscription(self, f"{self._inbox}.*", self._take_reply)] = 0

    # Opening and closing.

    async def open(self, *, retry: bool = False) -> None:
        """Connect.

        Args:
            retry: return at once and keep trying for ever; else one try at each server.

        Raises:
            ConnectFailedError: no server let us in.
        """
        if self._supervisor is not None:
            return
        self._set_state("connecting")
        client = None
        if not retry:
            try:
                client = await self._connect()
            except BaseException as error:
                if isinstance(error, ConnectFailedError):
                    self.last_error = str(error)
                self._set_state("closed")
                raise
            if self._state == "closed":  # by another task, meanwhile
                client.discard()
                raise ConnectFailedError(f"the connection to {self.options.address} was closed")
            self._adopt(client)
        self._supervisor = asyncio.create_task(self._supervise(client), name="nats-connection")

    async def close(self) -> None:
        """Send what is queued, for at most a second, and close. Never hangs; never raises."""
        try:
            if self._client is not None:
                with contextlib.suppress(ConnectionError, TimeoutError):
                    await self._client.round_trip(_FLUSH_ON_CLOSE)
        finally:
            supervisor, self._supervisor = self._supervisor, None
            if supervisor is not None:
                supervisor.cancel()
            self._drop_client("the connection was closed")
            self._set_state("closed")
        if supervisor is not None:
            await asyncio.wait({supervisor}, timeout=_FLUSH_ON_CLOSE)
        await asyncio.sleep(0)  # lets the loop close the socket

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # What is known about it.

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._state

    @property
    def client(self) -> HardenedClient:
        """The current client. Replaced after each loss: do not keep it.

        Raises:
            NotConnectedError: there is none now.
        """
        if self._client is None or self._state != "connected":
            raise self._not_connected()
        return self._client

    @property
    def server_name(self) -> str:
        """The name of the server we are, or were last, connected to."""
        return str(self._server_info.get("server_name", ""))

    @property
    def server_version(self) -> str:
        """Its version, such as ``2.15.1``."""
        return str(self._server_info.get("version", ""))

    @property
    def server_version_tuple(self) -> tuple[int, int, int]:
        """Its version as numbers; zeros before the first connect."""
        found = re.match(r"(\d+)\.(\d+)\.(\d+)", self.server_version)
        return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)

    @property
    def max_payload(self) -> int:
        """The largest message in bytes, headers included, that the server takes."""
        info = self._client._server_info if self._client else self._server_info  # noqa: SLF001
        limit = info.get("max_payload")
        return limit if isinstance(limit, int) and limit > 0 else _DEFAULT_MAX_PAYLOAD

    @property
    def connected_address(self) -> str:
        """``host:port`` of the server we are, or were last, connected to."""
        return self._server.address if self.generation else ""

    @property
    def hostile_frames(self) -> int:
        """How many messages could not be processed, over all clients."""
        return self._hostile_frames + (self._client.hostile_frames if self._client else 0)

    async def wait_connected(self, timeout: float) -> None:
        """Wait until there is a connection.

        Raises:
            NotConnectedError: there is none within ``timeout`` seconds, or it is closed.
        """
        try:
            async with asyncio.timeout(timeout):
                while self._state != "connected":
                    if self._state == "closed":
                        raise self._not_connected()
                    await self._changed.wait()
        except TimeoutError:
            raise self._not_connected() from None

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` at each change of state or generation; the result removes it."""
        self._listeners.append(callback)

        def remove() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(callback)

        return remove

    async def on_client(self, callback: ClientCallback) -> None:
        """Await ``callback`` with the current client, if any, and with each that replaces it.

        What it raises because its client was lost meanwhile is no news: the next is greeted too.
        """
        self._client_callbacks.append(callback)
        client = self._client
        if self._state == "connected" and client is not None:
            try:
                await callback(client)
            except Exception:
                if self._is_alive(client):
                    raise

    # Traffic.

    def new_inbox(self) -> str:
        """Return a subject that nobody else uses."""
        return f"{self.options.inbox_prefix}.{secrets.token_hex(11)}"

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        timeout: float = 2.0,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask and return the first answer, whatever is in it.

        Raises:
            NoRespondersError: nobody listens on the subject.
            RequestFailedError: no answer within ``timeout`` seconds.
            PermissionDeniedError: this login may not ask that, or may not hear the answer.
            NotConnectedError: there is no connection, or it was lost while we waited.
            PayloadTooLargeError: the server would refuse it.
        """
        asked, subject = subject, self._addressed(subject)
        token = str(next(self._tokens))
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        frame = self._frame(subject, payload, f"{self._inbox}.{token}", headers)
        client = self.client
        self._waiting[token] = (subject, answer)
        try:
            client.write(frame)
            async with asyncio.timeout(timeout):
                reply = await answer
        except TimeoutError:
            if f"{self._inbox}.*" in self.denied:
                raise PermissionDeniedError(
                    "subscribe to", f"{self.options.inbox_prefix}.>", self._server.address
                ) from None
            raise RequestFailedError(
                f"no answer to {subject} from {self._server.address} within {timeout:g} s; "
                "it may be overloaded or its disk may be full"
            ) from None
        finally:
            self._waiting.pop(token, None)
        if not reply.data and reply.headers:
            status = status_of(reply.headers)
            if status is not None and status.code == 503:
                raise NoRespondersError(
                    asked, self._server.address, domain=self.options.js_domain or ""
                )
        return reply

    def refusal_of(self, subject: str) -> PermissionDeniedError | None:
        """Return what the server said if it lets this login not publish to a subject, else None.

        It says so some time after a publish, if ever.
        """
        if self._addressed(subject) not in self.denied:
            return None
        return PermissionDeniedError("publish to", subject, self._server.address)

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        reply: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a message; waits only while much is queued already.

        Raises:
            NotConnectedError: there is no connection; nothing is kept for later.
            PayloadTooLargeError: the server would refuse it.
        """
        frame = self._frame(self._addressed(subject), payload, reply, headers)
        client = self.client
        client.write(frame)
        if client.pending_data_size > _WRITE_AHEAD:
            await client.written()
            if client is not self._client:
                raise self._not_connected()

    def send(self, frames: Iterable[tuple[str, bytes]]) -> None:
        """Queue many ``(subject, payload)`` at once, without waiting: made for acks.

        Raises:
            NotConnectedError: there is no connection; nothing is kept for later.
        """
        client = self.client
        runs = groupby(frames, key=itemgetter(1))
        joined = b"".join(_frames_of([subject for subject, _ in run], data) for data, run in runs)
        if joined:
            client.write(joined)

    async def subscribe(self, subject: str, sink: Sink) -> Subscription:
        """Hand each message on ``subject`` to ``sink``, synchronously, until cancelled.

        In force when this returns, if there is a connection; made again with every later one.
        What the sink raises is logged and counted in ``hostile_frames``.
        """
        _encoded(subject)
        subscription = Subscription(self, subject, sink)
        if self._client is None:
            self._subscriptions[subscription] = 0
            return subscription
        self._subscriptions[subscription] = self._client.add_sink(subject, sink)
        with contextlib.suppress(ConnectionProblem):
            await self.rtt()
        return subscription

    async def rtt(self, *, timeout: float = 2.0) -> float:
        """Return the seconds a round trip to the server takes.

        Raises:
            RequestFailedError: no answer within ``timeout`` seconds.
            NotConnectedError: there is no connection, or it was lost while we waited.
        """
        client = self.client
        try:
            return await client.round_trip(timeout)
        except TimeoutError:
            raise RequestFailedError(
                f"no answer to a ping from {self._server.address} within {timeout:g} s"
            ) from None
        except ConnectionError:
            raise self._not_connected() from None

    def _addressed(self, subject: str) -> str:
        """Return where JetStream is to be asked what this subject asks."""
        if not self._is_elsewhere:
            return subject
        if subject.startswith(f"{DEFAULT_API_PREFIX}."):
            return self.options.api_prefix + subject.removeprefix(DEFAULT_API_PREFIX)
        # A bucket's subjects are the domain's own too, and clients agree on this way to them.
        return f"{self.options.api_prefix}.{subject}" if subject.startswith("$KV.") else subject

    def _frame(
        self, subject: str, payload: bytes, reply: str, headers: Mapping[str, str] | None
    ) -> bytes:
        target = _encoded(subject) + (b" " + _encoded(reply) if reply else b"")
        block = _header_block(headers) if headers else b""
        size = len(block) + len(payload)
        if size > self.max_payload:
            raise PayloadTooLargeError(size, self.max_payload)
        if not block:
            return b"PUB %b %d\r\n%b\r\n" % (target, size, payload)
        return b"HPUB %b %d %d\r\n%b%b\r\n" % (target, len(block), size, block, payload)

    def _take_reply(self, subject: str, _reply: str, headers: bytes, data: bytes) -> None:
        _, answer = self._waiting.get(subject[len(self._inbox) + 1 :], ("", None))
        if answer is not None and not answer.done():
            answer.set_result(Reply(subject, headers, data))

    def _take_error(self, text: str) -> None:
        found = _DENIED.search(text)
        if found is None:
            return
        kind, subject = found[1].lower(), found[2]
        self.denied.add(subject)
        if kind != "publish":
            return
        for asked, answer in list(self._waiting.values()):
            if asked == subject and not answer.done():
                answer.set_exception(
                    PermissionDeniedError("publish to", subject, self._server.address)
                )

    def _forget(self, subscription: Subscription) -> None:
        sid = self._subscriptions.pop(subscription, None)
        if sid is not None and self._client is not None:
            self._client.remove_sink(sid)

    # Keeping it alive.

    async def _supervise(self, client: HardenedClient | None) -> None:
        backoff = Backoff()
        while True:
            if client is None:
                client = await self._connect_at_last(backoff)
                self._adopt(client)
            begun = time.monotonic()
            await client.wait_lost()
            self.last_error = client.complaint or "the connection was lost"
            logger.info("lost %s: %s", self._server.address, self.last_error)
            client = None
            self._drop_client(self.last_error)
            self._set_state("reconnecting")
            if time.monotonic() - begun > _STABLE_AFTER:
                backoff.reset()
            await asyncio.sleep(backoff.next_wait())

    async def _connect_at_last(self, backoff: Backoff) -> HardenedClient:
        while True:
            try:
                return await self._connect()
            except ConnectFailedError as error:
                if self.last_error != str(error):
                    logger.info("%s", error)
                self.last_error = str(error)
            await asyncio.sleep(backoff.next_wait())

    async def _connect(self) -> HardenedClient:
        """Try each server once, those we were told of first."""
        told = list(self.options.parsed_servers)
        found = [server for server in self._discovered if server not in told]
        random.shuffle(told)
        random.shuffle(found)
        problems = []
        for server in (*told, *found):
            try:
                return await self._dial(server)
            except ConnectFailedError as error:
                problems.append(error)
        # Of several, one that says more than "refused" is the one to act on.
        problems.sort(
            key=lambda e: not isinstance(e, CredentialsRefusedError | CredentialsFileError)
        )
        raise problems[0]

    async def _dial(self, server: Server) -> HardenedClient:
        options = self.options
        client = HardenedClient()
        client.on_error = self._take_error
        client.requires_tls = options.wants_tls
        login, credentials = self._login(server)
        if options.wants_tls:
            login |= {"tls": _tls_context(options), "tls_handshake_first": options.tls_first}
        self.denied.clear()
        times: dict[str, Any] = {
            "connect_timeout": options.connect_timeout,
            "ping_interval": options.ping_interval,
        }

        async def record(error: Exception) -> None:
            client.complaint = str(error) or type(error).__name__

        try:
            async with asyncio.timeout(options.connect_timeout):
                await client.connect(
                    server.url,
                    error_cb=record,
                    name=options.name,
                    allow_reconnect=False,
                    max_outstanding_pings=2,
                    flusher_queue_size=0,
                    pending_size=64 << 20,
                    inbox_prefix=options.inbox_prefix,
                    **times,
                    **login,
                )
                if not client.is_connected:
                    raise ConnectFailedError(
                        f"{server.address} closed the connection during the login"
                    )
                client.complaint = ""
                for subscription in list(self._subscriptions):
                    sid = client.add_sink(subscription.subject, subscription.sink)
                    self._subscriptions[subscription] = sid
                # Whoever hears of the new connection finds the subscriptions in force.
                await client.round_trip(options.connect_timeout)
        except BaseException as error:
            client.discard()
            if not isinstance(error, Exception):
                raise
            raise explain_connect_failure(
                error,
                address=server.address,
                credentials=credentials,
                timeout=options.connect_timeout,
            ) from None
        self._server = server
        return client

    def _login(self, server: Server) -> tuple[dict[str, Any], str]:
        """Return what to log in with, and what that is called in a message."""
        options = self.options
        if options.creds is not None:
            secret = _read_creds(options.creds, options.context)
            return {"user_credentials": secret}, f"the file {str(options.creds)!r}"
        if options.nkey is not None:
            seed = _read_seed(options.nkey, options.context)
            return {"nkeys_seed_str": seed}, f"the nkey in {str(options.nkey)!r}"
        if options.user_jwt is not None:
            secret = _jwt_login(options.user_jwt, options.user_seed, options.context)
            return secret, f"the JWT of context {options.context!r}"
        if options.user is not None:
            login = {"user": options.user, "password": options.password or ""}
            return login, f"user {options.user!r}"
        if options.token is not None:
            return {"token": options.token}, "the token"
        if server.user is not None and server.password is None:
            return {"token": server.user}, "the token in its URL"
        if server.user is not None:
            login = {"user": server.user, "password": server.password or ""}
            return login, f"user {server.user!r}"
        return {}, ""

    def _adopt(self, client: HardenedClient) -> None:
        self._client = client
        self._server_info = dict(client._server_info)  # noqa: SLF001 - it has no public name
        self.generation += 1
        self._set_state("connected")
        if self._client_callbacks:
            self._greeting = asyncio.create_task(self._greet(client), name="nats-greeting")

    async def _greet(self, client: HardenedClient) -> None:
        for callback in list(self._client_callbacks):
            try:
                await callback(client)
            except Exception:
                if not self._is_alive(client):
                    return
                logger.exception("what is set up at each connect failed")

    def _is_alive(self, client: HardenedClient) -> bool:
        return client is self._client and client.is_connected

    def _drop_client(self, why: str) -> None:
        client, self._client = self._client, None
        if client is not None:
            self._hostile_frames += client.hostile_frames
            client.hostile_frames = 0
            self._discovered = tuple(
                self._server._replace(host=url.hostname, port=url.port or DEFAULT_PORT)
                for url in client.discovered_servers
                if url.hostname
            )
            client.discard()
        if self._greeting is not None and self._greeting is not asyncio.current_task():
            self._greeting.cancel()
            self._greeting = None
        for _, answer in list(self._waiting.values()):
            if not answer.done():
                answer.set_exception(
                    NotConnectedError(f"lost {self._server.address} while waiting: {why}")
                )

    def _set_state(self, state: ConnectionState) -> None:
        if state == self._state:
            return
        self._state = state
        self.since = time.time()
        self._changed.set()
        self._changed.clear()
        for listener in list(self._listeners):
            try:
                listener()
            except Exception:
                logger.exception("a listener to connection changes failed")

    def _not_connected(self) -> NotConnectedError:
        address = self.options.address
        if self._state == "closed":
            return NotConnectedError(f"the connection to {address} is closed")
        why = f": {self.last_error}" if self.last_error else ""
        if address in why:
            return NotConnectedError(f"not connected{why}")
        return NotConnectedError(f"not connected to {address}{why}")


def _frames_of(subjects: Sequence[str], payload: bytes) -> bytes:
    # Joined, checked and encoded all at once: a tenth of the time of one by one.
    lines = "\n".join(subjects)
    is_clean = not any(white in lines for white in (" ", "\t", "\r"))
    if not is_clean or lines.count("\n") != len(subjects) - 1 or not all(subjects):
        for subject in subjects:
            _encoded(subject)
    end = b" %d\r\n%b\r\n" % (len(payload), payload)
    names = lines.encode("utf-8", "surrogateescape")
    return b"PUB %b%b" % (names.replace(b"\n", end + b"PUB "), end)


def _encoded(subject: str) -> bytes:
    if not subject or _NOT_IN_SUBJECT.search(subject):
        raise BadSubjectError(f"subject {subject!r} is empty or has white space in it")
    return subject.encode("utf-8", "surrogateescape")


def _header_block(headers: Mapping[str, str]) -> bytes:
    lines = [b"NATS/1.0"]
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise BadSubjectError(f"header name {name!r} cannot be sent")
        text = value.translate(_LINE_ENDS).strip()
        # A file's name may hold bytes that are no UTF-8; they travel as they are.
        lines.append(name.encode() + b": " + text.encode("utf-8", "surrogateescape"))
    return b"\r\n".join((*lines, b"", b""))


def _read_secret(path: Path, check: str) -> str:
    try:
        if not path.is_file():
            raise FileNotFoundError(2, "no such file")
        with path.open("rb") as file:
            return file.read(_MAX_CREDS_SIZE).decode("utf-8", "replace")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise CredentialsFileError(
            f"cannot read the credentials file {str(path)!r}: {reason}; {check}"
        ) from None


def _check(flag: str, context: str) -> str:
    return f"check {flag} or context {context!r}" if context else f"check {flag}"


def _read_seed(path: Path, context: str) -> str:
    """Read an nkey's seed: the first line that is one."""
    check = _check("--nkey", context)
    for line in _read_secret(path, check).splitlines():
        if _SEED.fullmatch(line.strip()):
            return line.strip()
    raise CredentialsFileError(f"{str(path)!r} holds no user seed, which begins with SU; {check}")


def _tls_context(options: ConnectionOptions) -> ssl.SSLContext:
    """Make it anew for each connect, so that certificates can be renewed."""
    ca, cert, key = options.tls_ca, options.tls_cert, options.tls_key
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise _unusable("--tlsca", ca, error) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None:
        try:
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise _unusable("--tlscert and --tlskey", cert, error) from None
    return context


def _unusable(flags: str, path: Path | None, error: OSError) -> TlsRefusedError:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return TlsRefusedError(
        f"cannot use the certificate {str(path)!r}: {(reason or 'it is damaged').lower()}; "
        f"check {flags}"
    )


def _read_creds(path: Path, context: str) -> Any:
    """Read a credentials file; nats-py would read one without a JWT for ever."""
    check = _check("--creds", context)
    text = _read_secret(path, check)
    if "BEGIN NATS USER JWT" not in text or "BEGIN USER NKEY SEED" not in text:
        raise CredentialsFileError(
            f"{str(path)!r} is no credentials file: it holds no user JWT and seed; {check}"
        )
    return RawCredentials(text)


def _jwt_login(jwt: str, seed: str | None, context: str) -> dict[str, Any]:
    if seed is None:  # a bearer's JWT, which needs no signature
        return {"user_jwt_cb": jwt.encode, "signature_cb": lambda _nonce: b""}
    if not _SEED.fullmatch(seed.strip()):
        raise CredentialsFileError(
            f"context {context!r}: user_seed is no user seed, which begins with SU"
        )
    return {
        "user_credentials": RawCredentials(
            f"-----BEGIN NATS USER JWT-----\n{jwt.strip()}\n------END NATS USER JWT------\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed.strip()}\n------END USER NKEY SEED------\n"
        )
    }
