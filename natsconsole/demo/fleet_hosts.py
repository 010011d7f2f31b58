"""Who is in the fleet: names, roles and logs, in an order that scripts rely on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["web", "db", "cache", "queue", "api", "auth"]
ROLES: tuple[Role, ...] = get_args(Role)

_LOG_NAMES: dict[Role, str] = {
    "web": "access.log",
    "db": "postgres.log",
    "cache": "redis.log",
    "queue": "queue.log",
    "api": "api.log",
    "auth": "auth.log",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHost:
    """One host of the fleet, with its one log."""

    name: str
    role: Role
    number: int
    """Counts from 1 within its role."""

    @property
    def log_name(self) -> str:
        """The name of its log file."""
        return _LOG_NAMES[self.role]


def fleet_hosts(count: int) -> tuple[FleetHost, ...]:
    """Return the first ``count`` hosts: web-01, db-01, ... auth-01, web-02 and so on."""
    return tuple(_host(index) for index in range(count))


def _host(index: int) -> FleetHost:
    role = ROLES[index % len(ROLES)]
    number = index // len(ROLES) + 1
    return FleetHost(name=f"{role}-{number:02d}", role=role, number=number)
