"""An operator with one account, as `nsc` makes them: logins with JWTs for a real server."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

import nkeys


class Key:
    """A key pair of one role."""

    def __init__(self, role: int) -> None:
        self.seed: str = nkeys.encode_seed(os.urandom(32), role).decode()
        self._pair = nkeys.from_seed(bytearray(self.seed.encode()))
        self.public: str = self._pair.public_key.decode().rstrip("=")

    def sign(self, subject: str, kind: str, **claims: Any) -> str:
        """Return a JWT of this issuer about a subject."""
        body: dict[str, Any] = {
            "iat": 1_700_000_000,
            "iss": self.public,
            "name": kind,
            "sub": subject,
            "nats": {"type": kind, "version": 2, **claims},
        }
        digest = hashlib.new("sha512_256", json.dumps(body).encode()).digest()
        body["jti"] = base64.b32encode(digest).decode().rstrip("=")
        signed = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(body)}"
        return f"{signed}.{_base64(self._pair.sign(signed.encode()))}"


class Operator:
    """An operator, its account, and users of it."""

    def __init__(self) -> None:
        self._operator = Key(nkeys.PREFIX_BYTE_OPERATOR)
        self._account = Key(nkeys.PREFIX_BYTE_ACCOUNT)
        self._system = Key(nkeys.PREFIX_BYTE_ACCOUNT)

    @property
    def server_config(self) -> str:
        """What the server needs to know."""
        operator = self._operator.sign(self._operator.public, "operator")
        accounts = "\n".join(
            f"{key.public}: {self._operator.sign(key.public, 'account', limits=_NO_LIMITS)}"
            for key in (self._account, self._system)
        )
        return f"""
operator: {operator}
resolver: MEMORY
system_account: {self._system.public}
resolver_preload {{
{accounts}
}}
"""

    def user(self, *, is_bearer: bool = False) -> tuple[str, str]:
        """Return the JWT and the seed of a new user; a bearer's JWT needs no signature."""
        user = Key(nkeys.PREFIX_BYTE_USER)
        claims = {"subs": -1, "data": -1, "payload": -1, "bearer_token": is_bearer}
        return self._account.sign(user.public, "user", **claims), user.seed


_NO_LIMITS = {
    "subs": -1,
    "data": -1,
    "payload": -1,
    "imports": -1,
    "exports": -1,
    "wildcards": True,
    "conn": -1,
    "leaf": -1,
}


def _part(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
