"""Finds receivers and talks to their control services."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from typing import TypeVar

import msgspec

from natsconsole.domain.messages import InFlight, InFlightMessage
from natsconsole.domain.receivers import (
    SERVICE_NAME,
    HostsReply,
    HostsRequest,
    HostStatus,
    ReceiverStatus,
    UnackedMessage,
    UnackedReply,
    UnackedRequest,
    control_subject,
)
from natsconsole.gateway.interface import GatewayError, NotPermittedError
from shipper.connection import (
    Connection,
    NoRespondersError,
    PermissionDeniedError,
    RequestFailedError,
)
from shipper.headers import fields_of

_DISCOVERY_WAIT = 0.15
_DISCOVERY_INTERVAL = 2.0
_REFUSED_INTERVAL = 30.0
"""Seconds until a login that may not ask for receivers asks again."""
_STATUS_TIMEOUT = 1.0
_CHANGE_TIMEOUT = 8.0
_PAGE = 1000
_MOST_UNACKED = 5_000
"""Messages in flight that are read of one receiver for the panes."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


class _Service(msgspec.Struct):
    metadata: dict[str, str] = {}


class Receivers:
    """The receivers of one stream, as their micro services answer.

    Each is known by its name, or by ``group/name`` where receivers of two groups have one name.
    """

    def __init__(self, connection: Connection, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects: dict[str, str] = {}
        self._found: dict[str, tuple[str, str]] = {}
        """Group and name of each."""
        self._discovered = 0.0
        self._labs: frozenset[str] = frozenset()
        self._is_refused = False
        self.not_permitted = ""
        """What this login may not ask of receivers, in one line: they seem absent then."""

    async def statuses(self) -> tuple[ReceiverStatus, ...]:
        """Return the status of every receiver that answers, by name."""
        since = time.monotonic() - self._discovered
        if self._is_refused:
            is_due = since > _REFUSED_INTERVAL
        else:
            self.not_permitted = ""
            is_due = not self._subjects or since > _DISCOVERY_INTERVAL
        if is_due:
            await self._discover()
        answers = await asyncio.gather(*(self._status(name) for name in sorted(self._subjects)))
        found = tuple(status for status in answers if status is not None)
        self._labs = frozenset(status.name for status in found if status.lab)
        return found

    async def hosts(self, names: tuple[str, ...] | None = None) -> dict[str, HostStatus]:
        """Return what receivers know of the named hosts, or of all."""
        found: dict[str, HostStatus] = {}
        for receiver in list(self._subjects):
            offset, total = 0, 1
            while offset < total:
                request = HostsRequest(hosts=names, offset=offset, limit=_PAGE)
                try:
                    reply = await self._ask(receiver, "hosts", request, HostsReply)
                except NotPermittedError as refusal:
                    self.not_permitted = str(refusal)
                    break
                for host in reply.hosts:
                    known = found.get(host.host)
                    if known is None or host.delivered > known.delivered:
                        found[host.host] = host
                offset += _PAGE
                total = 0 if names is not None else reply.total
        return found

    async def unacked(self, hosts: tuple[str, ...]) -> tuple[list[UnackedMessage], int | None]:
        """Return the messages in flight of these hosts.

        The second value is the stream sequence up to which they are all there, None where no
        receiver has more than are read or may be known.
        """
        found: list[UnackedMessage] = []
        ends: list[int] = []
        for receiver in list(self._subjects):
            try:
                reply = await self._pages(receiver, hosts, _MOST_UNACKED)
            except NotPermittedError as refusal:
                self.not_permitted = str(refusal)
                ends.append(0)
                continue
            found += reply.messages
            if len(reply.messages) < reply.total:
                ends.append(reply.messages[-1].sequence if reply.messages else 0)
        return found, min(ends, default=None)

    async def in_flight(self, hosts: tuple[str, ...] | None, limit: int) -> InFlight:
        """Return the messages in flight over all receivers, at most so many of each."""
        names = sorted(self._subjects)
        now = time.time()
        answers = await asyncio.gather(*(self._pages_if_any(name, hosts, limit) for name in names))
        found: dict[int, InFlightMessage] = {}
        for name, answer in zip(names, answers, strict=True):
            for message in answer.messages if answer is not None else ():
                known = found.get(message.sequence)
                if known is None or message.age < known.message.age:
                    found[message.sequence] = InFlightMessage(
                        receiver=name, message=message, is_lab=name in self._labs
                    )
        return InFlight(
            total=max(len(found), sum(answer.total for answer in answers if answer is not None)),
            messages=tuple(one for _, one in sorted(found.items())),
            read_at=now,
            silent=tuple(
                name for name, answer in zip(names, answers, strict=True) if answer is None
            ),
        )

    async def _pages_if_any(
        self, receiver: str, hosts: tuple[str, ...] | None, limit: int
    ) -> UnackedReply | None:
        try:
            return await self._pages(receiver, hosts, limit)
        except GatewayError:
            return None

    async def _pages(
        self, receiver: str, hosts: tuple[str, ...] | None, limit: int
    ) -> UnackedReply:
        """Return a receiver's messages in flight, page by page, at most so many."""
        found: list[UnackedMessage] = []
        while True:
            request = UnackedRequest(
                hosts=hosts, offset=len(found), limit=min(_PAGE, limit - len(found))
            )
            reply = await self._ask(receiver, "unacked", request, UnackedReply)
            found += reply.messages
            if not reply.messages or len(found) >= min(limit, reply.total):
                return UnackedReply(total=reply.total, now=reply.now, messages=tuple(found))

    async def change(
        self, receiver: str, verb: str, request: msgspec.Struct | None = None
    ) -> ReceiverStatus:
        """Ask for a change and return the state it led to."""
        status = await self._ask(receiver, verb, request, ReceiverStatus, timeout=_CHANGE_TIMEOUT)
        return msgspec.structs.replace(status, name=receiver)

    async def _status(self, name: str) -> ReceiverStatus | None:
        try:
            status = await self._ask(name, "status", None, ReceiverStatus)
            return msgspec.structs.replace(status, name=name)
        except NotPermittedError as refusal:
            self.not_permitted = str(refusal)
            return None
        except GatewayError:
            self._subjects.pop(name, None)
            self._found.pop(name, None)
            return None

    async def _ask(
        self,
        receiver: str,
        verb: str,
        request: msgspec.Struct | None,
        answer: type[T],
        *,
        timeout: float = _STATUS_TIMEOUT,
    ) -> T:
        subject = self._subjects.get(receiver)
        if subject is None:
            raise GatewayError(f"receiver {receiver} is not there")
        payload = msgspec.json.encode(request) if request is not None else b""
        try:
            reply = await self._connection.request(f"{subject}.{verb}", payload, timeout=timeout)
        except NoRespondersError:
            raise GatewayError(f"receiver {receiver} is not there") from None
        except PermissionDeniedError as denial:
            raise NotPermittedError(str(denial)) from None
        except RequestFailedError:
            raise GatewayError(f"receiver {receiver} does not answer") from None
        refusal = fields_of(reply.headers).get("Nats-Service-Error") if reply.headers else None
        if refusal:
            raise GatewayError(refusal)
        try:
            return msgspec.json.decode(reply.data, type=answer)
        except _UNREADABLE as error:
            raise GatewayError(f"receiver {receiver} gave an answer of another kind") from error

    async def _discover(self) -> None:
        # One that is slow to say it is there is missed only where it gives no status either.
        found = set(self._found.values())

        def take(_subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
            try:
                metadata = msgspec.json.decode(payload, type=_Service).metadata
            except _UNREADABLE:
                return
            name, group = metadata.get("name", ""), metadata.get("group", "")
            if not _TOKEN.fullmatch(name) or not _TOKEN.fullmatch(group):
                return
            # Anybody may answer: what is asked of a receiver goes nowhere but to receivers.
            subject = control_subject(group, name)
            if metadata.get("subject") == subject and metadata.get("stream") == self._stream:
                found.add((group, name))

        inbox = self._connection.new_inbox()
        subscription = await self._connection.subscribe(inbox, take)
        subject = f"$SRV.INFO.{SERVICE_NAME}"
        try:
            await self._connection.publish(subject, reply=inbox)
            await asyncio.sleep(_DISCOVERY_WAIT)
        finally:
            subscription.cancel()
        denial = self._connection.refusal_of(subject)
        self._is_refused = denial is not None
        self.not_permitted = str(denial or "")
        names = Counter(name for _, name in found)
        self._found = {
            name if names[name] == 1 else f"{group}/{name}": (group, name) for group, name in found
        }
        self._subjects = {known: control_subject(*one) for known, one in self._found.items()}
        self._discovered = time.monotonic()
