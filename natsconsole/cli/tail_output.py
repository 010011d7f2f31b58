"""How ``natsconsole tail`` writes lines, and the writing itself."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import queue
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from zlib import crc32

from natsconsole.domain.line_assembly import FoundLine
from natsconsole.domain.terminal_text import visible

Form = Callable[[FoundLine], bytes]

_COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")


def wants_colour(environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether colours may be sent."""
    is_dumb = environment.get("TERM", "") == "dumb"
    return is_terminal and not environment.get("NO_COLOR") and not is_dumb


def as_bytes(*, with_host: bool) -> Form:
    """Write a line as it is, for files and pipes."""

    def form(line: FoundLine) -> bytes:
        if with_host:
            return b"%b %b\n" % (line.place.host.encode("utf-8", "surrogateescape"), line.data)
        return line.data + b"\n" if line.has_end else line.data

    return form


def for_terminal(*, with_host: bool, with_colour: bool) -> Form:
    """Write a line so that nothing in it acts on the terminal."""

    def form(line: FoundLine) -> bytes:
        text = visible(line.text)
        if not with_host:
            return f"{text}\n".encode()
        host = visible(line.place.host)
        if with_colour:
            colour = _COLOURS[crc32(host.encode()) % len(_COLOURS)]
            host = f"\x1b[{colour}m{host}\x1b[0m"
        return f"{host} {text}\n".encode()

    return form


def as_json(line: FoundLine) -> bytes:
    """Write a line as one JSON object, of ASCII only.

    Its bytes are there too, in base64, where they are not UTF-8 and the text cannot say them.
    """
    place = line.place
    fields: dict[str, object] = {
        "time": place.time,
        "host": _sayable(place.host),
        "log": _sayable(place.log),
        "subject": _sayable(place.subject),
        "sequence": place.sequence,
        "line": line.data.decode("utf-8", "replace"),
    }
    try:
        line.data.decode()
    except UnicodeDecodeError:
        fields["base64"] = base64.b64encode(line.data).decode()
    return json.dumps(fields).encode() + b"\n"


def _sayable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def matching(lines: Iterable[FoundLine], wanted: re.Pattern[str] | None) -> list[FoundLine]:
    """Return the lines in which the pattern is found."""
    return [line for line in lines if wanted is None or wanted.search(line.text)]


class Output:
    """Writes to a file descriptor beside the event loop.

    Whoever reads may be slow, or stop reading: the connection lives on meanwhile, and an interrupt
    ends the program even while a write waits.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._jobs: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, name="output", daemon=True).start()

    async def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            OSError: that cannot be done; a `BrokenPipeError` where nobody reads any more.
        """
        if data:
            done: asyncio.Future[None] = self._loop.create_future()
            self._jobs.put((data, done))
            await done

    def _work(self) -> None:
        while True:
            data, done = self._jobs.get()
            error = self._write(data)
            try:
                self._loop.call_soon_threadsafe(_settle, done, error)
            except RuntimeError:  # the loop has ended meanwhile
                return

    def _write(self, data: bytes) -> OSError | None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            return error
        return None


def _settle(done: asyncio.Future[None], error: OSError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
