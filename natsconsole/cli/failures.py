"""What went wrong, as one line and an exit code: 2 critical or usage, 3 no connection."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from natsconsole.gateway.jetstream import ApiError
from shipper.connection import ConnectionProblem, CredentialsFileError


class Failure(click.ClickException):
    """A command that cannot go on."""

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


@contextlib.contextmanager
def failures_as_one_line(*others: type[Exception]) -> Iterator[None]:
    """Turn the errors a user can cause, and ``others``, into one line each."""
    try:
        yield
    except CredentialsFileError as error:
        raise Failure(str(error)) from error
    except ConnectionProblem as error:
        raise Failure(str(error), exit_code=3) from error
    except ApiError as error:
        raise Failure(str(error)) from error
    except others as error:
        raise Failure(str(error)) from error
