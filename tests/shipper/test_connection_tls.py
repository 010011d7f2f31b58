"""TLS asked for is TLS or no connection; certificates, nkeys and names are checked."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import nkeys
import pytest
import pytest_asyncio

from shipper.connection import (
    Connection,
    ConnectionOptions,
    CredentialsFileError,
    CredentialsRefusedError,
    TlsRefusedError,
)
from tests.support.fake_nats import FakeNats
from tests.support.nats_server import NatsServer

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


class Authority:
    """Signs certificates for this machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    async def begin(self) -> None:
        await self._run(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=ca"),
            *("-keyout", "ca.key", "-out", "ca.pem"),
        )

    async def sign(self, name: str) -> tuple[Path, Path]:
        (self.directory / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1\n")
        await self._run(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", f"{name}.key", "-out", f"{name}.csr"),
        )
        await self._run(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem"),
        )
        return self.directory / f"{name}.pem", self.directory / f"{name}.key"

    async def _run(self, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            "openssl", *arguments, cwd=self.directory, stderr=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0


@pytest_asyncio.fixture
async def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "ca")
    await made.begin()
    return made


async def tls_config(authority: Authority, *more: str) -> str:
    cert, key = await authority.sign("server")
    files = {"cert_file": cert, "key_file": key, "ca_file": authority.ca}
    lines = [f"{name}: {json.dumps(str(path))}" for name, path in files.items()]
    return "tls {\n" + "\n".join([*lines, *more]) + "\n}\n"


@pytest_asyncio.fixture
async def tls_server(tmp_path: Path, authority: Authority) -> AsyncIterator[NatsServer]:
    config = await tls_config(authority)
    async with NatsServer(tmp_path / "tls", config=config) as server:
        yield server


def options(server: NatsServer, **more: object) -> ConnectionOptions:
    return ConnectionOptions(servers=(server.url,), **more)  # type: ignore[arg-type]


async def test_a_server_with_tls(tls_server: NatsServer, authority: Authority) -> None:
    async with Connection(options(tls_server, tls_ca=authority.ca)) as connection:
        assert await connection.rtt() > 0


async def test_a_server_nobody_vouches_for(tls_server: NatsServer) -> None:
    with pytest.raises(TlsRefusedError, match="no TLS connection"):
        await Connection(options(tls_server, tls=True)).open()


async def test_a_stripped_greeting_gets_no_login(authority: Authority) -> None:
    async with FakeNats() as fake:
        wanted = ConnectionOptions(
            servers=(fake.url.replace("nats://", "tls://"),), user="u", password="hidden"
        )
        with pytest.raises(TlsRefusedError, match="offers no TLS"):
            await Connection(wanted).open()
        assert fake.logins == 0
        assert fake.lines == []


async def test_a_server_without_tls(nats_server: NatsServer, authority: Authority) -> None:
    with pytest.raises(TlsRefusedError, match="offers no TLS"):
        await Connection(options(nats_server, tls_ca=authority.ca)).open()


async def test_client_certificates(tmp_path: Path, authority: Authority) -> None:
    config = await tls_config(authority, "verify: true")
    cert, key = await authority.sign("client")
    async with NatsServer(tmp_path / "verify", config=config) as server:
        wanted = options(server, tls_ca=authority.ca, tls_cert=cert, tls_key=key)
        async with Connection(wanted) as connection:
            assert await connection.rtt() > 0
        with pytest.raises(TlsRefusedError, match="cannot use the certificate"):
            await Connection(
                options(server, tls_ca=authority.ca, tls_cert=cert, tls_key=tmp_path / "none")
            ).open()


async def test_tls_before_the_greeting(tmp_path: Path, authority: Authority) -> None:
    config = await tls_config(authority, "handshake_first: true")
    async with NatsServer(tmp_path / "first", config=config) as server:
        wanted = options(server, tls_ca=authority.ca, tls_first=True)
        async with Connection(wanted) as connection:
            assert await connection.rtt() > 0


async def test_an_nkey_logs_us_in_and_is_read_again(tmp_path: Path) -> None:
    # A seed made of fixed bytes: 'SU', then the key.
    pair = nkeys.from_seed(nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER))
    config = f"authorization {{ users: [ {{ nkey: {pair.public_key.decode()} }} ] }}"
    seed = tmp_path / "user.nk"
    async with NatsServer(tmp_path / "nkey", config=config) as server:
        seed.write_bytes(b"# ours\n" + bytes(pair.seed) + b"\n")
        async with Connection(options(server, nkey=seed)) as connection:
            assert await connection.rtt() > 0
        other = nkeys.encode_seed(bytes(32), nkeys.PREFIX_BYTE_USER)
        seed.write_bytes(bytes(other))
        with pytest.raises(CredentialsRefusedError, match="refused the credentials of the nkey"):
            await Connection(options(server, nkey=seed)).open()
        seed.write_bytes(b"nothing\n")
        with pytest.raises(CredentialsFileError, match="no user seed"):
            await Connection(options(server, nkey=seed)).open()
