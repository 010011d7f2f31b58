"""The receiver's control service: a NATS micro service on a connection of its own.

On the connection that carries the logs a request would wait behind megabytes of deliveries.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from nats.aio.client import Client
from nats.micro import ServiceConfig, add_service
from nats.micro.request import Request

from natsconsole import __version__
from natsconsole.domain.receivers import (
    SERVICE_NAME,
    AnswerRequest,
    FaultRequest,
    HostsRequest,
    MessageRequest,
    PolicyRequest,
    SettingsRequest,
    UnackedRequest,
    control_subject,
)
from natsconsole.receiver.receiver import Receiver, RefusedError
from shipper.connection import Connection

log = logging.getLogger(__name__)

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[None]]


class Control:
    """Answers status and control requests for one receiver."""

    def __init__(self, receiver: Receiver) -> None:
        config = receiver.config
        self.subject = control_subject(config.group, config.name)
        self._receiver = receiver

    async def serve_on(self, connection: Connection) -> None:
        """Listen on this connection, and on every client that replaces its own."""
        await connection.on_client(self._serve)

    async def _serve(self, client: Client) -> None:
        config = self._receiver.config
        service = await add_service(
            client,
            config=ServiceConfig(
                name=SERVICE_NAME,
                version=__version__,
                description="writes hosts' logs from JetStream to files",
                metadata={
                    "name": config.name,
                    "group": config.group,
                    "stream": config.stream,
                    "subject": self.subject,
                },
            ),
        )
        for verb, handler in self._handlers().items():
            await service.add_endpoint(
                name=verb, subject=f"{self.subject}.{verb}", handler=_answering(handler)
            )

    def _handlers(self) -> dict[str, Callable[[bytes], Awaitable[msgspec.Struct]]]:
        receiver = self._receiver

        async def status(_: bytes) -> msgspec.Struct:
            return receiver.status(self.subject)

        async def hosts(data: bytes) -> msgspec.Struct:
            return receiver.hosts(_read(data, HostsRequest))

        async def unacked(data: bytes) -> msgspec.Struct:
            return receiver.unacked(_read(data, UnackedRequest))

        async def policy(data: bytes) -> msgspec.Struct:
            await receiver.set_policy(_read(data, PolicyRequest).ack_policy)
            return receiver.status(self.subject)

        async def settings(data: bytes) -> msgspec.Struct:
            await receiver.set_settings(_read(data, SettingsRequest))
            return receiver.status(self.subject)

        async def message(data: bytes) -> msgspec.Struct:
            await receiver.answer_message(_read(data, MessageRequest))
            return receiver.status(self.subject)

        def changing(
            change: Callable[[bytes], None],
        ) -> Callable[[bytes], Awaitable[msgspec.Struct]]:
            async def changed(data: bytes) -> msgspec.Struct:
                change(data)
                return receiver.status(self.subject)

            return changed

        return {
            "status": status,
            "hosts": hosts,
            "unacked": unacked,
            "policy": policy,
            "settings": settings,
            "message": message,
            "answer": changing(lambda data: receiver.set_rule(_read(data, AnswerRequest))),
            "fault": changing(lambda data: receiver.set_fault(_read(data, FaultRequest).fault)),
            "pause": changing(lambda _: receiver.pause()),
            "resume": changing(lambda _: receiver.resume()),
            "drain": changing(lambda _: receiver.drain()),
        }


def _read(data: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(data or b"{}", type=kind)


def _answering(handler: Callable[[bytes], Awaitable[msgspec.Struct]]) -> Handler:
    async def answer(request: Request) -> None:
        try:
            reply = await handler(request.data)
        except RefusedError as error:
            await request.respond_error("403", str(error))
        except msgspec.MsgspecError as error:
            await request.respond_error("400", str(error))
        else:
            await request.respond(msgspec.json.encode(reply))

    return answer
