"""Logging in with a JWT: from a credentials file, and from a context that holds it itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shipper.connection import (
    Connection,
    ConnectionOptions,
    CredentialsFileError,
    CredentialsRefusedError,
)
from shipper.connection_flags import connection_options
from shipper.nats_context import ContextFiles
from tests.support.nats_server import NatsServer
from tests.support.operator_keys import Operator


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
async def server(tmp_path: Path, operator: Operator) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats", config=operator.server_config) as found:
        yield found


def context(tmp_path: Path, **keys: str) -> ConnectionOptions:
    directory = tmp_path / "nats" / "context"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "prod.json").write_text(json.dumps(keys))
    return connection_options({"context": "prod"}, ContextFiles({"XDG_CONFIG_HOME": str(tmp_path)}))


async def test_a_context_may_hold_jwt_and_seed(
    server: NatsServer, operator: Operator, tmp_path: Path
) -> None:
    jwt, seed = operator.user()
    options = context(tmp_path, url=server.url, user_jwt=jwt, user_seed=seed)
    assert options.login == "a JWT"
    assert seed not in repr(options)
    async with Connection(options) as connection:
        assert await connection.rtt() > 0


async def test_a_bearer_needs_no_seed(
    server: NatsServer, operator: Operator, tmp_path: Path
) -> None:
    jwt, _ = operator.user(is_bearer=True)
    async with Connection(context(tmp_path, url=server.url, user_jwt=jwt)) as connection:
        assert await connection.rtt() > 0


async def test_a_credentials_file(server: NatsServer, operator: Operator, tmp_path: Path) -> None:
    jwt, seed = operator.user()
    (tmp_path / "prod.creds").write_text(
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    options = context(tmp_path, url=server.url, creds=str(tmp_path / "prod.creds"))
    async with Connection(options) as connection:
        assert await connection.rtt() > 0


async def test_what_is_wrong_is_one_line(
    server: NatsServer, operator: Operator, tmp_path: Path
) -> None:
    (jwt, _), (_, others_seed) = operator.user(), operator.user()
    keys = {"url": server.url, "user_jwt": jwt}
    options = context(tmp_path, **keys, user_seed=others_seed)
    with pytest.raises(CredentialsRefusedError, match="the JWT of context 'prod'"):
        await Connection(options).open()
    options = context(tmp_path, **keys)
    with pytest.raises(CredentialsRefusedError, match="the JWT of context 'prod'"):
        await Connection(options).open()
    options = context(tmp_path, **keys, user_seed="hidden")
    with pytest.raises(CredentialsFileError, match="context 'prod': user_seed is no user seed"):
        await Connection(options).open()
