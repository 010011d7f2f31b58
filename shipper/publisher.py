"""Publishes a batch until the stream has it: nothing counts as sent but what a PubAck names."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import msgspec

from shipper.backoff import Backoff
from shipper.batches import Batch
from shipper.connection import (
    Connection,
    NoRespondersError,
    NotConnectedError,
    PayloadTooLargeError,
    PermissionDeniedError,
    RequestFailedError,
)
from shipper.figures import Figures
from shipper.problems import Problems
from shipper.wire import LABELS_HEADER, publish_subject

MESSAGE_TOO_LARGE = 10054
STREAM_FULL = 10077
STORAGE_FULL = 10023
QUEUE_FULL = 10167

_DUPLICATE = b'"duplicate"'
_WAITING = "the lines wait in their files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a batch is not in the stream."""

    kind: str
    sentence: str
    too_large: bool = False
    """It will never be taken in this size."""


class BatchTooLargeError(Exception):
    """The stream takes only smaller messages."""


class _ApiError(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _PubAck(msgspec.Struct):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: _ApiError | None = None


def refusal_of(answer: bytes, prefix: str) -> Refusal | None:
    """Read the answer to a publish; None where it is the acknowledgement."""
    try:
        ack = msgspec.json.decode(answer, type=_PubAck)
    except msgspec.MsgspecError:
        ack = _PubAck()
    if ack.error is not None:
        return _refusal(ack.error)
    if ack.stream and ack.seq > 0:
        return None
    return Refusal(
        kind="no-stream",
        sentence=f"what answers on {prefix}.> is no stream; {_WAITING}",
    )


def _refusal(error: _ApiError) -> Refusal:
    text = f"{error.description} ({error.err_code or error.code})"
    if error.err_code == STREAM_FULL:
        return Refusal(kind="full", sentence=f"the stream is full: {text}; {_WAITING}")
    if error.err_code == STORAGE_FULL:
        return Refusal(kind="storage", sentence=f"the server has no room: {text}; {_WAITING}")
    if error.err_code == QUEUE_FULL or error.code == 429:
        return Refusal(kind="queue", sentence=f"the server is busy: {text}; {_WAITING}")
    return Refusal(
        kind=f"refused-{error.err_code}",
        sentence=f"the stream refuses lines: {text}; {_WAITING}",
        too_large=error.err_code == MESSAGE_TOO_LARGE,
    )


class Publisher:
    """Sends batches, each until it is acknowledged.

    Args:
        stopping: once set, a batch that was refused is not sent again.
        timeout: seconds to wait for an acknowledgement before the same message is sent again.
    """

    def __init__(
        self,
        connection: Connection,
        prefix: str,
        problems: Problems,
        stopping: asyncio.Event,
        *,
        timeout: float = 5.0,
        figures: Figures | None = None,
    ) -> None:
        self._figures = figures if figures is not None else Figures()
        self._connection = connection
        self._prefix = prefix
        self._problems = problems
        self._stopping = stopping
        self._timeout = timeout

    async def publish(self, batch: Batch, *, labels: str = "") -> bool:
        """Return whether the batch is in the stream: False only while stopping.

        Args:
            batch: what to send.
            labels: of its log, for the ``Log-Labels`` header.

        Raises:
            BatchTooLargeError: it is larger than the stream or the server takes.
        """
        backoff = Backoff(start=0.1, cap=2.0)
        who = (batch.source.host, batch.source.name)
        while True:
            is_sent = self._connection.state == "connected"
            try:
                refusal = await self._try(batch, labels)
            except NotConnectedError:  # the connection says so itself
                with contextlib.suppress(NotConnectedError):
                    await self._connection.wait_connected(0.5)
            else:
                if refusal is None:
                    self._problems.ended(who)
                    return True
                if refusal.too_large:
                    raise BatchTooLargeError(refusal.sentence)
                self._problems.started(who, refusal.kind, refusal.sentence)
            self._figures.retries += is_sent
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff.next_wait()):
                    await self._stopping.wait()
            if self._stopping.is_set():
                return False

    async def _try(self, batch: Batch, labels: str) -> Refusal | None:
        source = batch.source
        headers = source.headers()
        if labels:
            headers[LABELS_HEADER] = labels
        try:
            reply = await self._connection.request(
                publish_subject(self._prefix, source.host),
                batch.payload,
                timeout=self._timeout,
                headers=headers,
            )
        except NoRespondersError:
            return Refusal(
                kind="no-stream",
                sentence=f"no stream listens on {self._prefix}.>; create it with "
                f"`natsconsole setup`; {_WAITING}",
            )
        except PayloadTooLargeError as error:
            return Refusal(kind="too-large", sentence=str(error), too_large=True)
        except PermissionDeniedError as error:
            return Refusal(kind=f"denied-{error.subject}", sentence=f"{error}; {_WAITING}")
        except RequestFailedError as error:
            return Refusal(kind="no-answer", sentence=f"{error}; {_WAITING}")
        refusal = refusal_of(reply.data, self._prefix)
        if refusal is None:
            self._figures.acks += 1
            self._figures.bytes += len(batch.payload)
            self._figures.lines += batch.lines
            self._figures.duplicates += _DUPLICATE in reply.data
        return refusal
