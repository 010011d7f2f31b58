"""The contexts of the `nats` CLI as the console knows them: listed, opened, switched."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

from natsconsole.cli.context_settings import NO_SETTINGS
from natsconsole.domain.contexts import Context, ContextSettings
from natsconsole.domain.host_pattern import HostPattern
from natsconsole.gateway.interface import Gateway, GatewayError, LinkLostError
from natsconsole.gateway.jetstream import ApiError, JetStream
from natsconsole.gateway.live_gateway import LiveGateway
from natsconsole.gateway.recorder import Recorder
from natsconsole.gateway.stream_choice import DEFAULT_STREAM, chosen_stream
from shipper.connection import Connection, ConnectionProblem, RequestFailedError
from shipper.connection_flags import ConnectionRefusal, connection_options
from shipper.connection_options import ConnectionOptions
from shipper.nats_context import ContextFiles


def known_contexts(
    settings: Mapping[str, ContextSettings], files: ContextFiles | None = None
) -> tuple[Context, ...]:
    """Return all contexts by name, those that cannot be used with their problem."""
    files = files or ContextFiles()
    selected = files.selected()
    return tuple(
        _known(name, settings.get(name, NO_SETTINGS), files, is_selected=name == selected)
        for name in files.names()
    )


def _known(
    name: str, settings: ContextSettings, files: ContextFiles, *, is_selected: bool
) -> Context:
    try:
        options = connection_options({"context": name}, files)
        description = files.read(name).description
    except (ConnectionRefusal, ValueError) as error:
        reason = error.message if isinstance(error, ConnectionRefusal) else str(error)
        return Context(name=name, is_selected=is_selected, problem=reason, settings=settings)
    return context_of(options, settings, description=description, is_selected=is_selected)


def context_of(
    options: ConnectionOptions,
    settings: ContextSettings = NO_SETTINGS,
    *,
    description: str = "",
    is_selected: bool = False,
) -> Context:
    """Return what may be shown of a connection: no secret is in it."""
    return Context(
        name=options.context,
        description=description,
        address=options.address,
        login=options.login,
        domain=options.js_domain or "",
        is_selected=is_selected,
        settings=settings,
    )


class ConsoleContexts:
    """Implements ``Contexts``: opens gateways, and closes what it has opened."""

    def __init__(
        self,
        settings: Mapping[str, ContextSettings],
        *,
        stream: str | None = None,
        pattern: HostPattern | None = None,
        read_only: bool = False,
        silent_after: float = 0.0,
        recorder: Recorder | None = None,
        on_open: Callable[[ConnectionOptions, LiveGateway], None] = lambda *_: None,
    ) -> None:
        """Prepare.

        Args:
            settings: what the user has said of contexts, by their names.
            stream: the stream to show in every context, where one was named.
            pattern: where the host stands in a stored subject, where that was said.
            read_only: whether every change is refused in every context.
            silent_after: seconds that make a host silent.
            recorder: keeps what is seen, in whichever context.
            on_open: is told of each gateway that is opened, with its options.
        """
        self._settings = settings
        self._stream = stream
        self._pattern = pattern
        self._read_only = read_only
        self._silent_after = silent_after
        self._recorder = recorder
        self._on_open = on_open
        self._open: dict[Gateway, Connection] = {}

    def known(self) -> Sequence[Context]:
        """Return all contexts by name, those that cannot be used with their problem."""
        return known_contexts(self._settings)

    async def open(self, name: str) -> Gateway:
        """Connect as a context says, and take a first look.

        Raises:
            GatewayError: that cannot be; nothing has changed then.
        """
        try:
            return await self.open_with(connection_options({"context": name}))
        except ConnectionRefusal as error:
            raise GatewayError(error.message) from None
        except ConnectionProblem as error:
            raise GatewayError(str(error)) from None

    async def open_with(self, options: ConnectionOptions) -> LiveGateway:
        """Connect as these options say, and take a first look.

        Raises:
            ConnectionProblem: there is no server, or it does not let us in.
            GatewayError: there is no stream of the name that was asked for.
        """
        connection = Connection(options)
        await connection.open()
        try:
            gateway = await self._gateway(connection)
            await self._first_look(gateway)
        except BaseException:
            await connection.close()
            raise
        self._open[gateway] = connection
        self._on_open(options, gateway)
        return gateway

    async def _first_look(self, gateway: LiveGateway) -> None:
        """Look once; without a stream of ours the console still shows those of others."""
        try:
            await gateway.look()
        except LinkLostError:
            raise
        except GatewayError:
            settings = self._settings.get(gateway.context.name, NO_SETTINGS)
            if self._stream or settings.stream:
                raise

    async def _gateway(self, connection: Connection) -> LiveGateway:
        settings = self._settings.get(connection.options.context, NO_SETTINGS)
        subject = settings.subject
        named = self._stream or settings.stream or None
        try:
            stream = await chosen_stream(JetStream(connection), named)
        except (ApiError, GatewayError, RequestFailedError) as error:
            if named is not None:
                raise GatewayError(str(error)) from error
            stream = DEFAULT_STREAM  # the console shows all streams, or why it cannot
        return LiveGateway(
            connection,
            stream,
            read_only=self._read_only or settings.read_only,
            silent_after=self._silent_after,
            pattern=self._pattern or (HostPattern.parse(subject) if subject else None),
            context=context_of(connection.options, settings),
            recorder=self._recorder,
        )

    async def leave(self, gateway: Gateway) -> None:
        """Close the connection of a gateway that is no longer shown."""
        connection = self._open.pop(gateway, None)
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        """Close all that is open."""
        async with contextlib.AsyncExitStack() as stack:
            for connection in self._open.values():
                stack.push_async_callback(connection.close)
            self._open.clear()
