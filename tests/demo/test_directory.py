"""One demo at a time uses a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from natsconsole.demo.directory import DemoDirectory
from natsconsole.demo.problems import DemoError


def test_a_directory_is_used_by_one_demo_at_a_time(tmp_path: Path) -> None:
    first = DemoDirectory.claim(tmp_path)
    with pytest.raises(DemoError, match="another demo is using"):
        DemoDirectory.claim(tmp_path)

    first.release()

    DemoDirectory.claim(tmp_path).release()


def test_a_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DemoError, match=r"^the demo cannot write in '.*file/demo': not a dir"):
        DemoDirectory.claim(tmp_path / "file" / "demo")


def test_a_temporary_directory_is_removed_and_a_named_one_kept(tmp_path: Path) -> None:
    named, temporary = DemoDirectory.claim(tmp_path / "kept"), DemoDirectory.claim(None)
    for each in (named, temporary):
        each.release()
        each.remove()

    assert named.root.exists()
    assert not temporary.root.exists()
