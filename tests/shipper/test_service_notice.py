"""The service manager hears what it listens for, on a real datagram socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipper.service_notice import ServiceNotice
from tests.support.waiting import until


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"\0natsconsole-test-{os.getpid()}-{id(listener)}"
        listener.bind(str(tmp_path / "notify") if request.param == "path" else name)
        listener.setblocking(False)
        yield listener


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    found = manager.getsockname()
    address = "@" + found[1:].decode() if isinstance(found, bytes) else found
    return {"NOTIFY_SOCKET": address, **more}


def heard(manager: socket.socket) -> list[str]:
    lines = []
    with contextlib.suppress(BlockingIOError):
        while True:
            lines.append(manager.recv(4096).decode())
    return lines


def test_ready_and_stopping(manager: socket.socket) -> None:
    notice = ServiceNotice.from_environment(environment(manager))
    notice.ready()
    notice.stopping()

    assert heard(manager) == ["READY=1", "STOPPING=1"]


async def test_signs_of_life_come_three_times_as_often_as_asked(manager: socket.socket) -> None:
    asked = environment(manager, WATCHDOG_USEC="60000", WATCHDOG_PID=str(os.getpid()))
    task = asyncio.create_task(ServiceNotice.from_environment(asked).keep_alive())
    lines: list[str] = []

    def has_heard() -> bool:
        lines.extend(heard(manager))
        return len(lines) >= 4

    await until(has_heard)
    task.cancel()

    assert set(lines) == {"WATCHDOG=1"}


@pytest.mark.parametrize(
    "asked",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "²"},
     {"WATCHDOG_USEC": "10", "WATCHDOG_PID": "1"}],
)  # fmt: skip
async def test_without_a_watchdog_there_are_none(
    manager: socket.socket, asked: dict[str, str]
) -> None:
    notice = ServiceNotice.from_environment(environment(manager, **asked))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await notice.keep_alive()

    assert heard(manager) == []


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234", "/no/such/socket"])
def test_without_a_manager_nothing_happens(address: str) -> None:
    notice = ServiceNotice.from_environment({"NOTIFY_SOCKET": address})
    notice.ready()
    notice.stopping()


def test_a_manager_that_does_not_read_holds_nothing_up(manager: socket.socket) -> None:
    notice = ServiceNotice.from_environment(environment(manager))
    for _ in range(2000):
        notice.ready()

    assert 0 < len(heard(manager)) < 2000
