"""What really goes down the line: read from a terminal, as a terminal would read it."""

import base64
import os
import pty
import re
import select
import subprocess
import sys
import time
import unicodedata
from contextlib import suppress

ALLOWED = re.compile(
    rb"\x1b\[[0-9;?<>=$:]*[A-Za-z@`~]"  # CSI: colours, cursor, modes
    rb"|\x1b\[\?[0-9;]*\$p"
    rb"|\x1b_G[^\x1b]*\x1b\\"  # a question for what images the terminal knows
    rb"|\x1b\]22;[a-z-]*\x07"  # the shape of the mouse pointer
    rb"|\x1b\]2;[^\x00-\x1f\x7f]*\x07"  # the window's title
    rb"|\x1b[78=>c]|\x1b\([B0]"
)
CONSOLE = """
from tests.tui.test_safety import HOSTILE, hostile_gateway
from natsconsole.tui.app import ConsoleApp
ConsoleApp(hostile_gateway("|".join(text[:40] for text in HOSTILE.values()))).run()
"""


TIME_OF_LINE = b":19.600"
"""What only the pane's line shows: then all there is at first is there."""


def output_of(*keys: bytes | tuple[bytes, bytes], then: float = 1.0) -> bytes:
    """Run a console whose every text is hostile, press keys, and return what it sends.

    A key may come with what it leads to, which is waited for.
    """
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
        left = [*keys, b""]
        awaited, since = TIME_OF_LINE, 0
        ends = deadline = time.monotonic() + 60
        with suppress(OSError):
            while time.monotonic() < deadline and (left or time.monotonic() < ends):
                if select.select([master], [], [], 0.1)[0]:
                    received += os.read(master, 65536)
                elif left and awaited in received[since:]:  # what the last key led to is all there
                    since, key = len(received), left.pop(0)
                    key, awaited = key if isinstance(key, tuple) else (key, b"")
                    os.write(master, key)
                    ends = time.monotonic() + then
            os.write(master, b"\x03")
            while data := os.read(master, 65536):
                received += data
        os.close(master)
        process.wait(30)
    return received


def test_only_allowed_sequences_reach_the_terminal() -> None:
    expect_only_allowed(output_of())


def test_what_every_key_leads_to_is_no_sequence_either() -> None:
    words = (b"\t", b"/", b"red\r", b"n", b"J", b"12:00\r", b"+", b"s", b"\x1b", b"?")
    sent = output_of(b"!", b"\x1b", b"\r", *words, *(bytes([key]) for key in b"k kwtttglz"))
    expect_only_allowed(sent)


def test_no_other_screen_sends_a_sequence_either() -> None:
    words = (b"ack floor stands", b"HEADERS", b"EVENTS", b"RECEIVERS", b"ACK LAB")
    sent = output_of(*zip((b"u", b"\r", b"e", b"R", b"L"), words, strict=True))
    for seen in words:
        assert seen in sent
    expect_only_allowed(sent)


def test_a_copy_is_one_clipboard_sequence_with_nothing_to_act_upon() -> None:
    sent = output_of(b"\t", (b"c", b"\x1b]52;c;"))
    copies = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", sent)
    assert len(copies) == 1
    text = base64.b64decode(copies[0]).decode()
    assert text
    assert not [char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs"}]
    expect_only_allowed(re.sub(rb"\x1b\]52;c;[A-Za-z0-9+/=]*\x07", b"", sent))


def test_the_window_has_a_title_and_gets_its_own_back() -> None:
    sent = output_of()
    (title, *_) = re.findall(rb"\x1b\]2;([^\x07]*)\x07", sent)
    assert b"natsconsole" in title
    assert sent.index(b"\x1b[22;2t") < sent.index(b"\x1b]2;") < sent.index(b"\x1b[23;2t")


def expect_only_allowed(sent: bytes) -> None:
    rest = ALLOWED.sub(b"", sent)
    assert b"HOSTS" in rest
    assert b"\x1b" not in rest, rest[max(0, rest.find(b"\x1b") - 40) :][:120]
    text = rest.decode("utf-8")
    controls = {char for char in text if ord(char) < 32 or 0x7F <= ord(char) < 0xA0}
    assert controls <= {"\r", "\n"}
    assert "\u202e" not in text
