"""One look at all streams and consumers of an account, whoever made them.

Looking disturbs nothing: lists and single messages are asked for, nothing is created.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from natsconsole.domain.snapshots import Link
from natsconsole.domain.triage import TriageSnapshot


class Triage(Protocol):
    """What the screens of streams and consumers ask."""

    @property
    def link(self) -> Link:
        """The connection as it is now, without asking anybody."""

    async def look(self) -> TriageSnapshot:
        """Take one look. What is refused or missing is said in the snapshot.

        Raises:
            GatewayError: the connection is lost (``LinkLostError``), or nothing answers.
        """

    def prefer(self, consumers: Iterable[tuple[str, str]]) -> None:
        """Read these first, by stream and name, while not all can be read in one look.

        Such as the rows on the screen. It takes the place of what was preferred before.
        """
