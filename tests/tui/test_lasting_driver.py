"""A terminal that has hung up keeps nobody waiting."""

from __future__ import annotations

import io

import pytest
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from natsconsole.tui.lasting_driver import LastingFile


class HungUp(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


@pytest.mark.timeout(30)
def test_whatever_is_written_to_a_terminal_that_hung_up_is_taken() -> None:
    thread = WriterThread(LastingFile(HungUp()))  # type: ignore[arg-type]
    thread.start()
    for _ in range(2 * MAX_QUEUED_WRITES):
        thread.write("text")
    thread.stop()
    assert not thread.is_alive()
