"""Host patterns as flags."""

from __future__ import annotations

from typing import Any

import click

from natsconsole.domain.host_pattern import BadPatternError, HostPattern


class Pattern(click.ParamType[HostPattern]):
    """A subject with one ``{host}`` or ``{host>}`` in it."""

    name = "pattern"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> HostPattern:
        """Return the pattern."""
        if isinstance(value, HostPattern):
            return value
        try:
            return HostPattern.parse(value)
        except BadPatternError as error:
            self.fail(str(error), param, ctx)
