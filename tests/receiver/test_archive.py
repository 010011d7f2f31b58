"""What is appended lies in the file, whole and in order, however it is handed over."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from natsconsole.receiver.archive import Archive

LARGE = [bytes([65 + number]) * 40_000 for number in range(5)]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"one\n"], id="one"),
        pytest.param([b"a\n", b"b\n", b"c\n"], id="small"),
        pytest.param(LARGE, id="large"),
        pytest.param([b"x" * 5000] * 1500, id="more than one call takes"),
    ],
)
def test_pieces_follow_each_other(tmp_path: Path, pieces: Sequence[bytes]) -> None:
    archive = Archive(tmp_path)
    archive.append("web1/app.log", [b"before\n"])
    archive.append("web1/app.log", pieces)
    archive.close()
    assert (tmp_path / "web1/app.log").read_bytes() == b"before\n" + b"".join(pieces)


@pytest.mark.parametrize("taken", [1, 40_000, 60_001])
def test_what_a_write_left_is_written_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    def short(file: int, pieces: Sequence[bytes]) -> int:
        return os.write(file, b"".join(pieces)[:taken])

    monkeypatch.setattr(os, "writev", short)
    archive = Archive(tmp_path)
    archive.append("web1/app.log", LARGE)
    archive.close()
    assert (tmp_path / "web1/app.log").read_bytes() == b"".join(LARGE)
