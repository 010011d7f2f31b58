"""The small disk is really full, and is gone with its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own: mounts are private to it.
PROGRAM = """
import errno, sys
from pathlib import Path
from benchmarks.chaos.small_disk import SmallDisk, enter_private_mounts
if not enter_private_mounts():
    sys.exit(77)
try:
    disk = SmallDisk(Path(sys.argv[1]), 1 << 20)
except PermissionError:
    sys.exit(77)
file = (disk.path / "log").open("wb", buffering=0)
file.write(b"before")
disk.fill(8192)
try:
    for _ in range(4):
        file.write(bytes(4096))
    sys.exit("took more than there was room for")
except OSError as error:
    assert error.errno == errno.ENOSPC, error
disk.free()
assert file.write(bytes(1 << 18)) == 1 << 18
file.close()
disk.unmount(keep=sys.argv[2] == "keep")
"""


@pytest.mark.parametrize("keep", ["keep", "drop"])
def test_fills_frees_and_unmounts(tmp_path: Path, keep: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(disk), keep],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    if done.returncode == 77:
        pytest.skip("only root on Linux may mount")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in disk.iterdir()] == (["log"] if keep == "keep" else [])
    assert str(disk) not in Path("/proc/mounts").read_text()
