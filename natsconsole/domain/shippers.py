"""What the shippers say of themselves, and the orders of the Big Red Button."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from natsconsole.domain.actions import Action

ALL = "all"
"""Stands for every host in an order."""
MISSED = 3
"""Heartbeats in a row that were not heard, after which a shipper counts as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipperPulse:
    """How a host's shipper was when it was last heard."""

    machine: str = ""
    is_alive: bool = True
    backlog_bytes: int = 0
    """Bytes in the host's files that are not known to be in the stream."""
    lag_seconds: float = 0.0
    """For how long the oldest of them have waited."""
    is_paused: bool = False
    bytes_per_second: int = 0
    """The limit that it obeys; 0 is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippersSeen:
    """All shippers that were heard."""

    alive: int = 0
    gone: tuple[str, ...] = ()
    """Machines whose shipper was heard, and is no more."""
    hosts: int = 0
    """Hosts whose shipper is alive."""
    paused_hosts: int = 0
    backlog_bytes: int = 0
    lag_seconds: float = 0.0
    """The longest wait of any host that is not paused."""
    lost_bytes: int = 0
    """Taken away at the source before a shipper had read it, since the shippers started: at least
    so many bytes."""
    lost_at: tuple[str, ...] = ()
    """The machines where that was."""
    problems: tuple[str, ...] = ()
    """What shippers say is wrong, one line each."""
    is_stopped: bool = False
    """Whether the button pauses everybody."""
    reason: str = ""
    """Why, by whoever pressed it."""


NO_SHIPPERS = ShippersSeen()


class NotAnOrderError(ValueError):
    """What was typed is no order. The text says what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonOrder(Action):
    """What is asked of the shippers."""

    pauses: bool
    host: str = ALL
    reason: str = ""

    @property
    def title(self) -> str:
        """What is done to whom."""
        return f"red button: {'pause' if self.pauses else 'resume'} {self.whom}"

    @property
    def target(self) -> str:
        """The host, or all."""
        return self.host

    @property
    def plan(self) -> tuple[str, ...]:
        """What will happen."""
        if self.pauses:
            return (
                f"{self.whom} will publish nothing until resumed; the lines wait in their files",
                "a file that is deleted or rotated away too often meanwhile is lost",
            )
        return (f"{self.whom} will publish again, first what has waited in the files",)

    @property
    def command(self) -> str:
        """There is none: the order is a value in the shippers' bucket."""
        return ""

    @property
    def whom(self) -> str:
        """Whom it concerns, in words."""
        return "all shippers" if self.host == ALL else f"the shipper of {self.host}"


def read_order(typed: str, hosts: Collection[str]) -> ButtonOrder:
    """Read ``pause all``, ``pause web-01 its disk is changed`` or ``resume all``.

    Raises:
        NotAnOrderError: it is none, or names a host that is not there.
    """
    verb, _, rest = typed.strip().partition(" ")
    host, _, reason = rest.strip().partition(" ")
    if verb.casefold() not in {"pause", "resume"} or not host:
        raise NotAnOrderError(
            f"{typed.strip()!r} is no order: type pause or resume, then all or a host's name"
        )
    if host != ALL and host not in hosts:
        raise NotAnOrderError(f"there is no host {host!r}: type its whole name, or all")
    return ButtonOrder(pauses=verb.casefold() == "pause", host=host, reason=reason.strip())
