"""Case 39 of the tailer's list: random lives of a log against a model that just adds up bytes.

The stream of the model keeps a message once by its id, as the server does. A kill loses all that
was not recorded, and what is read is recorded before it goes out, as the agent does it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from shipper.checkpoint import LogRecord
from shipper.claims import Claims
from shipper.discovery import LogPlace
from shipper.source_log import SourceLog
from tests.shipper.shipping import QUICK


class LifeOfALog(RuleBasedStateMachine):
    """Writes, rotates, truncates, deletes, restarts and kills."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory(prefix="life-of-a-log-")
        self.directory = Path(self.place.name)
        self.path = self.directory / "app.log"
        self.written = b""
        self.stream: dict[str, bytes] = {}
        self.lines = 0
        self.clock = 1_000_000_000
        self.create()
        self.recorded: LogRecord | None = None
        self.log: SourceLog | None = None
        self.is_fragile = False
        self.now = time.monotonic() + 60
        """The clock of the shipper; it never goes back."""
        self.start()

    def teardown(self) -> None:
        self.start()
        self.write(b"the end\n")
        self.drain()
        assert self.log is not None
        self.log.close()
        self.place.cleanup()
        assert b"".join(self.stream.values()) == self.written

    # The program that writes.

    @rule(count=st.integers(1, 5), size=st.integers(0, 400))
    def append(self, count: int, size: int) -> None:
        for _ in range(count):
            self.lines += 1
            self.write(b"%d %s\n" % (self.lines, b"." * size))

    @rule(size=st.integers(1, 30))
    def append_a_part(self, size: int) -> None:
        self.write(b"-" * size)

    @precondition(lambda self: self.path.stat().st_size)
    @rule()
    def rotate_by_number(self) -> None:
        self.shift()
        self.path.rename(self.generation(1))
        self.create()

    @precondition(lambda self: self.path.stat().st_size)
    @rule()
    def rotate_by_date(self) -> None:
        self.path.rename(self.path.with_name(f"app.log-20260101.{self.clock}"))
        self.create()

    @precondition(lambda self: self.path.stat().st_size)
    @rule()
    def copy_and_truncate(self) -> None:
        self.shift()
        shutil.copyfile(self.path, self.generation(1))
        self.stamp(self.generation(1))
        os.truncate(self.path, 0)
        self.stamp(self.path)

    @precondition(lambda self: self.log is not None)
    @rule()
    def truncate_what_is_read(self) -> None:
        self.end_line()
        self.drain()
        os.truncate(self.path, 0)
        self.stamp(self.path)
        self.drain()

    @precondition(lambda self: self.log is not None)
    @rule(count=st.integers(1, 40))
    def rewrite_what_is_read(self, count: int) -> None:
        self.end_line()
        self.drain()
        self.create()
        self.append(count, 3)
        # Cut twice in one blink, its lines would be where nobody can know them.
        self.drain()

    @precondition(lambda self: self.log is not None)
    @rule()
    def delete_and_make_again(self) -> None:
        assert self.log is not None
        self.log.look(self.now)
        self.path.unlink()
        self.is_fragile = True
        self.create()

    # The shipper.

    @precondition(lambda self: self.log is None)
    @rule()
    def start(self) -> None:
        if self.log is not None:
            return
        place = LogPlace(path=str(self.path), root=self.directory, host="web1", name="app.log")
        self.log = SourceLog(place, QUICK, Claims(), record=self.recorded)
        self.recorded = self.log.record()
        for batch in list(self.log.in_hand):
            self.publish(batch.source.message_id, batch.payload)
            self.log.acknowledge(batch)

    @precondition(lambda self: self.may_end)
    @rule()
    def stop(self) -> None:
        assert self.log is not None
        self.recorded = self.log.record()
        self.log.close()
        self.log = None

    @precondition(lambda self: self.may_end)
    @rule(read=st.integers(0, 3), published=st.integers(0, 3))
    def kill(self, read: int, published: int) -> None:
        """Die after so many batches were recorded, of which so many went out."""
        assert self.log is not None
        self.log.look(self.now)
        batches = [self.log.next_batch(256, self.now + 60) for _ in range(read)]
        self.recorded = self.log.record()
        for batch in batches[:published]:
            if batch is not None:
                self.publish(batch.source.message_id, batch.payload)
        self.log.close()
        self.log = None

    @precondition(lambda self: self.log is not None)
    @rule()
    def look(self) -> None:
        assert self.log is not None
        self.log.look(self.now)

    @precondition(lambda self: self.log is not None)
    @rule(limit=st.sampled_from([64, 256, 1 << 16]))
    def read(self, limit: int) -> None:
        assert self.log is not None
        self.log.look(self.now)
        self.ship(limit, self.now)

    @precondition(lambda self: self.log is not None)
    @rule()
    def drain(self) -> None:
        assert self.log is not None
        idle = 0
        while idle < 3:
            self.now += 60
            self.log.look(self.now)
            idle = 0 if self.ship(1 << 16, self.now) else idle + 1

    # How it is done.

    @property
    def may_end(self) -> bool:
        """Whether a stop can be survived: what was deleted is only there while it is held open."""
        if self.log is not None and self.is_fragile:
            self.log.look(self.now)
            self.is_fragile = self.log.behind > 0
        return self.log is not None and not self.is_fragile

    def write(self, text: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(text)
        self.written += text
        self.stamp(self.path)

    def create(self) -> None:
        self.path.write_bytes(b"")
        self.stamp(self.path)

    def end_line(self) -> None:
        if not self.written.endswith(b"\n"):
            self.write(b"\n")

    def stamp(self, path: Path) -> None:
        self.clock += 1
        os.utime(path, (self.clock, self.clock))

    def generation(self, number: int) -> Path:
        return self.path.with_name(f"app.log.{number}")

    def shift(self) -> None:
        last = next(n for n in range(1, 1000) if not self.generation(n).exists())
        for number in range(last, 1, -1):
            self.generation(number - 1).rename(self.generation(number))

    def ship(self, limit: int, now: float) -> int:
        assert self.log is not None
        count = 0
        while (batch := self.log.next_batch(limit, now)) is not None:
            self.publish(batch.source.message_id, batch.payload)
            self.log.acknowledge(batch)
            count += 1
        self.recorded = self.log.record()
        return count

    def publish(self, message_id: str, payload: bytes) -> None:
        assert self.stream.setdefault(message_id, payload) == payload


TestLifeOfALog = pytest.mark.timeout(300)(LifeOfALog.TestCase)
TestLifeOfALog.settings = settings(stateful_step_count=40)
