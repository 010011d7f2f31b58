"""An SSH server on loopback that gives each session a terminal, as sshd does, and its client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fcntl import ioctl

import asyncssh
import pyte

from tests.support.waiting import until

_USER = "operator"
_ENDS_WITHIN = 60.0


class SshTerminal:
    """One of our programs at the other end of an SSH connection."""

    def __init__(
        self, client: asyncssh.SSHClientConnection, process: asyncssh.SSHClientProcess[bytes]
    ) -> None:
        self._client = client
        self._process = process
        self._screen = pyte.Screen(140, 40)
        self._stream = pyte.ByteStream(self._screen)
        self._reading = asyncio.create_task(self._read())

    @property
    def text(self) -> str:
        """What is on the screen now."""
        return "\n".join(self._screen.display)

    def press(self, keys: str) -> None:
        self._process.stdin.write(keys.encode())

    async def shows(self, *words: str, within: float = 30.0) -> None:
        await self.until(lambda: all(word in self.text for word in words), within=within)

    async def until(self, condition: Callable[[], bool], *, within: float) -> None:
        try:
            await until(condition, within=within)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None

    def cut(self) -> None:
        """Lose the connection, as when a laptop's lid is shut."""
        self._client.abort()

    async def exit_code(self) -> int | None:
        """Wait for the program's end."""
        async with asyncio.timeout(60):
            return (await self._process.wait()).returncode

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._client.abort()

    async def _read(self) -> None:
        with contextlib.suppress(asyncssh.Error, ConnectionError):
            while data := await self._process.stdout.read(65536):
                self._stream.feed(data)


@asynccontextmanager
async def ssh_terminal(*arguments: str) -> AsyncIterator[SshTerminal]:
    """Run ``python -m <arguments>`` through SSH, on a terminal of 140 by 40."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    trusted = asyncssh.import_authorized_keys(key.export_public_key().decode())
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        authorized_client_keys=trusted,
        process_factory=lambda process: _serve(process, arguments),
        encoding=None,
    )
    async with server:
        client = await asyncssh.connect(
            "127.0.0.1",
            server.get_port(),
            username=_USER,
            client_keys=[key],
            known_hosts=None,
            config=None,
            agent_path=None,
        )
        process = await client.create_process(
            term_type="xterm-256color", term_size=(140, 40), encoding=None
        )
        terminal = SshTerminal(client, process)
        try:
            yield terminal
        finally:
            await terminal.close()


async def _serve(process: asyncssh.SSHServerProcess[bytes], arguments: tuple[str, ...]) -> None:
    primary, secondary = os.openpty()
    columns, rows, *_ = process.term_size
    ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    program = subprocess.Popen(  # noqa: ASYNC220 - it only forks
        [sys.executable, "-m", *arguments],
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color", "SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 2"},
        preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - for the hang-up
    )
    os.close(secondary)
    ended = asyncio.create_task(asyncio.to_thread(program.wait))
    try:
        # The copy is closed with the session: that hangs up, as sshd does.
        await process.redirect(stdin=os.dup(primary), stdout=primary, send_eof=False)
        lost = asyncio.create_task(process.wait_closed())
        await asyncio.wait({ended, lost}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            process.exit(ended.result())
    finally:
        process.close()
        await asyncio.wait({ended}, timeout=_ENDS_WITHIN)
        program.kill()  # a program that stays fails its test, and does not keep it waiting
        await ended
