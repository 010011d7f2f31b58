"""What the state on disk must survive: kills at any step, torn and foreign files, full disks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipper.checkpoint import SCHEMA_VERSION, Checkpoint, CheckpointError, LogRecord
from shipper.fingerprint import Position

WRITER = """
import sys
from pathlib import Path
from shipper.checkpoint import Checkpoint
from tests.shipper.test_list_c_checkpoint import record
checkpoint = Checkpoint(Path(sys.argv[1]))
first = checkpoint.record("/a")
number = first.files[0].offset if first else 0
while True:
    number += 1
    checkpoint.save((f"/{name}", record(number)) for name in "abc")
    print(number, flush=True)
"""
LOG = "/a"


def record(number: int) -> LogRecord:
    position = Position(
        identity="1-1",
        device=1,
        inode=1,
        offset=number,
        lines=number,
        head="h" * 32,
        tail="t" * 32,
        modified_ns=number,
    )
    return LogRecord(name="app.log", files=(position,) * 20)


def offsets(directory: Path) -> set[int]:
    checkpoint = Checkpoint(directory)
    found = {record.files[0].offset for _, record in checkpoint.records()}
    checkpoint.close()
    return found


async def test_c_kill_9_at_every_step_of_the_write(tmp_path: Path) -> None:
    last = 0
    for turn in range(12):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER, str(tmp_path)), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(turn * 7 + 1):
            last = int(await process.stdout.readline())
        await asyncio.sleep(0.0002 * turn)
        process.kill()
        rest = (await process.communicate())[0].split()
        last = int(rest[-1]) if rest else last
        # All of a save or nothing; never less than what was confirmed.
        (found,) = offsets(tmp_path)
        assert found in (last, last + 1)


@pytest.fixture(scope="module")
def power_off(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Database and log of 40 saves, as they lie on the disk when the power goes."""
    directory = tmp_path_factory.mktemp("state")
    checkpoint = Checkpoint(directory)
    for number in range(1, 41):
        checkpoint.save((f"/{name}", record(number)) for name in "abc")
    files = tuple((directory / f"checkpoint.sqlite{end}").read_bytes() for end in ("", "-wal"))
    checkpoint.close()
    return files[0], files[1]


@settings(max_examples=60)
@given(share=st.floats(0, 1), is_garbage=st.booleans())
def test_c_power_loss_keeps_a_whole_earlier_state(
    power_off: tuple[bytes, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    share: float,
    is_garbage: bool,
) -> None:
    """What was not synced is not there, or is whatever lay there before."""
    database, log = power_off
    place = int(len(log) * share)
    directory = tmp_path_factory.mktemp("torn")
    directory.chmod(0o700)
    (directory / "checkpoint.sqlite").write_bytes(database)
    rest = os.urandom(len(log) - place) if is_garbage else b""
    (directory / "checkpoint.sqlite-wal").write_bytes(log[:place] + rest)
    found = offsets(directory)
    assert len(found) <= 1
    assert all(1 <= number <= 40 for number in found)
    if share == 1.0:
        assert found == {40}
    shutil.rmtree(directory)


@pytest.mark.parametrize("size", [1, 15, 16, 100, 4096, 5000])
def test_c_torn_state_stops_and_never_means_start_over(tmp_path: Path, size: int) -> None:
    checkpoint = Checkpoint(tmp_path)
    for number in range(200):
        checkpoint.save([(f"/{number}", record(number))])
    checkpoint.close()
    state = tmp_path / "checkpoint.sqlite"
    whole = state.read_bytes()
    state.write_bytes(whole[:size])
    with pytest.raises(CheckpointError, match="is damaged") as caught:
        Checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [0, 18, 100, 5000])
def test_c_bits_that_flipped_are_noticed_or_do_no_harm(tmp_path: Path, place: int) -> None:
    checkpoint = Checkpoint(tmp_path)
    for number in range(200):
        checkpoint.save([(f"/{number}", record(number))])
    checkpoint.close()
    state = tmp_path / "checkpoint.sqlite"
    whole = bytearray(state.read_bytes())
    whole[place : place + 64] = bytes(64)
    state.write_bytes(whole)
    said = ""
    found: dict[str, LogRecord] = {}
    with contextlib.ExitStack() as stack:
        try:
            checkpoint = stack.enter_context(contextlib.closing(Checkpoint(tmp_path)))
            found = dict(checkpoint.records())
        except CheckpointError as error:
            said = str(error)
    assert "is damaged" in said or len(found) == 200


def test_c_an_empty_state_file_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.sqlite").touch()
    assert offsets(tmp_path) == set()


def test_c_a_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "checkpoint.sqlite"
    state.write_text('{"/var/log/app.log": 17}')
    with pytest.raises(CheckpointError, match="is damaged"):
        Checkpoint(tmp_path)
    assert state.read_text() == '{"/var/log/app.log": 17}'


def test_c_a_state_of_a_later_version_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path).close()
    with sqlite3.connect(tmp_path / "checkpoint.sqlite") as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(CheckpointError, match="newer version"):
        Checkpoint(tmp_path)


def test_c_a_link_in_the_place_of_the_state_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    target = tmp_path / "precious"
    target.write_bytes(b"")
    (tmp_path / "state" / "checkpoint.sqlite").symlink_to(target)
    with pytest.raises(CheckpointError, match="cannot write the state directory"):
        Checkpoint(tmp_path / "state")
    assert target.read_bytes() == b""


async def test_c_two_shippers_on_one_state(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    with pytest.raises(CheckpointError, match="another shipper uses"):
        Checkpoint(tmp_path)
    process.kill()
    await process.communicate()
    # The lock goes with the process, however it ends.
    assert offsets(tmp_path)


def test_c_a_full_disk_fails_the_save_and_keeps_the_state(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save([(LOG, record(1))])
    pages = checkpoint._database.execute("PRAGMA page_count").fetchone()[0]
    checkpoint._database.execute(f"PRAGMA max_page_count = {pages + 1}")
    many = [(f"/{number}", record(2)) for number in range(500)]
    with pytest.raises(sqlite3.Error, match="full"):
        checkpoint.save([(LOG, record(2)), *many])
    assert dict(checkpoint.records()) == {LOG: record(1)}
    checkpoint._database.execute("PRAGMA max_page_count = 100000")
    checkpoint.save([(LOG, record(2)), *many])
    checkpoint.close()
    assert offsets(tmp_path) == {2}


def test_c_a_read_only_state_is_refused(tmp_path: Path) -> None:
    from tests.support.capabilities import without_root_powers

    Checkpoint(tmp_path).close()
    with without_root_powers():
        for file in tmp_path.iterdir():
            file.chmod(0o400)
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(CheckpointError, match="cannot write the state directory"):
                Checkpoint(tmp_path)
        finally:
            tmp_path.chmod(0o700)
