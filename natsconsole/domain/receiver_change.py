"""A change of a receiver, as it is confirmed where a mistake is an incident."""

from __future__ import annotations

from dataclasses import dataclass

from natsconsole.domain.actions import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverChange(Action):
    """What is asked of a receiver through its control service."""

    receiver: str
    what: str
    """What is done, in a few words."""
    consequences: tuple[str, ...]
    """What will happen, in sentences."""

    @property
    def title(self) -> str:
        """What is done to which receiver."""
        return f"{self.receiver}: {self.what}"

    @property
    def target(self) -> str:
        """The receiver's name."""
        return self.receiver

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        return self.consequences

    @property
    def command(self) -> str:
        """There is none: the console asks the receiver itself."""
        return ""
