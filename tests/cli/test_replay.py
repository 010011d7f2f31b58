from pathlib import Path

import pytest
from click.testing import CliRunner

from natsconsole.cli import main


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 a zip", "it is no recording of natsconsole"),
        (b"natsconsole recording 1\n", "it holds no whole frame"),
        (b"natsconsole recording 1\nK\x00", "it holds no whole frame"),
    ],
)
def test_a_file_that_is_no_recording_is_one_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    found = CliRunner().invoke(main, ["replay", str(path)])
    assert found.exit_code == 2
    assert found.output.startswith(f"Error: {path}: {words}")
    assert found.output.count("\n") == 1
