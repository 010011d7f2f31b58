"""Changes of streams, consumers and messages of anybody's. ``--read-only`` is refused here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from natsconsole.domain.actions import (
    Action,
    DeleteConsumer,
    DeleteMessage,
    EditConsumer,
    PauseConsumer,
    PurgeStream,
    Republish,
    ResetConsumer,
    ResumeConsumer,
    UnpinConsumer,
    api_settings,
)
from natsconsole.domain.contexts import Context, why_read_only
from natsconsole.gateway.errors import as_gateway_errors
from natsconsole.gateway.interface import NotPermittedError
from natsconsole.gateway.jetstream import ApiError, JetStream, PubAck, answer_in
from shipper.connection import Connection

RESET_FROM = (2, 14, 0)
PAUSE_FROM = (2, 11, 0)


class Actions:
    """Carries out what was planned, and says what came of it."""

    def __init__(
        self, connection: Connection, jetstream: JetStream, context: Context, *, read_only: bool
    ) -> None:
        self._context = context
        self._connection = connection
        self._jetstream = jetstream
        self._read_only = read_only

    async def carry_out(self, action: Action) -> str:
        """Do it; the answer is one sentence for the user.

        Raises:
            NotPermittedError: the console is read-only, or the server refuses this login.
            GatewayError: it was not done.
        """
        if self._read_only:
            raise NotPermittedError(why_read_only(self._context))
        with as_gateway_errors():
            return await self._do(action)

    async def _do(self, action: Action) -> str:
        jetstream = self._jetstream
        match action:
            case PauseConsumer(consumer=one, until=until):
                self._need(PAUSE_FROM, "pauses consumers")
                text = datetime.fromtimestamp(until, UTC).isoformat().replace("+00:00", "Z")
                await jetstream.pause_consumer(one.stream, one.name, text)
                return f"{action.place} is paused"
            case ResumeConsumer(consumer=one):
                self._need(PAUSE_FROM, "pauses consumers")
                await jetstream.pause_consumer(one.stream, one.name, "")
                return f"{action.place} goes on"
            case ResetConsumer(consumer=one, sequence=sequence):
                self._need(RESET_FROM, "resets consumers")
                start = await jetstream.reset_consumer(one.stream, one.name, sequence)
                return f"{action.place} delivers sequence {start:,} next"
            case UnpinConsumer(consumer=one, group=group):
                await jetstream.unpin_consumer(one.stream, one.name, group)
                return f"{action.place} is unpinned"
            case EditConsumer(consumer=one, changes=changes):
                await self._edit(one.stream, one.name, api_settings(changes))
                return f"{action.place} has its new settings"
            case DeleteConsumer(consumer=one):
                await jetstream.delete_consumer(one.stream, one.name)
                return f"{action.place} is deleted"
            case _:
                return await self._do_to_messages(action)

    async def _do_to_messages(self, action: Action) -> str:
        jetstream = self._jetstream
        match action:
            case PurgeStream(stream=stream, subject=subject, below=below, keep=keep):
                number = await jetstream.purge(stream.name, subject=subject, below=below, keep=keep)
                return f"{number:,} messages of {stream.name} are removed"
            case DeleteMessage(stream=name, sequence=sequence):
                await jetstream.delete_message(name, sequence)
                return f"message {sequence:,} of {name} is deleted"
            case Republish():
                return await self._republish(action)
        raise TypeError(f"unknown action {type(action).__name__}")

    async def _republish(self, action: Republish) -> str:
        reply = await self._connection.request(
            action.subject, action.payload, headers=dict(action.headers)
        )
        try:
            stored = answer_in(reply.data, PubAck)
        except ApiError as error:
            raise NotPermittedError(f"it was not stored: {error.description}") from error
        return f"stored in {stored.stream} as message {stored.seq:,}"

    async def _edit(self, stream: str, consumer: str, changes: dict[str, object]) -> None:
        info = await self._jetstream.consumer_info(stream, consumer)
        config: dict[str, Any] = {**info.config, **changes}
        config.setdefault("name", consumer)
        await self._jetstream.edit_consumer(stream, consumer, config)

    def _need(self, version: tuple[int, int, int], what: str) -> None:
        if self._connection.server_version_tuple < version:
            wanted = ".".join(map(str, version[:2]))
            raise NotPermittedError(
                f"a server {what} from {wanted} on; this one is {self._connection.server_version}"
            )
