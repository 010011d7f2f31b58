"""What really goes down the line: read from a terminal, as a terminal would read it."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from contextlib import suppress

ALLOWED = re.compile(
    rb"\x1b\[[0-9;?<>=$:]*[A-Za-z@`~]"  # CSI: colours, cursor, modes
    rb"|\x1b\[\?[0-9;]*\$p"
    rb"|\x1b_G[^\x1b]*\x1b\\"  # a question for what images the terminal knows
    rb"|\x1b\]22;[a-z-]*\x07"  # the shape of the mouse pointer
    rb"|\x1b[78=>c]|\x1b\([B0]"
)
VISITS = {
    b"HOSTS": b"u",
    b"UNACKED": b"\r",
    b"HEADERS": b"e",
    b"EVENTS": b"R",
    b"RECEIVERS": b"L",
    b"STEPS": b"",
}
"""What to press where this is on the screen."""
CONSOLE = """
from tests.tui.test_safety import HOSTILE, hostile_gateway
from natsconsole.tui.app import ConsoleApp
ConsoleApp(hostile_gateway("|".join(text[:40] for text in HOSTILE.values()))).run()
"""


def output_of(seconds: float) -> bytes:
    """Run a console whose every text is hostile, and return what it sends."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140", "LINES": "40"}
    with subprocess.Popen(
        [sys.executable, "-c", CONSOLE],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(slave)
        received = b""
        visited: list[bytes] = []
        deadline = time.monotonic() + 20
        with suppress(OSError):
            while time.monotonic() < deadline:
                if select.select([master], [], [], 0.1)[0]:
                    received += os.read(master, 65536)
                for seen, key in VISITS.items():
                    if seen in received and seen not in visited:
                        visited.append(seen)
                        os.write(master, key)
                if b"STEPS" in received and deadline > time.monotonic() + seconds:
                    deadline = time.monotonic() + seconds
            os.write(master, b"q")
            while data := os.read(master, 65536):
                received += data
        os.close(master)
        process.wait(10)
    return received


def test_only_allowed_sequences_reach_the_terminal() -> None:
    sent = output_of(1.5)
    rest = ALLOWED.sub(b"", sent)
    for seen in (b"HOSTS", b"UNACKED", b"HEADERS", b"EVENTS", b"RECEIVERS", b"ACK LAB"):
        assert seen in rest
    assert b"\x1b" not in rest, rest[max(0, rest.find(b"\x1b") - 40) :][:120]
    text = rest.decode("utf-8")
    controls = {char for char in text if ord(char) < 32 or 0x7F <= ord(char) < 0xA0}
    assert controls <= {"\r", "\n"}
    assert "\u202e" not in text
