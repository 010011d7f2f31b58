"""Which stream is meant where nobody names one, and what there is instead of one that is not."""

from __future__ import annotations

from natsconsole.gateway.interface import GatewayError
from natsconsole.gateway.jetstream import STREAM_NOT_FOUND, ApiError, JetStream
from natsconsole.gateway.log_stream import EVENTS_SUFFIX
from shipper.connection import PermissionDeniedError

DEFAULT_STREAM = "LOGS"
_LISTED = 12
_NOT_FOR_LINES = ("KV_", "OBJ_")


async def chosen_stream(jetstream: JetStream, named: str | None) -> str:
    """Return the stream to show: the one that is named, else LOGS, else the only one there is.

    Raises:
        GatewayError: there is no such stream; the text says which there are.
    """
    name = named or DEFAULT_STREAM
    try:
        await jetstream.stream_info(name)
    except ApiError as error:
        if error.err_code != STREAM_NOT_FOUND:
            raise
    else:
        return name
    names = await _names(jetstream)
    if named is None and len(names) == 1:
        return names[0]
    raise GatewayError(f"there is no stream {name!r}: {_mend(names)}")


async def _names(jetstream: JetStream) -> list[str]:
    try:
        names = await jetstream.stream_names()
    except PermissionDeniedError:
        return []
    return sorted(
        name
        for name in names
        if not name.startswith(_NOT_FOR_LINES) and not name.endswith(EVENTS_SUFFIX)
    )


def _mend(names: list[str]) -> str:
    if not names:
        return "name one with --stream, or make it with `natsconsole setup`"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"name one with --stream: there are {', '.join(names[:_LISTED])}{more}"
