"""What goes wrong below, as the screen understands it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from natsconsole.gateway.interface import GatewayError, LinkLostError, NotPermittedError
from natsconsole.gateway.jetstream import STREAM_NOT_FOUND, ApiError
from shipper.connection import ConnectionProblem, NotConnectedError, PermissionDeniedError


@contextlib.contextmanager
def as_gateway_errors(stream: str = "") -> Iterator[None]:
    """Turn errors of connection and JetStream into ``GatewayError``, one line for the user.

    ``stream``: the one that the console was asked to show, where it is about that.
    """
    try:
        yield
    except NotConnectedError as error:
        raise LinkLostError(str(error)) from error
    except PermissionDeniedError as error:
        raise NotPermittedError(str(error)) from error
    except ConnectionProblem as error:
        raise GatewayError(str(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise GatewayError(f"an answer that cannot be read: {error}") from error
    except ApiError as error:
        if error.err_code == STREAM_NOT_FOUND and stream:
            raise NoSuchStreamError(stream) from error
        raise GatewayError(str(error)) from error


class NoSuchStreamError(GatewayError):
    """There is no stream of the name that was asked for."""

    def __init__(self, stream: str) -> None:
        super().__init__(
            f"there is no stream {stream!r}: name one with --stream, "
            "or make it with `natsconsole setup`"
        )
